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


def grpo(returns: Array, group: Array) -> tuple[Array, Any]:
    """Advantage of each episode over its group, and whether its group carries a signal.

    Args:
        returns: (M,), undiscounted episode returns.
        group: (M,) integers; equal numbers are one group.

    Returns:
        advantages: (M,), of the kind and dtype of `returns`; 0 in a group whose returns are all equal.
        informative: (M,) bool; False in a group whose returns are all equal, which is to be dropped before any forward
            pass.

    Raises:
        ShapeError: the arrays are not both (M,).
    """
    if len(returns.shape) != 1 or tuple(returns.shape) != tuple(group.shape):
        raise ShapeError(f"grpo takes returns (M,) and group (M,); got {tuple(returns.shape)} and {tuple(group.shape)}")
    total = to_numpy(returns).astype(np.float64)
    number = to_numpy(group)
    advantages = np.zeros_like(total)
    informative = np.zeros(total.shape, dtype=bool)
    for each in np.unique(number):
        members = number == each
        inside = total[members]
        if not carries_signal(inside):
            continue
        # A_i = (S_i - mean_g) / (std_g + 1e-6), std unbiased
        advantages[members] = (inside - inside.mean()) / (inside.std(ddof=1) + EPSILON)
        informative[members] = True
    return like(advantages, returns), like(informative, returns)


def carries_signal(
    returns: "Sequence[float] | np.ndarray", keep_mean_return: tuple[float, float] | None = None
) -> bool:
    """Whether a group of returns (G,) can be learned from.

    Args:
        returns: of the episodes of one start.
        keep_mean_return: [low, high]: a group whose mean is outside is left out too, as one that is too hard or too
            easy; None: only a group whose returns are all equal.
    """
    low, high = (-np.inf, np.inf) if keep_mean_return is None else keep_mean_return
    return bool(np.min(returns) != np.max(returns) and low <= np.mean(returns) <= high)
