"""The loss of the rows of an optimizer step, micro-batch by micro-batch.

Axes: B policy steps, C actions a chunk, A action dimensions, K = C A tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vla_trainer.algorithms import Level, PolicyGradient
from vla_trainer.loss import aggregation_weights, kl_loss, policy_loss, value_loss
from vla_trainer.loss.ratio import clamped
from vla_trainer.protocols import Policy
from vla_trainer.types import Batch, Imitated
from vla_trainer.update.batches import at_level, entries, token_mask

INITIAL_RATIO_ERROR = "initial_ratio_error"
"""The metric of the first step that is the largest of all ranks and micro-batches, not their sum."""


@dataclass(frozen=True)
class StepData:
    """A batch and what its policy steps are compared with; tensors are (B, ...)."""

    batch: Batch
    advantages: Tensor
    reference: Tensor | None
    """(B, K) log-probabilities of the reference policy."""
    proximal: Tensor | None = None
    """(B, K) log-probabilities of the weights that the update begins with, where older ones acted."""
    importance_cap: float = math.inf
    """The largest importance weight, proximal over behavior probability."""


@dataclass(frozen=True)
class StepShares:
    """What is known of an optimizer step before it is cut into micro-batches."""

    rows: Tensor
    """Of the batch."""
    shares: dict[str, Tensor]
    """By level: the share of each row's entries in the mean over the step; "policy_step": of each row."""
    counts: dict[str, float]
    """By level: how many entries the step has."""
    initial: bool
    """No weight has moved since the policy acted."""


class Losses:
    """The loss of any rows of any batch: L = L_policy - entropy_coef H + kl_coef KL + value_coef L_value."""

    def __init__(
        self, policy: Policy, algorithm: PolicyGradient, temperature: float, action_dim: int, critic_only: bool
    ) -> None:
        self._policy, self._algorithm = policy, algorithm
        self._temperature, self.action_dim = temperature, action_dim
        self._critic_only = critic_only

    def prepare(self, batch: Batch, rows: Tensor, *, initial: bool) -> StepShares:
        """Compute the shares that the rows of an optimizer step have in its means."""
        algorithm, episode, lengths = self._algorithm, batch.episode[rows], batch.lengths[rows]
        levels: set[Level] = {"token_level", algorithm.logprob_type, algorithm.entropy_type}
        counts: dict[str, Tensor] = {level: entries(lengths, level, self.action_dim) for level in levels}
        shares = {level: aggregation_weights(episode, algorithm.aggregate, count) for level, count in counts.items()}
        shares["policy_step"] = aggregation_weights(episode, algorithm.aggregate)
        return StepShares(rows, shares, {level: float(count.sum()) for level, count in counts.items()}, initial)

    def compute(self, data: StepData, step: StepShares, part: Tensor, counted: bool) -> tuple[Tensor, dict[str, float]]:
        """Return what the rows `step.rows[part]` contribute to a step's loss and to its metrics, each a share of the
        whole; but for `INITIAL_RATIO_ERROR`, which is their largest.

        Where they are not counted, the loss and its gradients are 0, whatever the rows hold.
        """
        algorithm, dim, batch = self._algorithm, self.action_dim, data.batch
        micro = step.rows[part]
        out = self._policy.evaluate(
            {key: value[micro] for key, value in batch.inputs.items()},
            batch.tokens[micro],
            temperature=self._temperature,
        )
        device = out.log_probs.device
        shares = {level: share[part].to(device) for level, share in step.shares.items()}
        lengths = batch.lengths[micro].to(device) * counted
        mask = token_mask(lengths, out.log_probs.shape[-1], dim)
        log_probs, old_log_probs = out.log_probs.float(), batch.log_probs[micro].to(device)

        level = algorithm.logprob_type
        average = algorithm.ratio == "geometric_mean"
        new, valid = at_level(log_probs, mask, level, dim, average=average)
        old = at_level(old_log_probs, mask, level, dim, average=average)[0]
        advantages = data.advantages[micro].to(device)
        importance_metrics: dict[str, float] = {}
        if data.proximal is not None:
            # w = pi_proximal / pi_behavior; A <- min(w, cap) A, and the ratio is pi / pi_proximal
            proximal = data.proximal[micro].to(device)
            behavior, old = old, at_level(proximal, mask, level, dim, average=average)[0]
            importance = clamped(torch.where(valid, old - behavior, 0.0)).exp()
            advantages = advantages[:, None] * importance.clamp(max=data.importance_cap)
            importance_metrics = {
                "importance_weight": (torch.where(valid, importance, 0.0).sum() / step.counts[level]).item(),
                "importance_capped": float(((importance > data.importance_cap) & valid).sum()) / step.counts[level],
            }
        total, measured = policy_loss(
            new,
            old,
            advantages,
            valid,
            algorithm.clip_low,
            algorithm.clip_high,
            algorithm.dual_clip,
            weights=shares[level],
        )
        # means over the entries of these rows, to shares of the step's means
        fraction = float(valid.sum()) / step.counts[level]
        metrics = {"loss": total.item(), **{name: value * fraction for name, value in measured.items()}}
        metrics |= importance_metrics

        token_shares = shares["token_level"][:, None]
        metrics["entropy"] = (torch.where(mask, out.entropy.float(), 0.0) * token_shares).sum().item()
        # - entropy_coef H
        entropy, valid = at_level(out.entropy.float(), mask, algorithm.entropy_type, dim)
        bonus = (torch.where(valid, entropy, 0.0) * shares[algorithm.entropy_type][:, None]).sum()
        total = total - algorithm.entropy_coef * bonus
        if data.reference is not None:
            # + kl_coef KL(pi || pi_reference)
            penalty = kl_loss(log_probs, data.reference[micro].to(device), mask, weights=token_shares)
            metrics["kl"] = penalty.item()
            total = total + algorithm.kl_coef * penalty
        if self._critic_only:
            total = torch.zeros((), device=device)
        if (settings := algorithm.value_loss) is not None:
            assert out.values is not None
            assert batch.values is not None
            assert batch.returns is not None
            # + value_coef L_value
            of_values, measured = value_loss(
                out.values.float(),
                batch.values[micro].to(device),
                batch.returns[micro].to(device),
                torch.full((len(micro),), counted, device=device),
                settings.clip,
                settings.huber_delta,
                weights=shares["policy_step"],
            )
            metrics["value_loss"] = of_values.item()
            metrics |= {name: value * counted * len(micro) / len(step.rows) for name, value in measured.items()}
            total = total + settings.coef * of_values
        if step.initial:
            # max |rho - 1| over tokens
            errors = clamped(torch.where(mask, log_probs.detach() - old_log_probs, 0.0)).expm1().abs()
            metrics[INITIAL_RATIO_ERROR] = errors.max().item()
        return total, metrics

    def prepare_imitation(self, batch: Batch, rows: int, generator: torch.Generator) -> "ImitationStep | None":
        """Sample what an optimizer step of `rows` policy steps imitates; None where that is nothing.

        Ranks whose generators are in the same state sample the same.
        """
        kept = sum(map(len, batch.imitated))
        settings = self._algorithm.self_imitation
        if settings is None or not kept or self._critic_only:
            return None
        count = max(round(settings.share * rows), 1)
        chosen = torch.randint(kept, (count,), generator=generator).sort().values
        lengths = torch.cat([part.lengths for part in batch.imitated])[chosen]
        return ImitationStep(batch.imitated, chosen, lengths, float(lengths.sum()) * self.action_dim, settings.coef)

    def imitate(self, step: "ImitationStep", part: Tensor, counted: bool) -> tuple[Tensor, dict[str, float]]:
        """Return what some of the rows contribute to the loss, - coef times the mean of log pi over tokens."""
        inputs, tokens = step.read(part)
        out = self._policy.evaluate(inputs, tokens, temperature=self._temperature)
        lengths = step.lengths[part].to(out.log_probs.device) * counted
        mask = token_mask(lengths, out.log_probs.shape[-1], self.action_dim)
        loss = -torch.where(mask, out.log_probs.float(), 0.0).sum() / step.tokens
        return step.coef * loss, {"imitation_loss": loss.item()}


@dataclass(frozen=True)
class ImitationStep:
    """The policy steps that an optimizer step imitates; R of them."""

    parts: Sequence[Imitated]
    """Where they are."""
    chosen: Tensor
    """(R,) int64: their numbers, counted through all parts; ascending."""
    lengths: Tensor
    """(R,) actions that count."""
    tokens: float
    """That count, in all."""
    coef: float

    def read(self, part: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return inputs, each (r, ...), and tokens (r, K) of the rows `part` (r,), which ascends."""
        numbers = self.chosen[part]
        inputs, tokens, first = [], [], 0
        for kept in self.parts:
            own = numbers[(numbers >= first) & (numbers < first + len(kept))] - first
            if len(own):
                inputs.append({key: value[own] for key, value in kept.inputs.items()})
                tokens.append(kept.tokens[own])
            first += len(kept)
        return {key: torch.cat([found[key] for found in inputs]) for key in inputs[0]}, torch.cat(tokens)
