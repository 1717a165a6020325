"""The result of a sweep, `sweep.json`: an evaluation of each point, and successes by point, task and variant."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from vla_trainer import atomic_files
from vla_trainer.evaluation.result import Evaluation, read_result
from vla_trainer.metrics import mean, wilson_interval

SWEEP_FILE = "sweep.json"
PLOT_FILE = "sweep.png"

Identity: TypeAlias = Mapping[str, Any]
"""What decides the numbers of a sweep, by name, in plain types; a sweep goes on only where it is equal."""


@dataclass(frozen=True)
class VariantCount:
    """Successes at one point, in one task, of one variant of the environment."""

    point: str
    """The point's name."""
    task: str | None
    """None where the environment names no task."""
    variant: str | None
    """As the environment names it; where it names none, the initial state; None where that is not known either."""
    episodes: int
    successes: int
    success_rate: float | None
    """None if the environment does not report success."""
    interval: tuple[float, float]
    """95% Wilson interval."""
    mean_env_steps: float
    """Mean length of an episode in environment steps."""


@dataclass(frozen=True)
class PointResult:
    """The evaluation of one point."""

    name: str
    """The value of a single key, "a=1, b=2" for several."""
    values: dict[str, Any]
    """By key, as "env.image_size"; None is the environment's own default."""
    evaluation: Evaluation
    """Totals of the point and of its tasks, where they come from, and a list of single episodes."""


@dataclass(frozen=True)
class SweepResult:
    """The contents of `sweep.json`."""

    heading: str | None
    """What every point has in its heading, and whether some have more; see `Evaluation.heading`."""
    recipe: str
    policy: str
    """What the policy is made by."""
    weights: str
    """Name of the checkpoint, or "untrained"."""
    env_id: str
    keys: list[str]
    """What is swept, as "env.image_size"."""
    versions: str
    """Of the packages."""
    identity: dict[str, Any]
    """See `Identity`."""
    rows: list[VariantCount]
    points: list[PointResult]

    @property
    def asset_sets(self) -> list[str]:
        """Return the asset sets of all points, without repetition."""
        names = [point.evaluation.asset_set for point in self.points]
        return list(dict.fromkeys(name for name in names if name is not None))

    @property
    def episodes(self) -> int:
        """Return the number of episodes of all points."""
        return sum(point.evaluation.episodes for point in self.points)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "SweepResult":
        """Read what `write` wrote.

        Raises:
            ComparisonError: the file does not hold a sweep.
        """
        return read_result(cls, path, "a sweep.json")


def sweep_result(
    points: Sequence[PointResult], *, recipe: str, policy: str, weights: str, versions: str, identity: Identity
) -> SweepResult:
    """Put the evaluations of at least one point together and count successes by variant."""
    return SweepResult(
        heading=_heading([point.evaluation.heading for point in points]),
        recipe=recipe,
        policy=policy,
        weights=weights,
        env_id=points[0].evaluation.env_id,
        keys=list(points[0].values),
        versions=versions,
        identity=dict(identity),
        rows=[row for point in points for row in _rows(point)],
        points=list(points),
    )


def variant_of(state: Mapping[str, Any]) -> str | None:
    """Return an episode's variant, or the initial state that stands for it; see `VariantCount.variant`."""
    if state.get("variant") is not None:
        return str(state["variant"])
    return None if state["init_state_id"] is None else f"state {state['init_state_id']}"


def _heading(headings: Sequence[str | None]) -> str | None:
    """Return the heading of a sweep from those of its points, "what: reason; reason", or None."""
    parts = [heading.partition(": ") for heading in headings if heading is not None]
    if not parts:
        return None
    what, reasons = parts[0][0], [reasons.split("; ") for _, _, reasons in parts]
    if len(parts) < len(headings):
        return f"{what} at {len(parts)} of {len(headings)} points; {SWEEP_FILE} says why"
    common = [reason for reason in reasons[0] if all(reason in others for others in reasons)]
    more = [f"more at single points, see {SWEEP_FILE}"] if any(len(others) > len(common) for others in reasons) else []
    return f"{what}: {'; '.join([*common, *more])}"


def _rows(point: PointResult) -> list[VariantCount]:
    groups: dict[tuple[str | None, str | None], list[dict[str, Any]]] = {}
    for state in point.evaluation.states:
        task = state["task_name"] if state["task_name"] is not None else state["task_id"]
        groups.setdefault((None if task is None else str(task), variant_of(state)), []).append(state)
    rows = []
    for (task, variant), states in groups.items():
        counted = [bool(state["success"]) for state in states if state["success"] is not None]
        rows.append(
            VariantCount(
                point=point.name,
                task=task,
                variant=variant,
                episodes=len(states),
                successes=sum(counted),
                success_rate=sum(counted) / len(counted) if counted else None,
                interval=wilson_interval(sum(counted), len(counted)),
                mean_env_steps=mean([state["env_steps"] for state in states]),
            )
        )
    return rows
