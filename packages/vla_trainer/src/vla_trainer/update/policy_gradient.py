"""Epochs of the clipped policy gradient over one batch, for PPO (with values) and GRPO (without).

    rows of a step --micro-batches--> policy.evaluate --> policy loss - entropy bonus + KL penalty + value loss
                                                          |  shares fixed before the batch was cut
                                         gradients add up v
                            clip by norm --StepGuard--> optimizer.step, or skip it

On several ranks each evaluates its own rows of every step, and gradients and metrics are summed:

    the same batch, the same shuffle, the same shares --rows_of_ranks--> a rank's rows --> as above --> sum over ranks

Axes: B policy steps, C actions a chunk, A action dimensions, K = C A tokens.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vla_trainer.advantage.grpo import all_equal
from vla_trainer.algorithms import Level, PolicyGradient
from vla_trainer.config.schema import Actor
from vla_trainer.loss import aggregation_weights, kl_loss, policy_loss, value_loss
from vla_trainer.loss.ratio import clamped
from vla_trainer.protocols import Policy
from vla_trainer.types import Batch
from vla_trainer.update.batches import at_level, entries, micro_batches, shuffled, token_mask, whole_groups
from vla_trainer.update.optimizer import StepGuard, check_weights, clip_gradients
from vla_trainer.update.ranks import Ranks

NORMALIZE_EPSILON = 1e-8
"""Added to the deviation of the advantages, as PPO2 does."""

INITIAL_RATIO_ERROR = "initial_ratio_error"
"""The metric of the first step that is the largest of all ranks and micro-batches, not their sum."""

Autocast = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class _Data:
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
class _Step:
    """What is known of an optimizer step before it is cut into micro-batches."""

    rows: Tensor
    """Of the batch."""
    shares: dict[str, Tensor]
    """By level: the share of each row's entries in the mean over the step; "policy_step": of each row."""
    counts: dict[str, float]
    """By level: how many entries the step has."""
    initial: bool
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
    """The update of one iteration. Its first steps may be eager: taken while the rest of the batch is collected.

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
            reference: the policy that `algorithm.kl_coef` measures the distance from; needed where that is above 0.
            critic_only: move only the group "critic".
            autocast: makes the context of every forward pass.
            ranks: the processes that share the work; None: this one alone.
            guard: counts the steps that are skipped in a row, over iterations; None: over this update alone.

        Raises:
            BackendError: there are several ranks, and `policy` is not sharded over them.
        """
        self._ranks = ranks or Ranks()
        self._before_pass: Callable[..., None] | None = None
        if self._ranks.group is not None:
            from vla_trainer.update import sharding  # 5 seconds of imports that one process does not need

            sharding.prepare(policy, self._ranks)
            self._before_pass = partial(sharding.before_pass, policy, actor)
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
        """What is measured at the first step alone."""
        self._epoch = 1
        self._stopped = False
        self._eager_episodes = 0
        """Episodes below this number were learned from by `begin`."""

    def begin(self, batch: Batch) -> None:
        """Take the next step of the first epoch eagerly, on all of `batch`; for `actor.batch_order=groups`.

        Args:
            batch: the part of what `run` gets that follows those of earlier calls.

        Raises:
            TrainingDivergedError: as `run`.
        """
        self._eager_episodes = int(batch.episode[-1]) + 1
        if not self._stopped:
            self._step(1, _Data(batch, batch.advantages, self._reference_log_probs(batch)), torch.arange(len(batch)))

    def run(self, batch: Batch, generator: torch.Generator, importance_cap: float | None = None) -> dict[str, float]:
        """Take what is left of the epochs; return the mean of each `actor/*` metric over the steps.

        Args:
            batch: at least one policy step. Of `inputs`, a rank reads only the rows that it evaluates.
            generator: shuffles.
            importance_cap: None: the weights that the update begins with acted. Else an older behavior policy did, and
                the update is decoupled PPO (Hilton et al. 2021, arXiv:2110.00641): ratios are measured from the
                proximal policy, the weights that the update begins with, and each entry weighs as its proximal over its
                behavior probability, at most this much (truncated as in IMPALA, Espeholt et al. 2018,
                arXiv:1802.01561).

        Raises:
            TrainingDivergedError: too many steps in a row were skipped, because their gradient's norm or their loss was
                not finite; or the weights are not finite at the end.
        """
        eager, advantages = len(self._steps), batch.advantages
        if self._algorithm.scales_advantages and len(batch) > 1:
            # A <- (A - mean A) / (std A + 1e-8)
            advantages = (advantages - advantages.mean()) / (advantages.std() + NORMALIZE_EPSILON)
        data = _Data(batch, advantages, self._reference_log_probs(batch))
        if importance_cap is not None:
            data = replace(data, proximal=self._log_probs(self._policy, batch), importance_cap=importance_cap)
        explained = _explained_variance(batch)
        for epoch, rows in self._order(batch, generator):
            if self._stopped:
                break
            self._step(epoch, data, rows)
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
            taken["actor/eager_steps"] = float(eager)
        return mean | rates | taken | self._initial | explained

    def _order(self, batch: Batch, generator: torch.Generator) -> Iterator[tuple[int, Tensor]]:
        """Yield the epoch, from 1, and the rows of each step that is left."""
        size = self._actor.global_batch_size
        for epoch in range(1, self._algorithm.epochs + 1):
            if epoch == 1 and self._actor.batch_order == "groups":
                assert batch.group is not None
                assert size is not None
                # without the episodes of eager steps, even where one was collected once more since
                first = int((batch.episode < self._eager_episodes).sum())
                steps: Iterator[Tensor] = (first + rows for rows in whole_groups(batch.group[first:], size))
            else:
                steps = shuffled(len(batch), size, generator)
            for rows in steps:
                yield epoch, rows

    def _step(self, epoch: int, data: _Data, rows: Tensor) -> None:
        """Measure one optimizer step, and take it unless it is refused or beyond `target_kl`."""
        algorithm, actor, optimizer = self._algorithm, self._actor, self._optimizer
        optimizer.zero_grad(set_to_none=True)
        metrics: dict[str, float] = defaultdict(float)
        # where an older behavior policy acted, the ratio is not measured from it
        initial = not self._steps and not self._skipped and data.proximal is None
        step = self._losses.prepare(data.batch, rows, initial=initial)
        ranks, errors = self._ranks, [0.0]
        passes = list(micro_batches(data.batch.lengths[rows], actor.micro_batch_size, ranks.rank, ranks.size))
        for number, (part, counted) in enumerate(passes, start=1):
            if self._before_pass is not None:
                self._before_pass(last=number == len(passes))
            with self._autocast():
                loss, measured = self._losses.compute(data, step, part, counted)
            loss.backward()  # type: ignore[no-untyped-call]
            errors.append(measured.pop(INITIAL_RATIO_ERROR, 0.0))
            for name, value in measured.items():
                metrics[name] += value
        metrics = ranks.sum(metrics)
        self._epoch = epoch
        if initial and math.isfinite(error := ranks.max(float(torch.tensor(errors).max()))):
            self._initial = {f"actor/{INITIAL_RATIO_ERROR}": error}
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

    def _reference_log_probs(self, batch: Batch) -> Tensor | None:
        if self._algorithm.kl_coef == 0 or self._reference is None:
            return None
        return self._log_probs(self._reference, batch)

    @torch.no_grad()
    def _log_probs(self, policy: Policy, batch: Batch) -> Tensor:
        """Return (B, K) log-probabilities of the batch's tokens, on the CPU."""
        log_probs, ranks = torch.zeros(batch.log_probs.shape), self._ranks
        for rows, counted in micro_batches(batch.lengths, self._actor.micro_batch_size, ranks.rank, ranks.size):
            inputs = {key: value[rows] for key, value in batch.inputs.items()}
            with self._autocast():
                out = policy.evaluate(inputs, batch.tokens[rows], temperature=self._temperature)
            if counted:
                log_probs[rows] = out.log_probs.float().cpu()
        return ranks.sum_tensor(log_probs)


class _Losses:
    """The loss of any rows of any batch: L = L_policy - entropy_coef H + kl_coef KL + value_coef L_value."""

    def __init__(
        self, policy: Policy, algorithm: PolicyGradient, temperature: float, action_dim: int, critic_only: bool
    ) -> None:
        self._policy, self._algorithm = policy, algorithm
        self._temperature, self._action_dim = temperature, action_dim
        self._critic_only = critic_only

    def prepare(self, batch: Batch, rows: Tensor, *, initial: bool) -> _Step:
        """Compute the shares that the rows of an optimizer step have in its means."""
        algorithm, episode, lengths = self._algorithm, batch.episode[rows], batch.lengths[rows]
        levels: set[Level] = {"token_level", algorithm.logprob_type, algorithm.entropy_type}
        counts: dict[str, Tensor] = {level: entries(lengths, level, self._action_dim) for level in levels}
        shares = {level: aggregation_weights(episode, algorithm.aggregate, count) for level, count in counts.items()}
        shares["policy_step"] = aggregation_weights(episode, algorithm.aggregate)
        return _Step(rows, shares, {level: float(count.sum()) for level, count in counts.items()}, initial)

    def compute(self, data: _Data, step: _Step, part: Tensor, counted: bool) -> tuple[Tensor, dict[str, float]]:
        """Return what the rows `step.rows[part]` contribute to a step's loss and to its metrics, each a share of the
        whole; but for `INITIAL_RATIO_ERROR`, which is their largest.

        Where they are not counted, the loss and its gradients are 0, whatever the rows hold.
        """
        algorithm, dim, batch = self._algorithm, self._action_dim, data.batch
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
        new, valid = at_level(log_probs, mask, level, dim)
        old = at_level(old_log_probs, mask, level, dim)[0]
        advantages = data.advantages[micro].to(device)
        importance_metrics: dict[str, float] = {}
        if data.proximal is not None:
            # w = pi_proximal / pi_behavior; A <- min(w, cap) A, and the ratio is pi / pi_proximal
            behavior, old = old, at_level(data.proximal[micro].to(device), mask, level, dim)[0]
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


def _explained_variance(batch: Batch) -> dict[str, float]:
    """Return 1 - var(R - V) / var(R), V by the critic that acted; nothing without one or where all R are equal."""
    if batch.values is None or batch.returns is None or len(batch) < 2 or all_equal(batch.returns.numpy()):
        return {}
    left = float((batch.returns - batch.values).var() / batch.returns.var())
    return {"actor/explained_variance": 1.0 - left}
