"""The clipped policy-gradient loss of PPO and GRPO, with clip-higher and dual clip.

Axes: T policy steps, N environments, K tokens a policy step, B batch. Policy steps are (B,) or (T, N), and a token axis
K may follow.
"""

from typing import Literal

import torch
from torch import Tensor

from vla_trainer.errors import ShapeError
from vla_trainer.loss.ratio import clamped

Aggregate = Literal["token-mean", "episode-mean"]


def policy_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    clip_low: float,
    clip_high: float,
    dual_clip: float | None = None,
    aggregate: Aggregate = "token-mean",
    *,
    weights: Tensor | None = None,
) -> tuple[Tensor, dict[str, float]]:
    """Compute the PPO objective (Schulman et al. 2017, arXiv:1707.06347), to be minimized.

    Log-ratios are clamped to +-20 before the exponential (see `vla_trainer.loss.ratio`): an entry beyond has a finite
    loss and no gradient.

    Args:
        log_probs: (B,), (B, K), (T, N) or (T, N, K), under the present weights.
        old_log_probs: as `log_probs`, under the weights that the ratio is measured from: the behavior policy, or the
            proximal one where they differ.
        advantages: (B,) or (T, N), the same for all tokens of a policy step; or as `log_probs`.
        mask: bool, as `advantages` or as `log_probs`; False entries count nowhere, whatever they hold.
        clip_low, clip_high: the ratio's trust interval is [1 - clip_low, 1 + clip_high]. clip_high > clip_low is
            "clip-higher" (DAPO, arXiv:2503.14476).
        dual_clip: c > 1: for a negative advantage the loss is at most -c A (Ye et al. 2020, arXiv:1912.09729).
        aggregate: "token-mean" gives every token the same weight, "episode-mean" every episode. An episode is an
            environment of (T, N), or a row of (B,) and (B, K).
        weights: as `advantages` or as `log_probs`, instead of `aggregate`: the share of each entry in the mean, for
            micro-batches of a larger batch (see `aggregation_weights`).

    Returns:
        loss: scalar.
        metrics: `approx_kl` and `clip_fraction`, means over the tokens under the mask.

    Raises:
        ShapeError: shapes do not fit together.
        ValueError: unknown `aggregate`.
    """
    if log_probs.shape != old_log_probs.shape:
        raise ShapeError(f"log_probs {tuple(log_probs.shape)} and old_log_probs {tuple(old_log_probs.shape)} differ")
    advantage = _over_tokens(advantages, log_probs, "advantages").to(log_probs.dtype)
    valid = _over_tokens(mask, log_probs, "mask").bool()
    if weights is None:
        episode_axis, dtype = 1 if advantages.ndim >= 2 else 0, torch.promote_types(log_probs.dtype, torch.float32)
        weight = _weights(valid, aggregate, episode_axis, dtype)
    else:
        weight = _over_tokens(weights, log_probs, "weights") * valid
    weight = weight.to(log_probs.dtype)

    # rho = exp(lp - lp_old); the mask goes inside, so that garbage under it reaches neither the loss nor a gradient
    log_ratio = clamped(torch.where(valid, log_probs - old_log_probs, 0.0))
    ratio = log_ratio.exp()
    advantage = torch.where(valid, advantage, 0.0)
    # max(-A rho, -A clip(rho, 1 - low, 1 + high))
    loss = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(1.0 - clip_low, 1.0 + clip_high))
    if dual_clip is not None:
        # for A < 0 at most -c A
        loss = torch.where(advantage < 0, torch.minimum(loss, -dual_clip * advantage), loss)

    with torch.no_grad():
        tokens = valid.sum().clamp(min=1)
        # KL(old || new) ~ mean(rho - 1 - log rho), the k3 estimator (http://joschu.net/blog/kl-approx.html)
        approx_kl = (torch.where(valid, ratio - 1.0 - log_ratio, 0.0).sum() / tokens).item()
        outside = (ratio < 1.0 - clip_low) | (ratio > 1.0 + clip_high)
        clip_fraction = ((outside & valid).sum() / tokens).item()
    return (loss * weight).sum(), {"approx_kl": approx_kl, "clip_fraction": clip_fraction}


def aggregation_weights(episode: Tensor, aggregate: Aggregate, entries: Tensor | None = None) -> Tensor:
    """Return the share of each entry of B policy steps in the mean of the whole batch.

    Computed once over a batch and cut with it, shares make the sum of the micro-batches' losses the batch's loss.

    Args:
        episode: (B,) integers: the episode of each policy step.
        aggregate: as in `policy_loss`.
        entries: (B,) how many entries (tokens, actions) of a policy step count; None: one of each.

    Returns:
        (B,), such that the sum of it times `entries` is 1.
    """
    _check(aggregate)
    counts = torch.ones(episode.shape, device=episode.device) if entries is None else entries.float()
    if aggregate == "token-mean":
        return torch.full(episode.shape, 1.0, device=episode.device) / counts.sum().clamp(min=1)
    _, index = torch.unique(episode, return_inverse=True)
    per_episode = torch.zeros(int(index.max()) + 1 if len(index) else 0, device=episode.device)
    per_episode.index_add_(0, index, counts)
    # 1 / (episodes x entries of this episode)
    return 1.0 / (len(per_episode) * per_episode[index].clamp(min=1))


def _weights(valid: Tensor, aggregate: Aggregate, episode_axis: int, dtype: torch.dtype) -> Tensor:
    """Return the share of each entry in the mean, as `valid`; it sums to 1, or to 0 if nothing is valid."""
    _check(aggregate)
    count = valid.to(dtype)
    if aggregate == "token-mean":
        return count / count.sum().clamp(min=1)
    other_axes = [axis for axis in range(valid.ndim) if axis != episode_axis]
    tokens = count.sum(dim=other_axes, keepdim=True) if other_axes else count
    episodes = (tokens > 0).sum().clamp(min=1)
    return count / tokens.clamp(min=1) / episodes


def _over_tokens(array: Tensor, log_probs: Tensor, name: str) -> Tensor:
    """Return `array` with trailing axes added and broadcast to the shape of `log_probs`."""
    if array.shape != log_probs.shape[: array.ndim]:
        raise ShapeError(f"{name} {tuple(array.shape)} does not lead log_probs {tuple(log_probs.shape)}")
    return array.reshape(array.shape + (1,) * (log_probs.ndim - array.ndim)).expand(log_probs.shape)


def _check(aggregate: str) -> None:
    if aggregate not in ("token-mean", "episode-mean"):
        raise ValueError(f'aggregate={aggregate!r}; allowed: "token-mean", "episode-mean"')
