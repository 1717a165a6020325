"""The policy's update in one process: optimizer, learning rates and what an update is measured against."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from vla_trainer.config.schema import Config
from vla_trainer.protocols import Policy
from vla_trainer.row_threads import RowThreads
from vla_trainer.schedule import lr_factor, temperature_at
from vla_trainer.types import Batch
from vla_trainer.update.optimizer import StepGuard, make_optimizer, set_learning_rates
from vla_trainer.update.policy_gradient import Update
from vla_trainer.update.ranks import Ranks


class Learner:
    """Takes the updates of a policy; where several processes learn together, each has one."""

    def __init__(
        self,
        config: Config,
        policy: Policy,
        *,
        action_dim: int,
        reference: Policy | None,
        autocast: Callable[[], AbstractContextManager[object]],
        ranks: Ranks | None = None,
        threads: RowThreads | None = None,
    ) -> None:
        """
        Args:
            config: of the run.
            policy: whose weights are moved.
            action_dim: A, numbers of one action.
            reference: the policy that the run began with, for `algorithm.kl_coef`; None where that is 0.
            autocast: makes the context of each forward pass.
            ranks: the processes that learn together; None: this one alone.
            threads: of this process, among which micro-batches are divided; None: one.
        """
        self._config, self._policy = config, policy
        self._algorithm = config.policy_gradient
        self._action_dim, self._reference, self._autocast = action_dim, reference, autocast
        self._ranks, self._threads = ranks or Ranks(), threads
        self.optimizer = make_optimizer(policy, config.actor, needs_critic=self._algorithm.warmup_iterations > 0)
        self._guard = StepGuard(config.actor.max_skipped_steps)
        self._lr_scale = 1.0
        self._update: Update | None = None

    def scale_lr(self, scale: float) -> None:
        """Multiply what the config says about learning rates by this from now on."""
        self._lr_scale = scale

    def begin(self, batch: Batch, iteration: int) -> None:
        """Take an iteration's next step before the rest of its batch is there; see `Update.begin`."""
        self._of(iteration).begin(batch)

    def run(
        self, batch: Batch, iteration: int, shuffles: Tensor, importance_cap: float | None = None
    ) -> tuple[dict[str, float], Tensor]:
        """Take an iteration's update, on all processes that learn at once.

        See `vla_trainer.runtime.interface.RLRuntime.update`.
        """
        generator = torch.Generator()
        generator.set_state(shuffles)
        metrics = self._of(iteration).run(batch, generator, importance_cap)
        self._update = None
        self.optimizer.zero_grad(set_to_none=True)  # 4 bytes a trained weight, of no use while the policy acts
        return metrics, generator.get_state()

    def _of(self, iteration: int) -> Update:
        """The update of this iteration, begun if it was not."""
        config = self._config
        if self._update is None:
            factor = lr_factor(config.actor, iteration, config.trainer.iterations)
            set_learning_rates(self.optimizer, config.actor, factor * self._lr_scale)
            self._update = Update(
                self._policy,
                self.optimizer,
                self._algorithm,
                config.actor,
                temperature=temperature_at(config.rollout, iteration, config.trainer.iterations),
                action_dim=self._action_dim,
                reference=self._reference,
                critic_only=iteration <= self._algorithm.warmup_iterations,
                autocast=self._autocast,
                ranks=self._ranks,
                guard=self._guard,
                threads=self._threads,
            )
        return self._update
