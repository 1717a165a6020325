"""The `local` backend: environments, policy and optimizer in this process."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from vla_trainer import checkpoint
from vla_trainer.backend.components import make_policy
from vla_trainer.checkpoint import Score, Unpublished
from vla_trainer.config.algorithm import GRPO
from vla_trainer.config.schema import Config
from vla_trainer.evaluate import Evaluation, evaluate
from vla_trainer.provenance import Provenance, provenance_of
from vla_trainer.records import Batch, Frame, Rollout
from vla_trainer.rollout import starts
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.policy_gradient import update
from vla_trainer.video import fps_of


class LocalBackend:
    """See `vla_trainer.backend.interface.Backend`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        seed = config.trainer.seed
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        # weights are drawn from torch's global generator, which is all that torch.nn offers
        torch.manual_seed(seed)
        starts_seed, samples_seed, shuffles_seed = np.random.SeedSequence(seed).generate_state(3)
        self._start_rng = np.random.default_rng(starts_seed)
        self._samples = torch.Generator().manual_seed(int(samples_seed))
        self._shuffles = torch.Generator().manual_seed(int(shuffles_seed))
        self._envs = make_envs(config.env, config.env.num_envs, split=None)
        self._eval_envs: VectorEnv | None = None
        try:
            self._policy = make_policy(config.policy, self._envs)
            self._optimizer = make_optimizer(self._policy, config.actor)
        except BaseException:
            self._envs.close()
            raise
        self._collector = Collector(
            self._envs, self._policy, generator=self._samples, temperature=config.rollout.temperature
        )
        available = starts.init_states(self._envs)
        self._available = available
        self._stream = starts.draw_forever(self._start_rng, available)
        self.env_steps = 0

    @property
    def fps(self) -> float:
        return fps_of(self._envs, self._config.env.action_chunk or 1)

    @property
    def provenance(self) -> Provenance:
        return provenance_of(self._envs)

    def collect(self, *, film: bool) -> Rollout:
        rollout_config, algorithm = self._config.rollout, self._config.algorithm
        self._collector.film_next |= film
        if isinstance(algorithm, GRPO):
            assert rollout_config.episodes is not None
            groups = starts.draw_groups(self._start_rng, self._available, rollout_config.episodes, algorithm.group_size)
            rollout = self._collector.episodes(groups)
        else:
            assert rollout_config.horizon is not None
            rollout = self._collector.horizon(rollout_config.horizon, self._stream)
        self.env_steps += rollout.env_steps
        return rollout

    def update(self, batch: Batch) -> dict[str, float]:
        space = self._envs.single_action_space
        assert space.shape is not None
        return update(
            self._policy,
            self._optimizer,
            batch,
            self._config.algorithm,
            self._config.actor,
            temperature=self._config.rollout.temperature,
            action_dim=space.shape[-1],
            generator=self._shuffles,
        )

    def evaluate(self, *, film: bool) -> tuple[Evaluation, list[Frame] | None]:
        settings = self._config.eval
        if self._eval_envs is None:
            self._eval_envs = make_envs(
                self._config.env, settings.num_envs or self._config.env.num_envs, split=settings.split
            )
        return evaluate(
            self._policy,
            self._eval_envs,
            starts.list_for_evaluation(starts.init_states(self._eval_envs), settings.episodes),
            deterministic=settings.deterministic,
            temperature=settings.temperature,
            seed=self._config.trainer.seed,
            split=settings.split or self._config.env.split,
            notices=self._config.notices(),
            film=film,
        )

    def save(self, folder: Path, iteration: int, progress: dict[str, Any], score: float | None) -> Unpublished:
        state: dict[str, Any] = {
            "iteration": iteration,
            "progress": progress,
            "running": self._collector.snapshot(),
            "env_steps": self.env_steps,
            "optimizer": self._optimizer.state_dict(),
            "start_rng": self._start_rng.bit_generator.state,
            "samples": self._samples.get_state(),
            "shuffles": self._shuffles.get_state(),
            "torch": torch.get_rng_state(),
        }
        trainer = self._config.trainer
        scored = Score(trainer.best_metric, score)
        return checkpoint.write(
            folder, iteration, self._policy, state, trainer.keep_checkpoints, self.provenance, scored
        )

    def load(self, path: Path) -> tuple[int, dict[str, Any]]:
        state = checkpoint.load(path, self._policy)
        self._optimizer.load_state_dict(state["optimizer"])
        self._start_rng.bit_generator.state = state["start_rng"]
        self._samples.set_state(state["samples"])
        self._shuffles.set_state(state["shuffles"])
        torch.set_rng_state(state["torch"])
        self.env_steps = int(state["env_steps"])
        self._collector.replay(state["running"])
        return int(state["iteration"]), state["progress"]

    def close(self) -> None:
        self._envs.close()
        if self._eval_envs is not None:
            self._eval_envs.close()
