"""Compare two sweeps, point by point and over all points; see `vla_trainer.evaluation.comparison`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vla_trainer import atomic_files
from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.comparison import Comparison, Paired, compare, paired
from vla_trainer.evaluation.sweep.result import SweepResult

COMPARISON_FILE = "sweep_comparison.json"


@dataclass(frozen=True)
class PointComparison:
    """The two policies at one point."""

    name: str
    """The point's."""
    values: dict[str, Any]
    """By key."""
    comparison: Comparison


@dataclass(frozen=True)
class SweepComparison:
    """The contents of `sweep_comparison.json`."""

    heading: str | None
    """That of either sweep, if one has any."""
    a: str
    """The first policy, as the user named it."""
    b: str
    env_id: str
    notices: list[str]
    """How the two sweeps differ besides the policy, at any point."""
    all: Paired
    """Over the episodes of all points."""
    points: list[PointComparison]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")


def compare_sweeps(a: SweepResult, b: SweepResult, name_a: str, name_b: str) -> SweepComparison:
    """Pair the episodes of two sweeps at each point; points may stand in another order.

    Raises:
        ComparisonError: they are not of the same points or episodes, or do not report success.
    """
    first, second = _by_values(a), _by_values(b)
    for mine, others, name, other_name in ((first, second, name_a, name_b), (second, first, name_b, name_a)):
        if missing := [key for key in mine if key not in others]:
            raise ComparisonError(
                f"not the same values: {len(missing)} of the {len(mine)} of {name} are not among the {len(others)} of "
                f"{other_name}, e.g. {missing[0]}"
            )
    points = []
    for key, point in first.items():
        at = f" at {point.name}"
        comparison = compare(point.evaluation, second[key].evaluation, name_a + at, name_b + at)
        points.append(PointComparison(point.name, point.values, comparison))
    pairs = [(state["success_a"], state["success_b"]) for point in points for state in point.comparison.states]
    if a.versions != b.versions:
        versions = [f"not equal: versions: {a.versions} and {b.versions}"]
    else:
        versions = []
    notices = [notice for point in points for notice in point.comparison.notices]
    return SweepComparison(
        heading=a.heading or b.heading,
        a=name_a,
        b=name_b,
        env_id=a.env_id,
        notices=list(dict.fromkeys([*notices, *versions])),
        all=paired("all", pairs),
        points=points,
    )


def _by_values(result: SweepResult) -> dict[str, Any]:
    return {json.dumps(point.values, sort_keys=True, ensure_ascii=False): point for point in result.points}
