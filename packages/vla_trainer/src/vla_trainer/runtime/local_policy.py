"""A policy in this process, its weights on disk, and environments to evaluate it in."""

from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv

from vla_trainer import checkpoint
from vla_trainer.algorithms.queues import ListOrder
from vla_trainer.config.schema import Config, Env
from vla_trainer.evaluation.evaluate import OnEpisode, run_list
from vla_trainer.facts import Fact, facts_of_policy
from vla_trainer.policy.make import autocast_of, export_policy, make_policy, threads_of
from vla_trainer.protocols import Policy
from vla_trainer.rollout.env_spec import EnvSpec, env_spec_of
from vla_trainer.rollout.envs import evaluation_env, make_envs, watchable
from vla_trainer.types import EvaluationRollout, VideoRequest
from vla_trainer.update.averaging import take_into_mean


class LocalPolicy:
    """Policy and evaluation, as `vla_trainer.runtime.interface.Runtime` has them; the optimizer is a subclass's."""

    optimizer: torch.optim.Optimizer

    def __init__(self, config: Config) -> None:
        self._config = config
        self._evaluation_envs: VectorEnv | None = None
        self._evaluation_env: Env | None = None
        """What they were made of."""
        if config.trainer.threads is not None:
            torch.set_num_threads(config.trainer.threads)
        # weights are sampled from torch's global generator, which is all that torch.nn offers
        torch.manual_seed(config.trainer.seed)
        self.version = 0
        """How often the weights had been updated that act."""

    def make_policy(self, env_spec: EnvSpec) -> None:
        """Make `policy` for an environment."""
        self.env_spec = env_spec
        self.policy = make_policy(self._config.policy, env_spec)
        self.threads = threads_of(self.policy, self._config.policy)
        self.autocast = autocast_of(self._config.policy)

    def open_evaluation(self, env: Env | None = None) -> EnvSpec:
        """See `vla_trainer.runtime.interface.Runtime`."""
        settings = self._config.eval
        env = env if env is not None else evaluation_env(self._config.env, settings)
        if self._evaluation_envs is None or env != self._evaluation_env:
            if self._evaluation_envs is not None:
                self._evaluation_envs.close()
                self._evaluation_envs = None  # also where the next ones cannot be made
            watched = watchable(env, recorded=self._config.video_cfg.save_video)
            self._evaluation_envs = make_envs(watched, settings.num_envs or self._config.env.num_envs)
            self._evaluation_env = env
        return env_spec_of(self._evaluation_envs, self._config.algorithm.critic_key, rendering=True)

    def evaluate(
        self, order: ListOrder, videos: VideoRequest | None = None, on_episode: OnEpisode | None = None
    ) -> EvaluationRollout:
        """See `vla_trainer.runtime.interface.Runtime`."""
        assert self._evaluation_envs is not None
        return run_list(
            self.policy,
            self._evaluation_envs,
            order,
            deterministic=self._config.eval.deterministic,
            temperature=self._config.eval.temperature,
            videos=videos,
            on_episode=on_episode,
            autocast=self.autocast,
            version=self.version,
            critic_key=self._config.algorithm.critic_key,
            threads=self.threads,
        )

    def policy_facts(self) -> tuple[Fact, ...]:
        """See `vla_trainer.runtime.interface.Runtime`."""
        return facts_of_policy(self.policy)

    def write_weights(self, folder: Path, name: Path, *, export: bool = True) -> dict[str, Any]:
        """See `vla_trainer.runtime.interface.Runtime`."""

        def write(policy: Policy, into: Path) -> None:
            if export:
                export_policy(policy, into, self._config.policy)

        weights = checkpoint.write_policy(self.policy, folder, name, write)
        return {**weights, "optimizer": self.optimizer.state_dict()}

    def load_weights(self, path: Path, state: dict[str, Any]) -> None:
        """See `vla_trainer.runtime.interface.Runtime`."""
        checkpoint.put(path, state, self.policy, self.optimizer)

    def take_into_mean(self, *, first: bool, last: bool) -> None:
        """See `vla_trainer.runtime.interface.Runtime`."""
        take_into_mean(self.optimizer, first=first, last=last)

    def close(self) -> None:
        """End the threads, and close the environments of evaluations, if they were made."""
        if hasattr(self, "threads"):
            self.threads.close()
        if self._evaluation_envs is not None:
            self._evaluation_envs.close()
