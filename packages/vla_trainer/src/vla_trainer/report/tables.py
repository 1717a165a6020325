"""The rows of the page's tables, as text."""

from collections.abc import Sequence
from dataclasses import dataclass

from vla_trainer.ablation.curve import WINDOW, final_value, smoothed
from vla_trainer.ablation.table import number
from vla_trainer.errors import PlacementError
from vla_trainer.evaluation.report import as_words, interval_text
from vla_trainer.evaluation.result import Evaluation, TaskCount
from vla_trainer.metrics import wilson_interval
from vla_trainer.placement import draw, parse
from vla_trainer.report.curves import SUCCESS, interval_of, last_with, pooled
from vla_trainer.report.events import SIGNS, SKIPPED, UNDONE
from vla_trainer.report.folders import RunData

NONE = "-"


@dataclass(frozen=True)
class OverviewRow:
    """A run in the table of all."""

    recipe: str
    seed: str
    iterations: str
    episodes: str
    minutes: str
    first: str
    """Success in training, mean over the first `WINDOW` iterations."""
    last: str
    """The same over the last ones."""
    last_interval: str
    """95% Wilson interval of all episodes of these; empty where there is none."""
    evaluated: str
    """Successes and episodes of the last evaluation, and the rate."""
    evaluated_interval: str
    events: str
    """Iterations with signs of a collapse, with undone updates, with skipped optimizer steps."""


@dataclass(frozen=True)
class RateRow:
    """A success rate with its interval, which the page shows as a bar, too."""

    name: str
    counted: str
    rate: str
    interval: str
    steps: str
    ends: tuple[float, float, float] | None
    """Lower end, rate and upper end in percent; None where success is not reported."""


def overview_row(run: RunData) -> OverviewRow:
    """Return what a run is worth, in a row."""
    last_rows, rows = last_with(run, SUCCESS), run.rows
    means = smoothed(rows, SUCCESS)
    last = final_value(rows, SUCCESS)
    successes, episodes = pooled(last_rows)
    planned = run.value("trainer", "iterations")
    evaluation = run.evaluation
    counts = [sum(1 for row in rows if row.metrics.get(name)) for name in (SIGNS, UNDONE, SKIPPED)]
    named = zip(counts, ("collapse signs", "undone updates", "skipped steps"), strict=True)
    return OverviewRow(
        recipe=run.recipe or NONE,
        seed=_or_none(run.value("trainer", "seed")),
        iterations=f"{rows[-1].iteration} of {planned}" if rows and planned else NONE,
        episodes=f"{rows[-1].episodes:,}" if rows and rows[-1].episodes else NONE,
        minutes=f"{rows[-1].minutes:.1f}" if rows else NONE,
        first=number(means[0][1], SUCCESS) if means else NONE,
        last=NONE if last is None else number(last, SUCCESS),
        last_interval=_interval(wilson_interval(successes, episodes)) if episodes else "",
        evaluated=NONE if evaluation is None or evaluation.success_rate is None else _counted(evaluation),
        evaluated_interval=""
        if evaluation is None or evaluation.success_rate is None
        else _interval(evaluation.interval),
        events=", ".join(f"{name} in {count}" for count, name in named if count) or "none",
    )


def task_rows(evaluation: Evaluation) -> list[RateRow]:
    """Return a row for each task of an evaluation, and one for all, which is the last."""
    rows = [rate_row(as_words(task.task), task) for task in evaluation.tasks]
    return [*rows, rate_row("all", evaluation)]


def numbers_table(run: RunData, metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return heads and a row for each iteration: the numbers of the run's curves."""
    names = [name for name in metrics if any(name in row.metrics for row in run.rows)]
    head = ["iteration", "episodes", "minutes"]
    means: dict[int, float] = {}
    for name in names:
        head.append(name)
        if name == SUCCESS:
            head += ["95% interval", f"mean of {WINDOW}"]
            means = {row.iteration: value for row, value in smoothed(run.rows, SUCCESS)}
    body = []
    for row in run.rows:
        cells = [str(row.iteration), f"{row.episodes:,}", f"{row.minutes:.2f}"]
        for name in names:
            value = row.metrics.get(name)
            cells.append(NONE if value is None else number(value, name))
            if name == SUCCESS:
                interval, mean = interval_of(row, name), means.get(row.iteration)
                cells += [
                    NONE if interval is None else _interval(interval),
                    NONE if mean is None else number(mean, name),
                ]
        body.append(cells)
    return head, body


def origin(run: RunData) -> list[tuple[str, str]]:
    """Return (term, text) of where a run's results come from, as far as its files say."""
    evaluation, provenance = run.evaluation, run.provenance
    pairs: list[tuple[str, object]] = [
        ("Folder", run.folder.name),
        ("Recipe", run.recipe),
        ("Algorithm", run.value("algorithm", "name")),
        ("Policy", run.value("policy", "factory")),
        ("Began with", run.value("policy", "checkpoint") or (None if not run.tree else "new weights")),
        ("Seed", run.value("trainer", "seed")),
        ("Environment", run.value("env", "id") if evaluation is None else evaluation.env_id),
        ("Trained on the assets", None if provenance is None else provenance.asset_set),
        ("Training rendered by", None if provenance is None else provenance.renderer),
    ]
    if evaluation is not None:
        of_states = "" if evaluation.available is None else f" of {evaluation.available} initial states"
        pairs += [
            ("Evaluated", f"{evaluation.episodes} episodes{of_states}"),
            ("Weights evaluated", evaluation.weights or "those of the run when it was evaluated"),
            ("Split evaluated", evaluation.split),
            ("Evaluated on the assets", evaluation.asset_set),
            ("Evaluation rendered by", evaluation.renderer),
            ("Actions in evaluation", "the most probable" if evaluation.deterministic else "sampled"),
        ]
    return [(term, str(value)) for term, value in pairs if value is not None]


def cluster(run: RunData) -> tuple[list[tuple[str, str]], str | None]:
    """Return (term, text) of the machines that a run was placed on, and the plan of the placement as lines of text."""
    section = run.value("cluster")
    if not isinstance(section, dict):
        return [], None
    pairs = [
        ("Backend", section.get("backend")),
        ("Nodes", section.get("num_nodes")),
        ("GPUs of a node", section.get("gpus_per_node")),
        ("Environments", run.value("env", "num_envs")),
        ("Threads", run.value("trainer", "threads")),
    ]
    try:
        placement = parse(
            section.get("component_placement", {}),
            section.get("num_nodes", 1),
            section.get("gpus_per_node", 0),
            section.get("node_groups", []),
        )
        plan = "\n".join(draw(placement))
    except PlacementError:
        plan = None
    return [(term, str(value)) for term, value in pairs if value is not None], plan


def rate_row(name: str, counts: Evaluation | TaskCount) -> RateRow:
    """Return an evaluation, or a task of it, as a row."""
    unknown = isinstance(counts, Evaluation) and not counts.states
    steps = NONE if unknown or counts.mean_env_steps is None else f"{counts.mean_env_steps:.1f}"
    if counts.success_rate is None:
        return RateRow(name, f"{NONE}/{counts.episodes}", NONE, NONE, steps, None)
    low, high = counts.interval
    return RateRow(
        name,
        f"{counts.successes}/{counts.episodes}",
        number(counts.success_rate, SUCCESS),
        _interval(counts.interval),
        steps,
        (100 * low, 100 * counts.success_rate, 100 * high),
    )


def _counted(evaluation: Evaluation) -> str:
    assert evaluation.success_rate is not None
    return f"{evaluation.successes}/{evaluation.episodes} = {number(evaluation.success_rate, SUCCESS)}"


def _interval(ends: tuple[float, float]) -> str:
    return f"[{interval_text(ends)}]"


def _or_none(value: object) -> str:
    return NONE if value is None else str(value)
