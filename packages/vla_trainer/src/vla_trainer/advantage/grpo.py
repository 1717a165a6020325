"""Group-relative advantages (GRPO; Shao et al. 2024, arXiv:2402.03300).

Axes: M episodes; a group is the episodes that began in the same state.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

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

    Args:
        returns: (M,), undiscounted episode returns.
        group: (M,) integers; equal numbers are one group.

    Returns:
        advantages: (M,), of the kind and dtype of `returns`; 0 in a group whose returns are all equal (see
            `all_equal`).
        informative: (M,) bool; False in a group whose returns are all equal, which is to be dropped before any forward
            pass.

    Raises:
        ShapeError: the arrays are not both (M,).
    """
    if len(returns.shape) != 1 or tuple(returns.shape) != tuple(group.shape):
        raise ShapeError(f"grpo takes returns (M,) and group (M,); got {tuple(returns.shape)} and {tuple(group.shape)}")
    total = to_numpy(returns).astype(np.float64)
    ids = to_numpy(group)
    advantages = np.zeros_like(total)
    informative = np.zeros(total.shape, dtype=bool)
    for group_id in np.unique(ids):
        members = ids == group_id
        in_group = total[members]
        if not has_variance(in_group):
            continue
        # A_i = (S_i - mean_g) / (std_g + 1e-6), std unbiased
        advantages[members] = (in_group - in_group.mean()) / (in_group.std(ddof=1) + EPSILON)
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
