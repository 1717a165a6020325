"""Generalized advantage estimation (Schulman et al. 2016, arXiv:1506.02438) with truncation apart from termination.

Axes: T policy steps, N environments.
"""

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vla_trainer.advantage.arrays import like, to_numpy
from vla_trainer.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar("Array", "np.ndarray", "Tensor")


def gae(
    rewards: Array,
    values: Array,
    next_values: Array,
    terminated: Array,
    truncated: Array,
    gamma: float | Array,
    lam: float,
) -> tuple[Array, Array]:
    """Return advantages and returns, each (T, N), of the kind (NumPy or torch) and dtype of `rewards`.

    Args:
        rewards: (T, N).
        values: (T, N), V(s_t).
        next_values: (T, N), V of the observation after step t before any reset: a truncated step bootstraps from its
            own final observation. Not read where `terminated`.
        terminated: (T, N) bool, the episode ended: nothing follows.
        truncated: (T, N) bool, the time limit cut the episode: its future counts, and the next row is another episode.
        gamma: discount per policy step, in [0, 1]; or (T, N), where policy steps differ in length: gamma to the power
            of the environment steps that each took, as in a semi-Markov decision process (Sutton, Precup and Singh
            1999).
        lam: lambda, in [0, 1]; 0 is one-step TD, 1 is Monte Carlo.

    Raises:
        ShapeError: the arrays differ in shape or are not (T, N).
    """
    named = {
        "rewards": rewards,
        "values": values,
        "next_values": next_values,
        "terminated": terminated,
        "truncated": truncated,
    }
    shapes = {name: tuple(array.shape) for name, array in named.items()}
    if len(set(shapes.values())) != 1 or len(shapes["rewards"]) != 2:
        raise ShapeError(f"gae takes five arrays of one shape (T, N); got {shapes}")

    reward = to_numpy(rewards).astype(np.float64)
    value = to_numpy(values).astype(np.float64)
    ended = to_numpy(terminated).astype(bool)
    last = ended | to_numpy(truncated).astype(bool)
    next_value = np.where(ended, 0.0, to_numpy(next_values).astype(np.float64))
    discount = np.broadcast_to(to_numpy(gamma).astype(np.float64), reward.shape)

    # delta_t = r_t + gamma (1 - terminated_t) V(s'_t) - V_t
    delta = reward + discount * next_value - value
    advantages = np.zeros_like(reward)
    following = np.zeros(reward.shape[1])
    for t in reversed(range(len(reward))):
        # A_t = delta_t + gamma lambda (1 - terminated_t) (1 - truncated_t) A_{t+1}
        following = delta[t] + discount[t] * lam * np.where(last[t], 0.0, following)
        advantages[t] = following
    return like(advantages, rewards), like(advantages + value, rewards)
