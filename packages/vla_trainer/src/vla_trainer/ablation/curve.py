"""From the rows of a run: how good it was at its end, and what it had spent when it was good for the first time."""

from collections.abc import Sequence
from dataclasses import dataclass

from vla_trainer.ablation.runs import Record, Row
from vla_trainer.metrics import mean

WINDOW = 5
"""Iterations that a curve is averaged over."""
SUCCESS_THRESHOLD = 0.8
"""What a success rate has to reach unless the user says."""
_ROLLOUT_SUCCESS, _ROLLOUT_REWARD = "rollout/success_rate", "rollout/reward_mean"
_FINAL = ("eval/success_rate", _ROLLOUT_SUCCESS, "eval/reward_mean", _ROLLOUT_REWARD)
"""What runs are compared by: the first that all of them have, and that is not 0 in all of them."""
_CURVES = (_ROLLOUT_SUCCESS, _ROLLOUT_REWARD, "eval/success_rate", "eval/reward_mean")


@dataclass(frozen=True)
class Budget:
    """What a run has spent up to the end of an iteration."""

    iterations: int
    episodes: int
    """Finished ones, of training."""
    env_steps: int
    """Environment steps of training."""
    minutes: float
    """Of the iterations, evaluations and checkpoints included."""


def final_value(rows: Sequence[Row], metric: str) -> float | None:
    """Return the last value of a metric of an evaluation; of others the mean over the last `WINDOW` that there are."""
    values = [row.metrics[metric] for row in rows if metric in row.metrics]
    if not values:
        return None
    return values[-1] if metric.startswith("eval/") else mean(values[-WINDOW:])


def smoothed(rows: Sequence[Row], metric: str) -> list[tuple[Row, float]]:
    """Return the mean of a metric over `WINDOW` iterations that have it, at the last of them; one less the first few.

    Evaluations are not averaged: each is a mean over many episodes already.
    """
    found = [row for row in rows if metric in row.metrics]
    window = 1 if metric.startswith("eval/") else WINDOW
    return [
        (found[end - 1], mean([row.metrics[metric] for row in found[end - window : end]]))
        for end in range(window, len(found) + 1)
    ]


def reached(rows: Sequence[Row], metric: str, threshold: float) -> Budget | None:
    """Return what was spent when the smoothed metric was at the threshold for the first time; None: it never was."""
    return next((budget_of(row) for row, value in smoothed(rows, metric) if value >= threshold), None)


def budget_of(row: Row) -> Budget:
    """Return what was spent up to the end of an iteration."""
    return Budget(row.iteration, row.episodes, row.env_steps, row.minutes)


def choose_metric(records: Sequence[Record]) -> str | None:
    """Return what runs are compared by: success if there is any, of evaluations if there are any, else the return.

    None where the runs have no such metric in common.
    """
    return _first(_FINAL, records)


def choose_curve(records: Sequence[Record]) -> str | None:
    """Return the metric of the learning curve: success in training if there is any, else the return; None: neither."""
    return _first(_CURVES, records)


def _first(metrics: Sequence[str], records: Sequence[Record]) -> str | None:
    if not records:
        return None
    common = [metric for metric in metrics if all(final_value(record.rows, metric) is not None for record in records)]
    rows = [row for record in records for row in record.rows]
    with_values = [metric for metric in common if any(row.metrics.get(metric) for row in rows)]
    return next(iter([*with_values, *common]), None)
