"""Probability ratios that cannot overflow."""

from torch import Tensor

MAX_LOG_RATIO = 20.0
"""Nats. verl clamps there before the exponential, in the policy loss and in k3 (`core_algos.py`,
`compute_policy_loss` and `kl_penalty`): exp(20) is 4.9e8, and float32 ends at exp(88.7)."""


def clamped(log_ratio: Tensor) -> Tensor:
    """Clamp `log_ratio` to [-20, 20]; an entry outside has no gradient, NaN stays NaN."""
    return log_ratio.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
