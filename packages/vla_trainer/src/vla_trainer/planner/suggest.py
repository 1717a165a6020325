"""Suggest a layout: the sensible ones for a number of GPUs, each with its prediction."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from vla_trainer import placement
from vla_trainer.errors import PlacementError
from vla_trainer.planner.amounts import Amounts
from vla_trainer.planner.iteration import Prediction, apart, predict
from vla_trainer.planner.times import StageTimes

HYBRID = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 8))
"""Share of the GPUs on which environments render; the policy acts on the rest, and the actor has all."""
SEPARATED = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
"""Share of the GPUs that environments and rollout policy have together; the actor has the rest."""
APART = tuple((Fraction(env, 4), Fraction(rollout, 4)) for env, rollout in ((1, 1), (1, 2), (2, 1)))
"""Shares of the environments and of the rollout policy; the actor has the rest."""


@dataclass(frozen=True)
class Layout:
    """A placement and a number of pipeline stages, as a recipe has them."""

    name: str
    component_placement: dict[str, str]
    """As `cluster.component_placement`."""
    stages: int
    """`rollout.pipeline_stage_num`."""


@dataclass(frozen=True)
class Candidate:
    """A layout and its prediction."""

    layout: Layout
    prediction: Prediction


def suggest(
    times: StageTimes, amounts: Amounts, gpus_per_node: int, num_nodes: int, *, cores_per_node: int | None = None
) -> list[Candidate]:
    """Return layouts by predicted seconds of an iteration, the shortest first; of equal ones the simpler first.

    Args:
        times: of the stages, measured.
        amounts: what an iteration does.
        gpus_per_node: 0: processors only.
        num_nodes: machines.
        cores_per_node: that the processes of a machine share; None: there are always enough.

    Raises:
        PlacementError: the number of environments divides over none of the layouts.
    """
    candidates = []
    for layout in layouts(amounts.num_envs, gpus_per_node, num_nodes):
        placed = placement.parse(layout.component_placement, num_nodes, gpus_per_node)
        if amounts.learns == "ahead" and not apart(placed):
            continue
        predicted = predict(times, amounts, placed, stages=layout.stages, cores_per_node=cores_per_node)
        candidates.append(Candidate(layout, predicted))
    if not candidates:
        raise PlacementError(
            f"env.num_envs={amounts.num_envs} divides over no layout of {num_nodes} node(s) x {gpus_per_node} GPU(s); "
            f"a multiple of {2 * max(gpus_per_node, 1) * num_nodes} divides over every one that has as many env as "
            "rollout processes"
        )
    # sums of seconds that are equal but for rounding are equal
    return sorted(candidates, key=lambda candidate: float(f"{candidate.prediction.total:.9g}"))


def layouts(num_envs: int, gpus_per_node: int, num_nodes: int) -> Iterator[Layout]:
    """Yield layouts over which `num_envs` environments divide, the simplest first, with one stage and with two."""
    for name, component_placement in _placements(gpus_per_node * num_nodes):
        placed = placement.parse(component_placement, num_nodes, gpus_per_node)
        for stages in (1, 2):
            try:
                placement.check_environments(placed, num_envs, stages)
            except PlacementError:
                continue
            yield Layout(name, component_placement, stages)


def _placements(gpus: int) -> Iterator[tuple[str, dict[str, str]]]:
    yield "collocated", {"env,rollout,actor": "all"}
    for share in HYBRID:
        if (env := _whole(share, gpus)) is not None and env < gpus:
            yield "hybrid", {"env": _range(0, env), "rollout": _range(env, gpus), "actor": _range(0, gpus)}
    for share in SEPARATED:
        if (both := _whole(share, gpus)) is not None and both < gpus:
            yield "separated", {"env,rollout": _range(0, both), "actor": _range(both, gpus)}
    for env_share, rollout_share in APART:
        env, rollout = _whole(env_share, gpus), _whole(rollout_share, gpus)
        if env is not None and rollout is not None and env + rollout < gpus:
            yield (
                "separated",
                {
                    "env": _range(0, env),
                    "rollout": _range(env, env + rollout),
                    "actor": _range(env + rollout, gpus),
                },
            )


def _whole(share: Fraction, gpus: int) -> int | None:
    """Return a share of the GPUs if it is a whole number of at least one."""
    count = share * gpus
    return int(count) if count >= 1 and count.denominator == 1 else None


def _range(first: int, stop: int) -> str:
    return str(first) if stop == first + 1 else f"{first}-{stop - 1}"
