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
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vla_trainer.advantage.grpo import all_equal
from vla_trainer.algorithms import PolicyGradient
from vla_trainer.config.schema import Actor
from vla_trainer.protocols import Policy
from vla_trainer.row_threads import RowThreads
from vla_trainer.types import Batch
from vla_trainer.update.batches import micro_batches, shuffled, whole_groups
from vla_trainer.update.losses import INITIAL_RATIO_ERROR, Losses, StepData
from vla_trainer.update.optimizer import StepGuard, check_weights, clip_gradients
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.step_size import Backup, mean_kl, measured_rows

NORMALIZE_EPSILON = 1e-8
"""Added to the deviation of the advantages, as PPO2 does."""

Autocast = Callable[[], AbstractContextManager[object]]


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
        threads: RowThreads | None = None,
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
            threads: micro-batches are divided among them, where this rank is the only one; None: one.

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
        # ranks gather sharded weights together, in one order
        self._threads = threads if threads is not None and self._ranks.group is None else RowThreads()
        self._critic_only = critic_only
        self._losses = Losses(policy, algorithm, temperature, action_dim, critic_only)
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
        self._backup = Backup(policy, optimizer) if actor.undo_above is not None else None
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
            self._step(1, StepData(batch, batch.advantages, self._reference_log_probs(batch)), torch.arange(len(batch)))

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
        data = StepData(batch, advantages, self._reference_log_probs(batch))
        if importance_cap is not None:
            data = replace(data, proximal=self._log_probs(self._policy, batch), importance_cap=importance_cap)
        explained = _explained_variance(batch)
        for epoch, rows in self._order(batch, generator):
            if self._stopped:
                break
            self._step(epoch, data, rows, generator)
        check_weights(self._policy, "the weights after the update", self._ranks, trained_only=True)
        steps, groups = self._steps, self._optimizer.param_groups
        # nothing was measured where all steps were skipped
        names = steps[0] if steps else ()
        mean = {f"actor/{name}": sum(step[name] for step in steps) / len(steps) for name in names}
        rates = {f"actor/{'lr' if group['name'] == 'actor' else 'critic_lr'}": group["lr"] for group in groups}
        taken = self._step_size(batch) | {
            "actor/optimizer_steps": float(len(steps) - self._stopped),
            "actor/skipped_steps": float(self._skipped),
            "actor/epochs": self._epoch,
        }
        if self._actor.batch_order == "groups":
            taken["actor/eager_steps"] = float(eager)
        return mean | rates | taken | self._initial | explained

    def _step_size(self, batch: Batch) -> dict[str, float]:
        """Measure how far the update has moved the policy, and undo it where that is too far."""
        actor, algorithm = self._actor, self._algorithm
        if actor.update_kl is None:
            return {}
        rows = measured_rows(len(batch))
        new = self._log_probs(self._policy, batch, rows)
        dim = self._losses.action_dim
        kl = mean_kl(new, batch.log_probs[rows], batch.lengths[rows], algorithm.logprob_type, dim)
        undone = self._backup is not None and not kl <= actor.update_kl * (actor.undo_above or math.inf)
        if undone and self._backup is not None:
            self._backup.restore()
        return {"actor/update_kl": kl, "actor/undone_updates": float(undone)}

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

    def _micro_batches(self, lengths: Tensor) -> Iterator[tuple[Tensor, bool]]:
        ranks = self._ranks
        return micro_batches(lengths, self._actor.micro_batch_size, ranks.rank, ranks.size)

    def _step(self, epoch: int, data: StepData, rows: Tensor, generator: torch.Generator | None = None) -> None:
        """Measure one optimizer step, and take it unless it is refused or beyond `target_kl`.

        `generator` samples what is imitated beside the rows; None: nothing is.
        """
        algorithm, actor, optimizer = self._algorithm, self._actor, self._optimizer
        optimizer.zero_grad(set_to_none=True)
        metrics: dict[str, float] = defaultdict(float)
        # where an older behavior policy acted, the ratio is not measured from it
        initial = not self._steps and not self._skipped and data.proximal is None
        step = self._losses.prepare(data.batch, rows, initial=initial)
        ranks, errors = self._ranks, [0.0]
        compute = partial(self._losses.compute, data, step)
        passes = [partial(compute, *part) for part in self._micro_batches(data.batch.lengths[rows])]
        if generator is not None and (own := self._losses.prepare_imitation(data.batch, len(rows), generator)):
            passes += [partial(self._losses.imitate, own, *part) for part in self._micro_batches(own.lengths)]

        def forward(number: int) -> tuple[Tensor, dict[str, float]]:
            if self._before_pass is not None:
                self._before_pass(last=number == len(passes) - 1)
            with self._autocast():
                return passes[number]()

        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        for measured in self._threads.add_gradients(weights, [partial(forward, n) for n in range(len(passes))]):
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
    def _log_probs(self, policy: Policy, batch: Batch, chosen: Tensor | None = None) -> Tensor:
        """Return (B, K) log-probabilities of the batch's tokens, or of its rows `chosen` (b,), on the CPU."""
        chosen = torch.arange(len(batch)) if chosen is None else chosen
        log_probs, ranks = torch.zeros(len(chosen), batch.log_probs.shape[1]), self._ranks
        for part, counted in self._micro_batches(batch.lengths[chosen]):
            rows = chosen[part]
            inputs = {key: value[rows] for key, value in batch.inputs.items()}
            with self._autocast():
                out = policy.evaluate(inputs, batch.tokens[rows], temperature=self._temperature)
            if counted:
                log_probs[part] = out.log_probs.float().cpu()
        return ranks.sum_tensor(log_probs)


def _explained_variance(batch: Batch) -> dict[str, float]:
    """Return 1 - var(R - V) / var(R), V by the critic that acted; nothing without one or where all R are equal."""
    if batch.values is None or batch.returns is None or len(batch) < 2 or all_equal(batch.returns.numpy()):
        return {}
    left = float((batch.returns - batch.values).var() / batch.returns.var())
    return {"actor/explained_variance": 1.0 - left}
