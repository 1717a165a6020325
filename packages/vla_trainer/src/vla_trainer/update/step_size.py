"""How far an update has moved the policy, and the way back where that is too far.

Axes: B policy steps, K tokens of a policy step.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from vla_trainer.algorithms import Level
from vla_trainer.loss.ratio import clamped
from vla_trainer.protocols import Policy
from vla_trainer.update.batches import at_level, token_mask

ROWS = 512
"""Policy steps of a batch that its KL is measured on, spread evenly over it."""


def measured_rows(count: int) -> Tensor:
    """Return the numbers of the policy steps that the KL of a batch of `count` is measured on, (b,) int64."""
    return torch.linspace(0, count - 1, min(count, ROWS)).round().long()


def mean_kl(new: Tensor, old: Tensor, lengths: Tensor, level: Level, action_dim: int) -> float:
    """Return the KL divergence of the policy that acted from the present one: the mean of rho - 1 - log rho.

    Schulman (2020), "Approximating KL divergence", k3: rho = pi / pi_old of what was sampled from pi_old, so that the
    mean of rho - 1 is 0 and that of -log rho is KL(pi_old, pi).

    Args:
        new, old: (B, K) log-probabilities of the same tokens.
        lengths: (B,) actions of each chunk that count.
        level: what one ratio spans.
        action_dim: A, tokens of an action.
    """
    mask = token_mask(lengths, new.shape[-1], action_dim)
    now, valid = at_level(new, mask, level, action_dim)
    before = at_level(old, mask, level, action_dim)[0]
    log_ratio = clamped(torch.where(valid, now - before, 0.0).double())
    return float((log_ratio.exp() - 1 - log_ratio).sum() / valid.sum())


class Backup:
    """The weights that are trained and the optimizer's state as they are now."""

    def __init__(self, policy: Policy, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._weights = {
            weight: weight.detach().clone() for group in optimizer.param_groups for weight in group["params"]
        }
        self._buffers = {buffer: buffer.detach().clone() for buffer in _buffers(policy)}
        self._state: dict[str, Any] = copy.deepcopy(optimizer.state_dict())

    @torch.no_grad()
    def restore(self) -> None:
        """Bring them back."""
        for tensor, saved in {**self._weights, **self._buffers}.items():
            tensor.copy_(saved)
        self._optimizer.load_state_dict(self._state)


def _buffers(policy: Policy) -> list[Tensor]:
    found = getattr(policy, "buffers", None)
    return [] if found is None else list(found())
