"""Epochs of the clipped policy gradient over one batch, for PPO (with values) and GRPO (without).

Axes: B decisions, C actions a chunk, A action dimensions, K = C A tokens.
"""

from collections import defaultdict
from collections.abc import Iterator

import torch
from torch import Tensor

from vla_trainer.config.algorithm import PPO, PolicyGradient
from vla_trainer.config.schema import Actor
from vla_trainer.interfaces import Policy
from vla_trainer.loss import aggregation_weights, policy_loss, value_loss
from vla_trainer.records import Batch

SUMMED = frozenset({"loss", "value_loss", "entropy"})
"""Metrics that carry the rows' shares already; the others are means over a micro-batch."""
NORMALIZE_EPSILON = 1e-8
"""Added to the deviation of the advantages, as PPO2 does."""


def update(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    algorithm: PolicyGradient,
    actor: Actor,
    *,
    temperature: float,
    action_dim: int,
    generator: torch.Generator,
) -> dict[str, float]:
    """Take `algorithm.epochs` passes over `batch`, each in a new order, and return the mean of each `actor/*` metric.

    The gradient of one optimizer step does not depend on `actor.micro_batch_size`: each decision's share in the mean
    is fixed before the batch is cut.

    Args:
        policy: stays in eval mode, so that before the first step the ratio is exactly what sampling saw.
        optimizer: of `make_optimizer`.
        batch: at least one decision.
        algorithm, actor: sections of the config.
        temperature: that the actions were sampled at.
        action_dim: A, for ratios per action.
        generator: shuffles.
    """
    policy.eval()
    advantages = batch.advantages
    if isinstance(algorithm, PPO) and algorithm.normalize_advantages and len(batch) > 1:
        advantages = (advantages - advantages.mean()) / (advantages.std() + NORMALIZE_EPSILON)
    size = actor.micro_batch_size
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    steps: list[dict[str, float]] = []
    for rows in _optimizer_steps(len(batch), algorithm.epochs, actor.global_batch_size, generator):
        optimizer.zero_grad(set_to_none=True)
        metrics: dict[str, float] = defaultdict(float)
        shares = aggregation_weights(batch.episode[rows], algorithm.aggregate)
        for micro, share in zip(torch.split(rows, size), torch.split(shares, size), strict=True):
            loss, measured = _micro_loss(policy, batch, advantages, micro, share, algorithm, temperature, action_dim)
            loss.backward()  # type: ignore[no-untyped-call]
            for name, value in measured.items():
                # measured as means over the micro-batch
                metrics[name] += value * (1.0 if name in SUMMED else len(micro) / len(rows))
        metrics["grad_norm"] = torch.nn.utils.clip_grad_norm_(parameters, actor.max_grad_norm).item()
        optimizer.step()
        steps.append(metrics)
        if algorithm.target_kl is not None and metrics["approx_kl"] > algorithm.target_kl:
            break
    mean = {f"actor/{name}": sum(step[name] for step in steps) / len(steps) for name in steps[0]}
    return mean | {"actor/lr": optimizer.param_groups[0]["lr"], "actor/optimizer_steps": float(len(steps))}


def _optimizer_steps(
    size: int, epochs: int, global_batch_size: int | None, generator: torch.Generator
) -> Iterator[Tensor]:
    """The rows of each optimizer step: every epoch a new order, cut into equal parts of at most `global_batch_size`."""
    parts = 1 if global_batch_size is None else -(-size // global_batch_size)
    for _ in range(epochs):
        yield from torch.randperm(size, generator=generator).tensor_split(parts)


def _micro_loss(
    policy: Policy,
    batch: Batch,
    advantages: Tensor,
    rows: Tensor,
    share: Tensor,
    algorithm: PolicyGradient,
    temperature: float,
    action_dim: int,
) -> tuple[Tensor, dict[str, float]]:
    """What `rows` contribute to an optimizer step's loss and metrics; `share` (B,): weight of each row in the step."""
    inputs = {key: value[rows] for key, value in batch.inputs.items()}
    out = policy.evaluate(inputs, batch.tokens[rows], temperature=temperature)
    device = out.log_probs.device
    share = share.to(device)
    everything = torch.ones(len(rows), dtype=torch.bool, device=device)

    loss, measured = policy_loss(
        _per_ratio(out.log_probs.float(), algorithm.logprob_type, action_dim),
        _per_ratio(batch.log_probs[rows].to(device), algorithm.logprob_type, action_dim),
        advantages[rows].to(device),
        everything,
        algorithm.clip_low,
        algorithm.clip_high,
        algorithm.dual_clip,
        weights=share,
    )
    metrics = {"loss": loss.item(), **measured}
    # entropy bonus: mean over tokens
    entropy = (out.entropy.float().mean(-1) * share).sum()
    metrics["entropy"] = entropy.item()
    total = loss - algorithm.entropy_coef * entropy
    if isinstance(algorithm, PPO):
        assert out.values is not None
        assert batch.values is not None
        assert batch.returns is not None
        of_values, measured = value_loss(
            out.values.float(),
            batch.values[rows].to(device),
            batch.returns[rows].to(device),
            everything,
            algorithm.value_clip,
            algorithm.huber_delta,
            weights=share,
        )
        metrics["value_loss"] = of_values.item()
        metrics |= measured
        total = total + algorithm.value_coef * of_values
    return total, metrics


def _per_ratio(log_probs: Tensor, ratio: str, action_dim: int) -> Tensor:
    """(B, K) to what one ratio spans: (B, K) tokens, (B, C) actions or (B, 1) chunks."""
    if ratio == "token_level":
        return log_probs
    if ratio == "action_level":
        return log_probs.reshape(len(log_probs), -1, action_dim).sum(-1)
    return log_probs.sum(-1, keepdim=True)
