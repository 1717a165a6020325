"""Encode demonstrated actions as the targets of a policy.

Axes: F policy steps, B of a batch, C actions a chunk, A action dimensions, K tokens of a policy step.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.errors import PolicyError
from vla_trainer.protocols import Policy


class Targets:
    """Tokens of demonstrated actions, or normalized actions for an L1 head; with noise that is sampled anew each time.

    A policy that memorizes few demonstrations puts nearly all of a token's probability on one of its 256 bins; what it
    explores is then a rare bin far off. Noise on the targets spreads its distributions over the neighbouring bins:
    samples differ by small amounts.
    """

    def __init__(self, policy: Policy, loss: str, chunks: NDArray[np.float32], noise: float = 0.0) -> None:
        """
        Args:
            policy: encodes, see `vla_trainer.protocols.Demonstrable`.
            loss: "cross_entropy" or "l1".
            chunks: (F, C, A), in the environment's units.
            noise: deviation of the noise, in units of half the distance from the 1% to the 99% quantile of each action
                dimension.

        Raises:
            PolicyError: the policy cannot learn from demonstrations, or not with this loss.
        """
        needed = ("observe", "encode") if loss == "cross_entropy" else ("observe", "normalize_actions", "regress")
        missing = [name for name in needed if not hasattr(policy, name)]
        if missing:
            raise PolicyError(
                f"algorithm.loss={loss}: a {type(policy).__name__} has no {', '.join(f'{name}()' for name in missing)}"
            )
        self._encode = getattr(policy, needed[1])
        self._chunks = chunks
        low, high = np.quantile(chunks[:, 0], (0.01, 0.99), axis=0)
        self._deviation = noise * (high - low) / 2
        self._exact: Tensor = self._encode(chunks)
        if self._exact.shape[1] % chunks.shape[1]:
            raise PolicyError(
                f"a {type(policy).__name__} encodes {chunks.shape[1]} actions as {self._exact.shape[1]} tokens; "
                "expected as many for each action"
            )

    def of(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Tensor:
        """Return (B, K) tokens, or (B, C, A) normalized actions, of some policy steps."""
        if not self._deviation.any():
            return self._exact[torch.from_numpy(rows)]
        chunks = self._chunks[rows]
        noisy: Tensor = self._encode(chunks + self._deviation * rng.standard_normal(chunks.shape))
        return noisy
