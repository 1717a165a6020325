"""Group-relative advantages: GRPO (Shao et al. 2024, arXiv:2402.03300), Dr.GRPO and RLOO.

Axes: M episodes; a group is the episodes that began in the same state.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from vla_trainer.advantage.arrays import like, to_numpy
from vla_trainer.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", "np.ndarray", "Tensor")

EPSILON = 1e-6
"""Added to a group's standard deviation, as RLinf does."""
ROUNDING = 1e-6
"""Returns that differ by no more than this, and this times the largest of them, are equal: sums of float32 rewards
round by about as much, and `EPSILON` would make an advantage of up to 1 of it."""


def grpo(returns: Array, group: Array) -> tuple[Array, Any]:
    """Return the advantage of each episode over its group, and whether its group is informative.

    A_i = (S_i - mean_g) / (std_g + 1e-6), std unbiased.

    Args:
        returns: (M,), S, undiscounted episode returns.
        group: (M,) integers; equal numbers are one group.

    Returns:
        advantages: (M,), of the kind and dtype of `returns`; 0 in a group whose returns are all equal (see
            `all_equal`).
        informative: (M,) bool; False in a group whose returns are all equal, which is to be dropped before any forward
            pass.

    Raises:
        ShapeError: the arrays are not both (M,).
    """
    return _group_by_group(returns, group, lambda s: (s - s.mean()) / (s.std(ddof=1) + EPSILON))


def dr_grpo(returns: Array, group: Array) -> tuple[Array, Any]:
    """Return GRPO's advantages without their division by the deviation: A_i = S_i - mean_g.

    "GRPO done right" (Liu et al. 2025, arXiv:2503.20783, section 3.2): the division weighs groups that are nearly
    always solved, or nearly never, more than the others. Arguments, results and errors are those of `grpo`.
    """
    return _group_by_group(returns, group, lambda s: s - s.mean())


def rloo(returns: Array, group: Array) -> tuple[Array, Any]:
    """Return the advantage of each episode over the others of its group: A_i = S_i - mean of S_j, j != i.

    REINFORCE with a leave-one-out baseline (Kool et al. 2019; Ahmadian et al. 2024, arXiv:2402.14740): the baseline
    does not depend on the episode itself, so that the gradient has no bias. It is G / (G - 1) times `dr_grpo`.
    Arguments, results and errors are those of `grpo`.
    """
    return _group_by_group(returns, group, lambda s: s - (s.sum() - s) / (len(s) - 1))


GroupAdvantage = Literal["grpo", "dr_grpo", "rloo"]
GROUP_ADVANTAGES: dict[GroupAdvantage, Callable[[Any, Any], tuple[Any, Any]]] = {
    "grpo": grpo,
    "dr_grpo": dr_grpo,
    "rloo": rloo,
}
"""The functions by the names that `algorithm.group_advantage` takes."""


def _group_by_group(
    returns: Array, group: Array, formula: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[Array, Any]:
    """Return advantages, by a formula from the returns (G,) of a group to (G,), and which groups are informative."""
    if len(returns.shape) != 1 or tuple(returns.shape) != tuple(group.shape):
        shapes = f"{tuple(returns.shape)} and {tuple(group.shape)}"
        raise ShapeError(f"group advantages take returns (M,) and group (M,); got {shapes}")
    total = to_numpy(returns).astype(np.float64)
    ids = to_numpy(group)
    advantages = np.zeros_like(total)
    informative = np.zeros(total.shape, dtype=bool)
    for group_id in np.unique(ids):
        members = ids == group_id
        in_group = total[members]
        if not has_variance(in_group):
            continue
        advantages[members] = formula(in_group)
        informative[members] = True
    return like(advantages, returns), like(informative, returns)


def has_variance(returns: "Sequence[float] | np.ndarray", keep_mean_return: tuple[float, float] | None = None) -> bool:
    """Return whether a group of returns (G,) can be learned from.

    Args:
        returns: of the episodes of one initial state.
        keep_mean_return: [low, high]: a group whose mean is outside is left out too, as one that is too hard or too
            easy; None: only a group whose returns are all equal.
    """
    low, high = (-np.inf, np.inf) if keep_mean_return is None else keep_mean_return
    return bool(not all_equal(returns) and low <= np.mean(returns) <= high)


def all_equal(returns: "Sequence[float] | np.ndarray") -> bool:
    """Return whether returns differ by no more than rounding: max - min <= 1e-6 + 1e-6 max |return| (`ROUNDING`)."""
    low, high = float(np.min(returns)), float(np.max(returns))
    return high - low <= ROUNDING * (1.0 + max(abs(low), abs(high)))
