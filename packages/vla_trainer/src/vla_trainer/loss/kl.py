"""The penalty for leaving a reference policy.

Axes: B batch, K tokens a policy step.
"""

import torch
from torch import Tensor

from vla_trainer.errors import ShapeError
from vla_trainer.loss.ratio import clamped


def kl_loss(log_probs: Tensor, reference_log_probs: Tensor, mask: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Estimate KL(present || reference) from sampled tokens: mean of r - 1 - log r, r = reference / present.

    This is the k3 estimator (http://joschu.net/blog/kl-approx.html) that GRPO's paper uses (arXiv:2402.03300, eq. 4):
    never negative, and 0 only where both agree. Log-ratios are clamped to +-20 before the exponential (see
    `vla_trainer.loss.ratio`): an entry beyond has a finite penalty and no gradient.

    Args:
        log_probs: (B, K), under the present weights.
        reference_log_probs: (B, K), under the reference; no gradient flows into it.
        mask: bool, (B, K); False entries count nowhere, whatever they hold.
        weights: (B, K), the share of each entry in the mean, for micro-batches; None: 1 / mask.sum().

    Returns:
        A scalar, nats a token.

    Raises:
        ShapeError: shapes differ.
    """
    shapes = {tuple(array.shape) for array in (log_probs, reference_log_probs, mask)}
    if len(shapes) != 1:
        raise ShapeError(f"log_probs, reference_log_probs and mask must have one shape; got {sorted(shapes)}")
    valid = mask.bool()
    log_ratio = clamped(torch.where(valid, reference_log_probs.detach() - log_probs, 0.0))
    # r - 1 - log r
    penalty = log_ratio.exp() - 1.0 - log_ratio
    weight = valid / valid.sum().clamp(min=1) if weights is None else weights * valid
    return (penalty * weight).sum()
