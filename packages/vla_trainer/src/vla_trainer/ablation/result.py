"""The result of an ablation, `ablation.json`: each point's runs, what they spent, and how it differs from the base."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vla_trainer import atomic_files
from vla_trainer.ablation.curve import (
    SUCCESS_THRESHOLD,
    WINDOW,
    Budget,
    budget_of,
    choose_curve,
    choose_metric,
    final_value,
    reached,
)
from vla_trainer.ablation.plan import BASE, AblationPlan, PlannedRun
from vla_trainer.ablation.runs import Record
from vla_trainer.ablation.statistics import Difference, difference, pair_episodes
from vla_trainer.evaluation.result import read_result
from vla_trainer.metrics import mean

RESULT_FILE = "ablation.json"
TABLE_FILE = "ablation.md"
PLOT_FILE = "ablation.png"

WAITING, ENDED, FAILED = "waiting", "ended", "failed"


@dataclass(frozen=True)
class RunResult:
    """A run: a point under a seed."""

    seed: int
    folder: str
    """From the ablation's folder."""
    state: str
    """"ended", "failed", or "waiting": not at its end yet."""
    error: str | None
    """How it failed, and the last line that it printed."""
    value: float | None
    """Of `AblationResult.metric`; None where the run is not at its end."""
    threshold: Budget | None
    """What it had spent when the curve was at the threshold for the first time; None: it never was."""
    total: Budget | None
    """What it has spent in all."""


@dataclass(frozen=True)
class PointResult:
    """A point over all seeds."""

    name: str
    also: list[str]
    """Other names of the same config."""
    folder: str
    values: dict[str, Any]
    """By key, of all that are compared; None where the config has no such key."""
    mean: float | None
    """Of its runs that are at their end."""
    difference: Difference | None
    """To the base; None for the base, and where they have no seed in common yet."""
    runs: list[RunResult]

    def of(self, state: str) -> list[RunResult]:
        """Return the runs in a state."""
        return [run for run in self.runs if run.state == state]


@dataclass(frozen=True)
class AblationResult:
    """The contents of `ablation.json`."""

    recipe: str
    overrides: list[str]
    factors: list[list[str]]
    """The keys of each: one, or several that change together."""
    grid: bool
    seeds: list[int]
    metric: str | None
    """What `value` is; None before two runs are at their end or where they have none in common."""
    curve: str | None
    """The metric of the learning curves, of which the mean over `window` iterations is compared with the threshold."""
    threshold: float | None
    window: int
    versions: list[str]
    """Of the packages; several where the command went on with others."""
    notices: list[str]
    points: list[PointResult]

    @property
    def failed(self) -> int:
        """Return the number of runs that failed."""
        return sum(len(point.of(FAILED)) for point in self.points)

    @property
    def ended(self) -> int:
        """Return the number of runs that are at their end."""
        return sum(len(point.of(ENDED)) for point in self.points)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "AblationResult":
        """Read what `write` wrote.

        Raises:
            ComparisonError: the file does not hold an ablation.
        """
        return read_result(cls, path, "an ablation.json")


def ablation_result(
    plan: AblationPlan,
    records: Mapping[Path, Record],
    errors: Mapping[Path, str],
    *,
    versions: Sequence[str],
    metric: str | None = None,
    threshold: float | None = None,
    others: Sequence[str] = (),
) -> AblationResult:
    """Put together what is there.

    Args:
        plan: what is compared.
        records: of runs that are at their end, by folder.
        errors: of runs that failed, by folder.
        versions: of the packages that had a part in it.
        metric: what runs are compared by; None: as `choose_metric`.
        threshold: of the curve; None: 0.8 where that is a success rate, else none.
        others: notices about the folder.
    """
    found = list(records.values())
    metric, curve = metric or choose_metric(found), choose_curve(found)
    if threshold is None and curve is not None and "success" in curve:
        threshold = SUCCESS_THRESHOLD
    notices = [*others, *(notice for record in found for notice in record.notices)]
    base = [planned for planned in plan.runs if planned.point.name == BASE]
    points = []
    for point in plan.points:
        runs = [planned for planned in plan.runs if planned.point == point]
        results = [_run_result(plan, planned, records, errors, metric, curve, threshold) for planned in runs]
        values = [result.value for result in results if result.value is not None]
        compared, why_no_pairs = (None, None) if point.name == BASE else _difference(runs, base, records, metric)
        notices += [f"{point.name}: no pairs of episodes: {why_no_pairs}"] if why_no_pairs is not None else []
        points.append(
            PointResult(
                name=point.name,
                also=list(point.also),
                folder=point.slug,
                values=plan.values(point),
                mean=mean(values) if values else None,
                difference=compared,
                runs=results,
            )
        )
    if found and metric is not None and all(point.mean is None for point in points):
        notices.append(f"no run has {metric}")
    if len(versions) > 1:
        notices.append(f"several versions had a part: {'; '.join(versions)}")
    return AblationResult(
        recipe=plan.recipe,
        overrides=plan.overrides,
        factors=[factor.keys for factor in plan.factors],
        grid=plan.grid,
        seeds=plan.seeds,
        metric=metric,
        curve=curve,
        threshold=threshold,
        window=WINDOW,
        versions=list(versions),
        notices=list(dict.fromkeys(notices)),
        points=points,
    )


def _run_result(
    plan: AblationPlan,
    planned: PlannedRun,
    records: Mapping[Path, Record],
    errors: Mapping[Path, str],
    metric: str | None,
    curve: str | None,
    threshold: float | None,
) -> RunResult:
    folder = f"{planned.point.slug}/{planned.folder.name}"
    record, error = records.get(planned.folder), errors.get(planned.folder)
    if record is None:
        return RunResult(planned.seed, folder, WAITING if error is None else FAILED, error, None, None, None)
    rows = record.rows
    value = None if metric is None else final_value(rows, metric)
    first = None if curve is None or threshold is None else reached(rows, curve, threshold)
    return RunResult(planned.seed, folder, ENDED, None, value, first, budget_of(rows[-1]) if rows else None)


def _difference(
    runs: Sequence[PlannedRun], base: Sequence[PlannedRun], records: Mapping[Path, Record], metric: str | None
) -> tuple[Difference | None, str | None]:
    """Return a point's difference to the base, and why it has no pairs of episodes where that is worth a word."""
    if metric is None:
        return None, None
    values: list[tuple[float, float]] = []
    both: list[tuple[Record, Record]] = []
    for mine, other in zip(runs, base, strict=True):  # seed by seed
        a, b = records.get(mine.folder), records.get(other.folder)
        if a is None or b is None:
            continue
        ends = final_value(a.rows, metric), final_value(b.rows, metric)
        if ends[0] is not None and ends[1] is not None:
            values.append((ends[0], ends[1]))
            both.append((a, b))
    if not values:
        return None, None
    evaluations = [(a.evaluation, b.evaluation) for a, b in both]
    pairs, why = None, None
    if metric == "eval/success_rate":
        present = [(a, b) for a, b in evaluations if a is not None and b is not None]
        if len(present) == len(evaluations):
            pairs, why = pair_episodes([a for a, _ in present], [b for _, b in present])
    return difference([a for a, _ in values], [b for _, b in values], pairs), why
