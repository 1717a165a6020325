"""Supervised fine-tuning in this process: policy, optimizer, demonstrations, and environments to evaluate in."""

from vla_trainer.config.schema import Config
from vla_trainer.evaluation.report import CountProgress
from vla_trainer.runtime.local_policy import LocalPolicy
from vla_trainer.schedule import lr_factor
from vla_trainer.sft.dataset import open_demonstrations
from vla_trainer.sft.fit import fit
from vla_trainer.sft.loader import Loader
from vla_trainer.sft.policy_steps import PolicySteps
from vla_trainer.sft.targets import Targets
from vla_trainer.update.optimizer import StepGuard, make_optimizer, set_learning_rates


class DemonstrationLearner(LocalPolicy):
    """What `vla_trainer.trainer.SFTTrainer` learns with."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._settings = config.sft
        self._loader: Loader | None = None
        self._lr_scale = 1.0
        try:
            self.make_policy(self.open_evaluation())
            self.optimizer = make_optimizer(self.policy, config.actor)
            self._guard = StepGuard(config.actor.max_skipped_steps)
        except BaseException:
            self.close()
            raise

    def read_demonstrations(self, iterations_done: int) -> str:
        """Read the dataset for `fit`, and let the policy normalize by its statistics; returns a line about it.

        Args:
            iterations_done: how many iterations' batches are left out, because a checkpoint has learned from them.

        Raises:
            DatasetError: there is no such dataset, an episode is damaged, or the disk is full.
            PolicyError: the policy cannot learn from demonstrations.
        """
        settings, config = self._settings, self._config
        assert self._evaluation_envs is not None
        assert config.actor.global_batch_size is not None
        demonstrations = open_demonstrations(settings, self._evaluation_envs)
        space, shape = self.env_spec.observation_space, self.env_spec.action_space.shape
        assert shape is not None
        with CountProgress("reading demonstrations", len(demonstrations.episodes)) as progress:
            policy_steps = PolicySteps.read(
                demonstrations,
                demonstrations.steps,
                chunk=shape[0] if len(shape) == 2 else None,
                keys=list(space.spaces) if hasattr(space, "spaces") else None,
                noop_threshold=settings.noop_threshold,
                imitate=settings.imitate,
                on_episode=progress,
            )
            if demonstrations.statistics is not None and hasattr(self.policy, "use_statistics"):
                self.policy.use_statistics(*demonstrations.statistics)
            self._loader = Loader(
                policy_steps,
                self.policy,  # type: ignore[arg-type]  # Targets has found what it needs
                Targets(self.policy, settings.loss, policy_steps.chunks, settings.target_noise),
                batch_size=config.actor.global_batch_size,
                seed=config.trainer.seed,
                augmentation=settings.augmentation,
                threads=settings.loader_threads,
            )
        self._batches = self._loader.batches(iterations_done * settings.optimizer_steps)
        return f"{demonstrations}, {len(policy_steps):,} policy steps"

    def fit(self, iteration: int) -> dict[str, float]:
        """Take an iteration's optimizer steps; returns metrics."""
        actor, iterations = self._config.actor, self._config.trainer.iterations
        set_learning_rates(self.optimizer, actor, lr_factor(actor, iteration, iterations) * self._lr_scale)
        metrics = fit(
            self.policy,
            self.optimizer,
            self._batches,
            self._settings,
            actor,
            self.autocast,
            self._guard,
            self.threads,
        )
        self.version = iteration
        return metrics

    def scale_lr(self, scale: float) -> None:
        """See `vla_trainer.runtime.interface.Runtime`."""
        self._lr_scale = scale

    def close(self) -> None:
        if self._loader is not None:
            self._batches.close()
            self._loader.close()
        super().close()
