"""Epochs of the clipped policy gradient over one batch, for PPO (with values) and GRPO (without).

    rows of a step --micro-batches--> policy.evaluate --> policy loss - entropy bonus + KL penalty + value loss
                                                          |  shares fixed before the batch was cut
                                         gradients add up v
                            clip by norm --StepGuard--> optimizer.step, or skip it

On several ranks each evaluates its own rows of every step, and gradients and metrics are added up:

    the same batch, the same shuffle, the same shares --rows_of_ranks--> a rank's rows --> as above --> sum over ranks

Axes: B policy steps, C actions a chunk, A action dimensions, K = C A tokens.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vla_trainer.advantage.grpo import all_equal
from vla_trainer.algorithms import GRPO, PPO, Level, PolicyGradient
from vla_trainer.config.schema import Actor
from vla_trainer.loss import aggregation_weights, kl_loss, policy_loss, value_loss
from vla_trainer.loss.ratio import clamped
from vla_trainer.protocols import Policy
from vla_trainer.types import Batch
from vla_trainer.update.finite import StepGuard, check_weights
from vla_trainer.update.levels import at_level, entries, token_mask
from vla_trainer.update.micro_batches import micro_batches
from vla_trainer.update.optimizer import clip_gradients
from vla_trainer.update.order import shuffled, whole_groups
from vla_trainer.update.ranks import Ranks

NORMALIZE_EPSILON = 1e-8
"""Added to the deviation of the advantages, as PPO2 does."""

INITIAL = "initial_ratio_error"
"""Of the metrics of the first step the one that is the largest of all ranks and micro-batches, not their sum."""

Autocast = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class _Began:
    """What the weights say that the update begins with, where others acted."""

    log_probs: Tensor
    """(B, K)."""
    cap: float
    """Of importance weights."""


@dataclass(frozen=True)
class _Step:
    """What one optimizer step knows of its rows before they are cut into micro-batches; all (B, ...)."""

    advantages: Tensor
    reference: Tensor | None
    """(B, K) log-probabilities of the reference policy."""
    began: _Began | None
    shares: dict[str, Tensor]
    """By level: the share (B,) of each entry in the mean over the step; "policy step": of each policy step."""
    counts: dict[str, float]
    """By level: how many entries the step has."""
    initial: bool = False
    """No weight has moved since the policy acted."""


def update(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    algorithm: PolicyGradient,
    actor: Actor,
    *,
    generator: torch.Generator,
    **settings: Any,
) -> dict[str, float]:
    """Take `algorithm.epochs` passes over `batch` and return the mean of each `actor/*` metric.

    Arguments are those of `Update` and `Update.run`.
    """
    return Update(policy, optimizer, algorithm, actor, **settings).run(batch, generator)


class Update:
    """The update of one iteration. Its first steps may be taken while the rest of the batch is still collected.

    The gradient of one optimizer step does not depend on `actor.micro_batch_size`: each entry's share in the mean is
    fixed before the batch is cut. Nor does it depend on how many ranks there are: all make the same calls, with the
    whole batch and generators in the same state, and get the same metrics.
    """

    def __init__(
        self,
        policy: Policy,
        optimizer: torch.optim.Optimizer,
        algorithm: PolicyGradient,
        actor: Actor,
        *,
        temperature: float,
        action_dim: int,
        reference: Policy | None = None,
        critic_only: bool = False,
        autocast: Autocast = nullcontext,
        ranks: Ranks | None = None,
        guard: StepGuard | None = None,
    ) -> None:
        """
        Args:
            policy: stays in eval mode, so that before the first step the ratio is 1 but for rounding, which depends on
                what a row is batched with: see `actor/initial_ratio_error`.
            optimizer: of `make_optimizer`.
            algorithm, actor: sections of the config.
            temperature: that the actions were sampled at.
            action_dim: A.
            reference: what `algorithm.kl_coef` measures the distance from; needed where that is above 0.
            critic_only: move only the group "critic".
            autocast: makes the context of every forward pass.
            ranks: the processes that share the work; None: this one alone.
            guard: counts the steps that are skipped in a row, over iterations; None: over this update alone.

        Raises:
            BackendError: there are several ranks, and `policy` is not sharded over them.
        """
        self._ranks = ranks or Ranks()
        if self._ranks.group is not None:
            from vla_trainer.update.sharding import prepare  # 5 seconds of imports that one process does not need

            prepare(policy, self._ranks)
        policy.eval()
        self._policy, self._optimizer, self._reference = policy, optimizer, reference
        self._algorithm, self._actor = algorithm, actor
        self._temperature, self._autocast = temperature, autocast
        self._critic_only = critic_only
        self._losses = _Losses(policy, algorithm, temperature, action_dim, critic_only)
        groups = optimizer.param_groups
        self._moving = [w for group in groups if not critic_only or group["name"] == "critic" for w in group["params"]]
        self._guard = guard or StepGuard(actor.max_skipped_steps)
        self._steps: list[dict[str, float]] = []
        """Metrics of the steps that were taken, and of the one that `target_kl` stopped at."""
        self._skipped = 0
        self._initial: dict[str, float] = {}
        """What is measured before the first step alone."""
        self._epoch = 1
        self._stopped = False
        self._begun = 0

    def begin(self, batch: Batch) -> None:
        """Take the next step of the first epoch, on all of `batch`: a part of what `run` gets, the one after those that
        were begun with before. For `actor.batch_order=groups`. Raises TrainingDivergedError, as `run` does."""
        self._begun = int(batch.episode[-1]) + 1
        if not self._stopped:
            self._step(1, batch, torch.arange(len(batch)), batch.advantages, self._of_reference(batch), None)

    def run(self, batch: Batch, generator: torch.Generator, importance_cap: float | None = None) -> dict[str, float]:
        """Take what is left of the epochs; returns the mean of each `actor/*` metric over the steps.

        Args:
            batch: at least one policy step. Of `inputs`, a rank asks only for the rows that it evaluates.
            generator: shuffles.
            importance_cap: not None: older weights acted than those that the update begins with. The ratio is measured
                from the latter, and each entry weighs as their probability over that of the weights that acted, at
                most this much (decoupled PPO: Hilton et al. 2021, arXiv:2110.00641; truncated as in IMPALA, Espeholt
                et al. 2018, arXiv:1802.01561).

        Raises:
            TrainingDivergedError: too many steps in a row were skipped, because their gradient's norm or their loss was
                not finite; or the weights are not finite at the end.
        """
        algorithm, eager = self._algorithm, len(self._steps)
        advantages = batch.advantages
        if isinstance(algorithm, PPO) and algorithm.normalize_advantages and len(batch) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + NORMALIZE_EPSILON)
        reference = self._of_reference(batch)
        began = None if importance_cap is None else _Began(self._log_probs(self._policy, batch), importance_cap)
        explained = _explained_variance(batch)
        for epoch, rows in self._order(batch, generator):
            if self._stopped:
                break
            self._step(epoch, batch, rows, advantages, reference, began)
        check_weights(self._policy, "the weights after the update", self._ranks, trained_only=True)
        steps, groups = self._steps, self._optimizer.param_groups
        # nothing was measured where all steps were skipped
        names = steps[0] if steps else ()
        mean = {f"actor/{name}": sum(step[name] for step in steps) / len(steps) for name in names}
        rates = {f"actor/{'lr' if group['name'] == 'actor' else 'critic_lr'}": group["lr"] for group in groups}
        taken = {
            "actor/optimizer_steps": float(len(steps) - self._stopped),
            "actor/skipped_steps": float(self._skipped),
            "actor/epochs": self._epoch,
        }
        if self._actor.batch_order == "groups":
            taken["actor/early_steps"] = float(eager)
        return mean | rates | taken | self._initial | explained

    def _order(self, batch: Batch, generator: torch.Generator) -> Iterator[tuple[int, Tensor]]:
        """The epoch, from 1, and the rows of each step that is left."""
        enough, algorithm = self._actor.global_batch_size, self._algorithm
        for epoch in range(1, algorithm.epochs + 1):
            if epoch == 1 and self._actor.batch_order == "groups":
                assert isinstance(algorithm, GRPO)
                assert enough is not None
                # what is left: of an episode that was begun with, even if it was collected once more since
                begun = int((batch.episode < self._begun).sum())
                groups = batch.episode[begun:] // algorithm.group_size
                steps: Iterator[Tensor] = (begun + rows for rows in whole_groups(groups, enough))
            else:
                steps = shuffled(len(batch), enough, generator)
            for rows in steps:
                yield epoch, rows

    def _step(
        self,
        epoch: int,
        batch: Batch,
        rows: Tensor,
        advantages: Tensor,
        reference: Tensor | None,
        began: _Began | None,
    ) -> None:
        algorithm, actor, optimizer = self._algorithm, self._actor, self._optimizer
        optimizer.zero_grad(set_to_none=True)
        metrics: dict[str, float] = defaultdict(float)
        # where older weights acted, the ratio is not measured from them
        initial = not self._steps and not self._skipped and began is None
        step = replace(self._losses.prepare(batch, rows, advantages, reference, began), initial=initial)
        ranks, errors = self._ranks, [0.0]
        for part, counts in micro_batches(batch.lengths[rows], actor.micro_batch_size, ranks.rank, ranks.size):
            with self._autocast():
                loss, measured = self._losses.of(batch, step, rows, part, counts)
            loss.backward()  # type: ignore[no-untyped-call]
            errors.append(measured.pop(INITIAL, 0.0))
            for name, value in measured.items():
                metrics[name] += value
        metrics = ranks.sum(metrics)
        self._epoch = epoch
        if initial and math.isfinite(error := ranks.max(float(torch.tensor(errors).max()))):
            self._initial = {f"actor/{INITIAL}": error}
        if self._critic_only:
            for group in optimizer.param_groups:
                for weight in group["params"] if group["name"] != "critic" else ():
                    weight.grad = None
        metrics["grad_norm"] = clip_gradients(self._moving, actor.max_grad_norm)
        if not self._guard.allows(metrics):
            self._skipped += 1
            optimizer.zero_grad(set_to_none=True)
            return
        self._steps.append(metrics)
        # where the policy has moved far enough, this step is measured and not taken
        self._stopped = algorithm.target_kl is not None and metrics["approx_kl"] > algorithm.target_kl
        if not self._stopped:
            optimizer.step()

    def _of_reference(self, batch: Batch) -> Tensor | None:
        if self._algorithm.kl_coef == 0 or self._reference is None:
            return None
        return self._log_probs(self._reference, batch)

    @torch.no_grad()
    def _log_probs(self, policy: Policy, batch: Batch) -> Tensor:
        """(B, K) log-probabilities of the batch's tokens, on the CPU."""
        found, ranks = torch.zeros(batch.log_probs.shape), self._ranks
        for rows, counts in micro_batches(batch.lengths, self._actor.micro_batch_size, ranks.rank, ranks.size):
            inputs = {key: value[rows] for key, value in batch.inputs.items()}
            with self._autocast():
                out = policy.evaluate(inputs, batch.tokens[rows], temperature=self._temperature)
            if counts:
                found[rows] = out.log_probs.float().cpu()
        return ranks.sum_tensor(found)


class _Losses:
    """The losses of any rows of any batch."""

    def __init__(
        self,
        policy: Policy,
        algorithm: PolicyGradient,
        temperature: float,
        action_dim: int,
        critic_only: bool,
    ) -> None:
        self._policy = policy
        self._algorithm = algorithm
        self._temperature = temperature
        self._action_dim = action_dim
        self._critic_only = critic_only

    def prepare(
        self, batch: Batch, rows: Tensor, advantages: Tensor, reference: Tensor | None, began: _Began | None = None
    ) -> _Step:
        """What belongs to the rows of an optimizer step, and the shares in its means."""
        algorithm, episode, lengths = self._algorithm, batch.episode[rows], batch.lengths[rows]
        levels: set[Level] = {"token_level", algorithm.logprob_type, algorithm.entropy_type}
        counts: dict[str, Tensor] = {level: entries(lengths, level, self._action_dim) for level in levels}
        shares = {level: aggregation_weights(episode, algorithm.aggregate, count) for level, count in counts.items()}
        return _Step(
            advantages=advantages[rows],
            reference=None if reference is None else reference[rows],
            began=None if began is None else replace(began, log_probs=began.log_probs[rows]),
            shares={**shares, "policy_step": aggregation_weights(episode, algorithm.aggregate)},
            counts={level: float(count.sum()) for level, count in counts.items()},
        )

    def of(
        self, batch: Batch, step: _Step, rows: Tensor, part: Tensor, counts: bool
    ) -> tuple[Tensor, dict[str, float]]:
        """What the rows `rows[part]` contribute to a step's loss and to its metrics, each a share of the whole; but for
        `INITIAL`, which is their largest.

        Where they do not count, the loss and its gradients are 0, whatever the rows hold.
        """
        algorithm, dim = self._algorithm, self._action_dim
        micro = rows[part]
        out = self._policy.evaluate(
            {key: value[micro] for key, value in batch.inputs.items()},
            batch.tokens[micro],
            temperature=self._temperature,
        )
        device = out.log_probs.device
        shares = {level: share[part].to(device) for level, share in step.shares.items()}
        lengths = batch.lengths[micro].to(device) * counts
        mask = token_mask(lengths, out.log_probs.shape[-1], dim)
        log_probs, old = out.log_probs.float(), batch.log_probs[micro].to(device)

        level = algorithm.logprob_type
        new_at, valid = at_level(log_probs, mask, level, dim)
        old_at = at_level(old, mask, level, dim)[0]
        advantages, importance = step.advantages[part].to(device), None
        if step.began is not None:
            acted_at, old_at = old_at, at_level(step.began.log_probs[part].to(device), mask, level, dim)[0]
            importance = clamped(torch.where(valid, old_at - acted_at, 0.0)).exp()
            advantages = advantages[:, None] * importance.clamp(max=step.began.cap)
        loss, measured = policy_loss(
            new_at,
            old_at,
            advantages,
            valid,
            algorithm.clip_low,
            algorithm.clip_high,
            algorithm.dual_clip,
            weights=shares[level],
        )
        # measured as means over the entries here
        here = float(valid.sum()) / step.counts[level]
        metrics = {"loss": loss.item(), **{name: value * here for name, value in measured.items()}}

        if step.began is not None and importance is not None:
            metrics["importance_weight"] = (torch.where(valid, importance, 0.0).sum() / step.counts[level]).item()
            metrics["importance_capped"] = float(((importance > step.began.cap) & valid).sum()) / step.counts[level]

        token_shares = shares["token_level"][:, None]
        metrics["entropy"] = (torch.where(mask, out.entropy.float(), 0.0) * token_shares).sum().item()
        entropy_at, valid = at_level(out.entropy.float(), mask, algorithm.entropy_type, dim)
        bonus = (torch.where(valid, entropy_at, 0.0) * shares[algorithm.entropy_type][:, None]).sum()
        total = loss - algorithm.entropy_coef * bonus
        if step.reference is not None:
            penalty = kl_loss(log_probs, step.reference[part].to(device), mask, weights=token_shares)
            metrics["kl"] = penalty.item()
            total = total + algorithm.kl_coef * penalty
        if self._critic_only:
            total = torch.zeros((), device=device)
        if isinstance(algorithm, PPO):
            assert out.values is not None
            assert batch.values is not None
            assert batch.returns is not None
            of_values, measured = value_loss(
                out.values.float(),
                batch.values[micro].to(device),
                batch.returns[micro].to(device),
                torch.full((len(micro),), counts, device=device),
                algorithm.value_clip,
                algorithm.huber_delta,
                weights=shares["policy_step"],
            )
            metrics["value_loss"] = of_values.item()
            metrics |= {name: value * counts * len(micro) / len(rows) for name, value in measured.items()}
            total = total + algorithm.value_coef * of_values
        if step.initial:
            # |rho - 1| of tokens
            ratio_errors = clamped(torch.where(mask, log_probs.detach() - old, 0.0)).expm1().abs()
            metrics[INITIAL] = ratio_errors.max().item()
        return total, metrics


def _explained_variance(batch: Batch) -> dict[str, float]:
    """How much of the returns the critic that acted knew; nothing without a critic or where all returns are equal."""
    if batch.values is None or batch.returns is None or len(batch) < 2 or all_equal(batch.returns.numpy()):
        return {}
    left = float((batch.returns - batch.values).var() / batch.returns.var())
    return {"actor/explained_variance": 1.0 - left}
