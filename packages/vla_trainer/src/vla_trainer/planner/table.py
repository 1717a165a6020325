"""Predictions as plain text, for `vla-train --plan`."""

from collections.abc import Mapping, Sequence

from vla_trainer.errors import PlacementError
from vla_trainer.planner.amounts import Amounts
from vla_trainer.planner.suggest import Candidate, suggest
from vla_trainer.planner.times import StageTimes

HEAD = ("GPUs", "layout", "stages", "iteration", "rollout", "update", "sync", "offload")
BUSY = ("env", "policy", "actor", "steps/s", "component_placement")


def describe_predictions(
    times: StageTimes,
    amounts: Amounts,
    source: str,
    *,
    gpus_per_node: int = 8,
    sizes: Sequence[int] = (8, 16, 32, 64),
    cores_per_node: int | None = None,
    rows: int = 3,
) -> str:
    """Return the best layouts for several numbers of GPUs as lines of text.

    Args:
        times: of the stages, measured.
        amounts: what an iteration does, the same for every size.
        source: where `times` are from; printed.
        gpus_per_node: GPUs of each machine; a smaller size is one machine with that many.
        sizes: numbers of GPUs; a note is printed for those that are not whole machines of `gpus_per_node`.
        cores_per_node: that the processes of a machine share; None: there are always enough.
        rows: layouts for each size.
    """
    found: dict[int, list[Candidate]] = {}
    notes = []
    for size in sizes:
        per_node = min(gpus_per_node, size)
        if size % per_node:
            notes.append(f"note: {size} GPUs are not a whole number of machines with {gpus_per_node}")
            continue
        try:
            found[size] = suggest(times, amounts, per_node, size // per_node, cores_per_node=cores_per_node)
        except PlacementError as error:
            notes.append(f"note: {size} GPUs: {error}")
    return "\n".join([render(found, source, times.measured_on, rows=rows), *notes])


def render(found: Mapping[int, Sequence[Candidate]], source: str, measured_on: str = "", *, rows: int = 3) -> str:
    """Return a table of the first `rows` candidates for each number of GPUs; * marks the first, the suggestion."""
    cells: list[tuple[str, ...]] = [(" ", *HEAD, *BUSY)]
    for gpus, candidates in found.items():
        for index, candidate in enumerate(candidates[:rows]):
            cells.append(("*" if index == 0 else " ", *_row(gpus, candidate)))
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    left = {2, len(widths) - 1}
    lines = [
        " ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    beside = any(candidate.prediction.beside for candidates in found.values() for candidate in candidates[:rows])
    legend = "* suggested; seconds: iteration = rollout + update + sync + offload"
    legend += " - the part of the update that runs during a rollout" if beside else ""
    legend += "; env, policy, actor: share of the iteration in which they are busy"
    return "\n".join([heading(source, measured_on), legend, *lines])


def heading(source: str, measured_on: str = "") -> str:
    """Return the line above any prediction: that it is one, and from which stage times."""
    where = source + (f" ({measured_on})" if measured_on else "")
    return f"a prediction, not a measurement: an iteration simulated with the stage times of {where}"


def _row(gpus: int, candidate: Candidate) -> tuple[str, ...]:
    layout, prediction = candidate.layout, candidate.prediction
    seconds = (prediction.total, prediction.rollout, prediction.update, prediction.sync, prediction.offload)
    placed = "; ".join(f"{names}: {value}" for names, value in layout.component_placement.items())
    return (
        str(gpus),
        layout.name,
        str(layout.stages),
        *(f"{value:.4g}" if value < 1000 else f"{value:.0f}" for value in seconds),
        *(f"{busy:.0%}" for busy in (prediction.env_busy, prediction.rollout_busy, prediction.actor_busy)),
        f"{prediction.env_steps_per_second:.4g}"
        if prediction.env_steps_per_second < 1000
        else f"{prediction.env_steps_per_second:.0f}",
        placed,
    )
