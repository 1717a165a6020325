"""Differences between runs that are pairs: of equal seeds, and of episodes from equal initial states."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.comparison import Paired, compare, paired
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.metrics import mean


@dataclass(frozen=True)
class Difference:
    """A point minus the base."""

    mean: float
    """Over the seeds that both have."""
    seeds: int
    """Their number, n."""
    interval: tuple[float, float] | None
    """95%, see `paired_t_interval`; None with one seed. It is about training again with other seeds."""
    episodes: Paired | None
    """A = the point, B = the base; pairs of (seed, initial state), over all seeds. It is about these policies alone:
    seeds count as they are. None where evaluations are not of the same episodes."""


def paired_t_interval(differences: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95% interval of the mean of n paired differences d_1, ..., d_n; None for n < 2.

    Student's t for pairs: mean(d) -+ t s / sqrt(n), where s^2 = sum (d_i - mean(d))^2 / (n - 1) and t is the 0.975
    quantile of Student's distribution with n - 1 degrees of freedom. It supposes that the d_i are independent and about
    normal.
    """
    n = len(differences)
    if n < 2:
        return None
    middle = mean(differences)
    variance = sum((difference - middle) ** 2 for difference in differences) / (n - 1)
    reach = t_quantile(n - 1) * math.sqrt(variance / n)
    return middle - reach, middle + reach


def t_quantile(freedom: int) -> float:
    """Return t with P[-t < T < t] = 0.95 for Student's T with `freedom` degrees of freedom, at least 1."""
    low, high = 1.9, 12.8  # 1.96 with infinitely many degrees of freedom, 12.71 with one
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _between(middle, freedom) < 0.95 else (low, middle)
    return (low + high) / 2


def difference(point: Sequence[float], base: Sequence[float], episodes: Paired | None) -> Difference:
    """Return the difference of values of the same seeds, in the same order; at least one."""
    differences = [a - b for a, b in zip(point, base, strict=True)]
    return Difference(mean(differences), len(differences), paired_t_interval(differences), episodes)


def pair_episodes(point: Sequence[Evaluation], base: Sequence[Evaluation]) -> tuple[Paired | None, str | None]:
    """Pair the episodes of evaluations of the same seeds, in the same order; return why there are none, too."""
    pairs: list[tuple[bool, bool]] = []
    for a, b in zip(point, base, strict=True):
        try:
            comparison = compare(a, b, "it", "the base")
        except ComparisonError as error:
            return None, str(error)
        pairs += [(state["success_a"], state["success_b"]) for state in comparison.states]
    return (paired("all", pairs), None) if pairs else (None, None)


def _between(t: float, freedom: int) -> float:
    """Return P[-t < T < t]: Abramowitz and Stegun (1964), 26.7.3 and 26.7.4, with theta = arctan(t / sqrt(nu))."""
    theta = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(theta), math.cos(theta) ** 2
    odd = freedom % 2
    # 1 + 1/2 cos^2 + (1 3)/(2 4) cos^4 + ... of an even nu, cos (1 + 2/3 cos^2 + (2 4)/(3 5) cos^4 + ...) of an odd
    term = math.cos(theta) if odd else 1.0
    total = 0.0
    for count in range(freedom // 2):
        total += term
        term *= square * (2 * count + 1 + odd) / (2 * count + 2 + odd)
    return 2 / math.pi * (theta + sine * total) if odd else sine * total
