"""The `local` backend: environments, policy and optimizer in this process."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from vla_trainer import checkpoint, resume
from vla_trainer.algorithms.queues import GroupOrder, PerEnvQueue
from vla_trainer.checkpoint import Unpublished
from vla_trainer.config.schema import Config
from vla_trainer.evaluation.evaluate import OnEpisode
from vla_trainer.evaluation.evaluator import Evaluator
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.provenance import Provenance, provenance_of
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.initial_states import init_state_counts
from vla_trainer.rollout.priorities import TaskSampler
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.runtime.components import autocast_of, frozen_copy, make_policy, write_checkpoint
from vla_trainer.schedule import lr_factor, temperature_at
from vla_trainer.types import Batch, Rollout, Video, VideoRequest
from vla_trainer.update.optimizer import StepGuard, make_optimizer, set_learning_rates
from vla_trainer.update.policy_gradient import update
from vla_trainer.video import fps_of


class LocalBackend:
    """See `vla_trainer.runtime.interface.Backend`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._algorithm = config.policy_gradient
        seed = config.trainer.seed
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        # weights are drawn from torch's global generator, which is all that torch.nn offers
        torch.manual_seed(seed)
        initial_states_seed, shuffles_seed = np.random.SeedSequence(seed).generate_state(2)
        self._initial_state_rng = np.random.default_rng(initial_states_seed)
        self._shuffles = torch.Generator().manual_seed(int(shuffles_seed))
        stages = config.rollout.pipeline_stage_num
        self._envs: list[VectorEnv] = []
        self._evaluator = Evaluator(config)
        try:
            for _ in range(stages):
                self._envs.append(make_envs(config.env, config.env.num_envs // stages))
            self._available = init_state_counts(self._envs[0])
            self._tasks = TaskSampler(self._available, config.rollout.task_sampling)
            self._policy = make_policy(config.policy, self._envs[0])
            self._autocast = autocast_of(config.policy)
            self._optimizer = make_optimizer(self._policy, config.actor, needs_critic=self._warmup > 0)
            self._guard = StepGuard(config.actor.max_skipped_steps)
            # made before a checkpoint is loaded: the reference is the policy that the run began with
            self._reference = frozen_copy(self._policy) if self._algorithm.kl_coef > 0 else None
        except BaseException:
            self.close()
            raise
        self._sampler = PolicySampler(self._policy, temperature=config.rollout.temperature, autocast=self._autocast)
        self._collector = Collector(self._envs, self._sampler)
        self._env_indices = PerEnvQueue(int(initial_states_seed), self._available, config.env.num_envs)
        self.env_steps = 0
        self._lr_scale = 1.0

    @property
    def fps(self) -> float:
        return fps_of(self._envs[0])

    @property
    def provenance(self) -> Provenance:
        return provenance_of(self._envs[0])

    def collect(self, videos: VideoRequest | None = None, iteration: int | None = None) -> Rollout:
        config, algorithm = self._config.rollout, self._algorithm
        self._collector.video(videos)
        self._sampler.temperature = temperature_at(config, iteration or 1, self._config.trainer.iterations)
        order = algorithm.order(self._config, self._tasks, self._initial_state_rng)
        if isinstance(order, GroupOrder):
            rollout = self._collector.episodes(order.queue())
            self._tasks.note(rollout.episodes)
        else:
            self._env_indices.begin_rollout()
            rollout = self._collector.horizon(order.policy_steps, self._env_indices)
        self.env_steps += rollout.env_steps
        return rollout

    def update(self, batch: Batch, iteration: int) -> dict[str, float]:
        actor, trainer = self._config.actor, self._config.trainer
        set_learning_rates(self._optimizer, actor, lr_factor(actor, iteration, trainer.iterations) * self._lr_scale)
        space = self._envs[0].single_action_space
        assert space.shape is not None
        measured = update(
            self._policy,
            self._optimizer,
            batch,
            self._algorithm,
            actor,
            temperature=temperature_at(self._config.rollout, iteration, trainer.iterations),
            action_dim=space.shape[-1],
            generator=self._shuffles,
            reference=self._reference,
            critic_only=iteration <= self._warmup,
            autocast=self._autocast,
            guard=self._guard,
        )
        self._sampler.version += 1
        return measured

    def evaluate(
        self, videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
    ) -> tuple[Evaluation, list[Video]]:
        version = self._sampler.version
        return self._evaluator.evaluate(self._policy, self._autocast, videos, on_episode, version=version)

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        state: dict[str, Any] = {
            "iteration": iteration,
            "progress": progress,
            "running": self._collector.snapshot(),
            "env_steps": self.env_steps,
            "optimizer": self._optimizer.state_dict(),
            "start_rng": self._initial_state_rng.bit_generator.state,
            "tasks": self._tasks.state(),
            "begun": self._env_indices.begun,
            "version": self._sampler.version,
            "shuffles": self._shuffles.get_state(),
            "torch": torch.get_rng_state(),
        }
        return write_checkpoint(self._config, folder, iteration, self._policy, state, self.provenance, score)

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        state = checkpoint.load(path, self._policy, self._optimizer)
        resume.check_state(path, state, self._config)
        running, self._env_indices.begun = resume.running_episodes(state, self._config)
        self._initial_state_rng.bit_generator.state = state["start_rng"]
        self._tasks.restore(state["tasks"])
        self._sampler.version = int(state["version"])
        self._shuffles.set_state(state["shuffles"])
        torch.set_rng_state(state["torch"])
        self.env_steps = int(state["env_steps"])
        self._collector.replay(running)
        return int(state["iteration"]), state["progress"]

    def restore_weights(self, path: Path) -> None:
        checkpoint.load(path, self._policy, self._optimizer)
        self._sampler.version += 1

    def scale_lr(self, scale: float) -> None:
        self._lr_scale = scale

    def close(self) -> None:
        if hasattr(self, "_collector"):
            self._collector.close()
        for envs in self._envs:
            envs.close()
        self._evaluator.close()

    @property
    def _warmup(self) -> int:
        """Iterations in which only the critic learns."""
        return self._algorithm.warmup_iterations
