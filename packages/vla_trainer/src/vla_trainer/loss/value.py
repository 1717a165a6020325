"""The value loss: Huber, with a clip on how far a value may move from its old one.

Axes: T policy steps, N environments, B batch.
"""

import torch
from torch import Tensor

from vla_trainer.errors import ShapeError


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    mask: Tensor,
    clip: float | None,
    huber_delta: float | None,
    *,
    weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Compute the mean over the mask of max(Huber(R - V), Huber(R - V_clipped)), as RLinf and PPO2 do.

    Args:
        values: (B,) or (T, N), under the present weights.
        old_values: as `values`, of the behavior policy.
        returns: as `values`, R.
        mask: bool, as `values`.
        clip: eps, in units of return; None: no clip.
        huber_delta: where Huber turns from x^2 / 2 to a line; None: never.
        weights: as `values`, the share of each entry in the mean, for micro-batches; instead of 1 / mask.sum().

    Returns:
        loss: scalar.
        metrics: `value_clip_fraction`, share of the values under the mask that moved further than `clip`.

    Raises:
        ShapeError: shapes differ.
    """
    shapes = {tuple(array.shape) for array in (values, old_values, returns, mask)}
    if len(shapes) != 1:
        raise ShapeError(f"values, old_values, returns and mask must have one shape; got {sorted(shapes)}")
    valid = mask.bool()
    # as in policy_loss: garbage under the mask reaches neither the loss nor a gradient
    values = torch.where(valid, values, 0.0)
    old_values = torch.where(valid, old_values, 0.0)
    returns = torch.where(valid, returns, 0.0)
    count = valid.sum().clamp(min=1)

    loss = huber(returns - values, huber_delta)
    clip_fraction = 0.0
    if clip is not None:
        # V_clipped = V_old + clip(V - V_old, -eps, eps)
        clipped = old_values + (values - old_values).clamp(-clip, clip)
        loss = torch.maximum(loss, huber(returns - clipped, huber_delta))
        clip_fraction = (((values - old_values).abs() > clip).sum() / count).item()
    weight = valid / count if weights is None else weights * valid
    return (loss * weight).sum(), {"value_clip_fraction": clip_fraction}


def huber(error: Tensor, delta: float | None) -> Tensor:
    """Return x^2 / 2 for |x| <= delta, delta (|x| - delta / 2) beyond; x^2 / 2 everywhere if `delta` is None."""
    square = 0.5 * error**2
    if delta is None:
        return square
    return torch.where(error.abs() <= delta, square, delta * (error.abs() - 0.5 * delta))
