"""Results of a policy's `act` and `evaluate`.

Axes: N samples, B batch, C actions a chunk, A action dims, K = C A action tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vla_policy.observation import Inputs


class PolicyEvaluation(NamedTuple):
    """Result of `evaluate`; gradients flow through all of it."""

    log_probs: Tensor
    """(B, K)"""
    entropy: Tensor
    """(B, K), nats"""
    values: Tensor | None
    """(B,), None without a value head"""


@dataclass(frozen=True)
class PolicyOutput:
    """Result of `act`. Tensors are on the CPU and carry no gradient."""

    actions: NDArray[np.float32]
    """(N, C, A) in env units"""
    tokens: Tensor
    """(N, K) int64 ids of the vocabulary, for `evaluate`"""
    log_probs: Tensor
    """(N, K) of those tokens, under the temperature that sampled them"""
    values: Tensor | None
    """(N,), None without a value head"""
    inputs: Inputs
    """What `evaluate` needs, compact"""
