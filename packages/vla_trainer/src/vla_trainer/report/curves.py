"""The learning curves of runs as numbers: values, Wilson intervals and means over the last iterations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vla_trainer.ablation.curve import WINDOW, smoothed
from vla_trainer.ablation.runs import Row
from vla_trainer.metrics import wilson_interval
from vla_trainer.report.folders import RunData

Axis = Literal["episodes", "iterations", "minutes"]
AXES: tuple[Axis, ...] = ("episodes", "iterations", "minutes")

SUCCESS = "rollout/success_rate"
EVALUATED = "eval/success_rate"
"""Shown in the chart of `SUCCESS`."""
_EPISODES = "rollout/episodes"
_REWARD = "rollout/reward_mean"
PANELS = {
    SUCCESS: "Success rate in training",
    _REWARD: "Reward (return of an episode)",
    "actor/approx_kl": "KL from the behavior policy (nats)",
    "actor/kl": "KL from the reference policy (nats)",
    "actor/entropy": "Entropy of a token (nats)",
    "actor/loss": "Policy loss",
    "actor/lr": "Learning rate",
    "throughput/env_steps_per_second": "Environment steps per second",
    "throughput/policy_steps_per_second": "Policy steps per second",
}
"""Metric -> title of its chart; there is a chart where a run has the metric."""
_WITHOUT_MEAN = ("actor/lr",)
"""Set, not measured."""


@dataclass(frozen=True)
class Point:
    """A metric in an iteration."""

    iterations: int
    episodes: int
    """Finished ones since the run began."""
    minutes: float
    """Since the run began."""
    value: float
    interval: tuple[float, float] | None = None
    """95% Wilson interval, of a rate whose number of episodes is known."""
    mean: float | None = None
    """Over the last `WINDOW` iterations that have the metric; None before there are as many."""

    def place(self, axis: Axis) -> float:
        """Return where it is on an axis."""
        return float({"episodes": self.episodes, "iterations": self.iterations, "minutes": self.minutes}[axis])


@dataclass(frozen=True)
class Series:
    """A metric of a run over its iterations."""

    run: int
    """Its place among the runs of the report."""
    label: str
    metric: str
    points: list[Point]


def panels_of(runs: Sequence[RunData]) -> list[str]:
    """Return the metrics that have a chart: those of `PANELS` that a run has; a policy loss only of supervised runs."""
    metrics = {name for run in runs for row in run.rows for name in row.metrics}
    return [name for name in PANELS if name in metrics and (name != "actor/loss" or _REWARD not in metrics)]


def axes_of(runs: Sequence[RunData]) -> list[Axis]:
    """Return the axes that the runs have values for: those of supervised learning finish no episodes."""
    rows = [row for run in runs for row in run.rows]
    has = {"episodes": any(row.episodes for row in rows), "minutes": any(row.minutes for row in rows)}
    return [axis for axis in AXES if has.get(axis, True)]


def series_of(runs: Sequence[RunData], metric: str, axis: Axis = "iterations") -> list[Series]:
    """Return the curves of the runs that have a metric, and values on an axis."""
    found = []
    for number, run in enumerate(runs):
        means = {} if metric in _WITHOUT_MEAN else {row.iteration: value for row, value in smoothed(run.rows, metric)}
        points = [_point(row, metric, means.get(row.iteration)) for row in run.rows if metric in row.metrics]
        if any(point.place(axis) for point in points):
            found.append(Series(number, run.label, metric, points))
    return found


def interval_of(row: Row, metric: str) -> tuple[float, float] | None:
    """Return the 95% interval of a success rate in an iteration; None where the number of episodes is not known."""
    if metric == EVALUATED:
        low, high = row.metrics.get(f"{metric}_low"), row.metrics.get(f"{metric}_high")
        return None if low is None or high is None else (low, high)
    episodes = round(row.metrics.get(_EPISODES, 0.0))
    if metric != SUCCESS or metric not in row.metrics or not episodes:
        return None
    # the rate is successes over episodes
    return wilson_interval(round(row.metrics[metric] * episodes), episodes)


def pooled(rows: Sequence[Row]) -> tuple[int, int]:
    """Return successes and episodes of training over iterations."""
    counts = [
        (round(row.metrics[SUCCESS] * episodes), episodes)
        for row in rows
        if SUCCESS in row.metrics and (episodes := round(row.metrics.get(_EPISODES, 0.0)))
    ]
    return sum(successes for successes, _ in counts), sum(episodes for _, episodes in counts)


def last_with(run: RunData, metric: str, count: int = WINDOW) -> list[Row]:
    """Return the last rows of a run that have a metric."""
    return [row for row in run.rows if metric in row.metrics][-count:]


def _point(row: Row, metric: str, mean: float | None) -> Point:
    value = row.metrics[metric]
    return Point(row.iteration, row.episodes, row.minutes, value, interval_of(row, metric), mean)
