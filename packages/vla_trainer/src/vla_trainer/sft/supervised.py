"""Supervised fine-tuning in this process: policy, optimizer, demonstrations, and environments to evaluate in."""

from pathlib import Path
from typing import Any

import torch

from vla_trainer import checkpoint, resume
from vla_trainer.algorithms import SFT
from vla_trainer.checkpoint import Unpublished
from vla_trainer.config.schema import Config
from vla_trainer.evaluation.evaluate import OnEpisode
from vla_trainer.evaluation.evaluator import Evaluator
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.provenance import Provenance, provenance_of
from vla_trainer.runtime.components import autocast_of, make_policy, write_checkpoint
from vla_trainer.schedule import lr_factor
from vla_trainer.sft.dataset import Demonstrations, open_demonstrations
from vla_trainer.sft.fit import fit
from vla_trainer.sft.loader import Loader
from vla_trainer.sft.policy_steps import OnEpisode as OnDemonstration
from vla_trainer.sft.policy_steps import PolicySteps
from vla_trainer.sft.targets import Targets
from vla_trainer.types import Video, VideoRequest
from vla_trainer.update.optimizer import StepGuard, make_optimizer, set_learning_rates
from vla_trainer.video import fps_of


class SupervisedBackend:
    """See `vla_trainer.runtime.interface.Imitating`."""

    def __init__(self, config: Config) -> None:
        assert isinstance(config.algorithm, SFT)
        self._config, self._algorithm = config, config.algorithm
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        # weights are drawn from torch's global generator, which is all that torch.nn offers
        torch.manual_seed(config.trainer.seed)
        self._loader: Loader | None = None
        self._done = 0
        self._fitted = 0
        self._lr_scale = 1.0
        self._evaluator = Evaluator(config)
        try:
            self._policy = make_policy(config.policy, self._evaluator.envs)
            self._autocast = autocast_of(config.policy)
            self._optimizer = make_optimizer(self._policy, config.actor)
            self._guard = StepGuard(config.actor.max_skipped_steps)
        except BaseException:
            self.close()
            raise

    @property
    def fps(self) -> float:
        return fps_of(self._evaluator.envs)

    @property
    def provenance(self) -> Provenance:
        return provenance_of(self._evaluator.envs)

    def open_demonstrations(self) -> Demonstrations:
        """Find the dataset; raises what `vla_trainer.sft.dataset.open_demonstrations` does."""
        return open_demonstrations(self._algorithm, self._evaluator.envs)

    def read_demonstrations(self, demonstrations: Demonstrations, on_episode: OnDemonstration | None = None) -> int:
        """Read the dataset for `fit`, and let the policy normalize by its statistics; returns its policy steps.

        Raises:
            DatasetError: an episode is damaged, or the disk is full.
            PolicyError: the policy cannot learn from demonstrations.
        """
        settings, space = self._algorithm, self._evaluator.envs.single_observation_space
        action_space = self._evaluator.envs.single_action_space
        assert action_space.shape is not None
        policy_steps = PolicySteps.read(
            demonstrations,
            demonstrations.steps,
            chunk=action_space.shape[0] if len(action_space.shape) == 2 else None,
            keys=list(space.spaces) if hasattr(space, "spaces") else None,
            noop_threshold=settings.noop_threshold,
            imitate=settings.imitate,
            on_episode=on_episode,
        )
        if demonstrations.statistics is not None and hasattr(self._policy, "use_statistics"):
            self._policy.use_statistics(*demonstrations.statistics)
        assert self._config.actor.global_batch_size is not None
        self._loader = Loader(
            policy_steps,
            self._policy,  # type: ignore[arg-type]  # Targets has found what it needs
            Targets(self._policy, settings.loss, policy_steps.chunks, settings.target_noise),
            batch_size=self._config.actor.global_batch_size,
            seed=self._config.trainer.seed,
            augmentation=settings.augmentation,
            threads=settings.loader_threads,
        )
        self._batches = self._loader.batches(self._done * settings.optimizer_steps)
        return len(policy_steps)

    def fit(self, iteration: int) -> dict[str, float]:
        actor, trainer = self._config.actor, self._config.trainer
        set_learning_rates(self._optimizer, actor, lr_factor(actor, iteration, trainer.iterations) * self._lr_scale)
        metrics = fit(self._policy, self._optimizer, self._batches, self._algorithm, actor, self._autocast, self._guard)
        self._fitted = iteration
        return metrics

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
    ) -> tuple[Evaluation, list[Video]]:
        return self._evaluator.evaluate(self._policy, self._autocast, videos, on_episode, version=self._fitted)

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        state: dict[str, Any] = {
            "iteration": iteration,
            "progress": progress,
            "optimizer": self._optimizer.state_dict(),
            "torch": torch.get_rng_state(),
        }
        return write_checkpoint(self._config, folder, iteration, self._policy, state, self.provenance, score)

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        state = checkpoint.load(path, self._policy, self._optimizer)
        resume.check_state(path, state, self._config)
        torch.set_rng_state(state["torch"])
        self._done = int(state["iteration"])
        return self._done, state["progress"]

    def restore_weights(self, path: Path) -> None:
        checkpoint.load(path, self._policy, self._optimizer)

    def scale_lr(self, scale: float) -> None:
        self._lr_scale = scale

    def close(self) -> None:
        if self._loader is not None:
            self._batches.close()
            self._loader.close()
        self._evaluator.close()
