"""The `local` runtime: environments, policy and optimizer in this process."""

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium.vector import VectorEnv
from torch import Tensor

from vla_trainer.algorithms.queues import GroupOrder, HorizonOrder, PerEnvQueue
from vla_trainer.config.schema import Config
from vla_trainer.initial_states import run_seeds
from vla_trainer.policy.make import frozen_copy
from vla_trainer.provenance import joined, renderer_of
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.env_spec import env_spec_of
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.runtime.learner import Learner
from vla_trainer.runtime.local_policy import LocalPolicy
from vla_trainer.types import Batch, Rollout, VideoRequest


class LocalRuntime(LocalPolicy):
    """See `vla_trainer.runtime.interface.RLRuntime`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        stages = config.rollout.pipeline_stage_num
        self._envs: list[VectorEnv] = []
        try:
            for _ in range(stages):
                self._envs.append(make_envs(config.env, config.env.num_envs // stages))
            self.make_policy(env_spec_of(self._envs[0], config.algorithm.critic_key))
            self._learner = Learner(
                config,
                self.policy,
                action_dim=self.env_spec.action_dim,
                # made before a checkpoint is loaded: the reference is the policy that the run began with
                reference=frozen_copy(self.policy) if config.policy_gradient.kl_coef > 0 else None,
                autocast=self.autocast,
                threads=self.threads,
            )
        except BaseException:
            self.close()
            raise
        self.optimizer = self._learner.optimizer
        self.scale_lr = self._learner.scale_lr
        self._sampler = PolicySampler(
            self.policy,
            temperature=config.rollout.temperature,
            autocast=self.autocast,
            threads=self.threads,
            chunk_correlation=config.rollout.chunk_correlation,
        )
        self._collector = Collector(
            self._envs,
            self._sampler,
            critic_key=config.algorithm.critic_key,
            save_states=config.rollout.saves_states,
        )
        self._per_env_queue = PerEnvQueue(
            run_seeds(config.trainer.seed)[0], self.env_spec.init_states, config.env.num_envs
        )

    def name_renderer(self) -> str | None:
        renderer = joined(renderer_of(envs) for envs in self._envs)
        self.env_spec = self.env_spec.rendered_by(renderer)
        return renderer

    def collect(
        self,
        order: HorizonOrder | GroupOrder,
        temperature: float,
        videos: VideoRequest | None = None,
        eager_iteration: int | None = None,
    ) -> Rollout:
        self._collector.video(videos)
        self._sampler.temperature = temperature
        if isinstance(order, GroupOrder):
            return self._collector.episodes(order.queue())
        self._per_env_queue.begin_rollout(order.initial_states)
        return self._collector.horizon(order.policy_steps, self._per_env_queue)

    def update(
        self, batch: Batch, iteration: int, shuffles: Tensor, importance_cap: float | None
    ) -> tuple[dict[str, float], Tensor]:
        return self._learner.run(batch, iteration, shuffles, importance_cap)

    def sync(self, version: int) -> None:
        self.version = self._sampler.version = version

    def running(self) -> tuple[list[dict[str, Any]], list[int]]:
        return self._collector.snapshot(), self._per_env_queue.begun

    def continue_episodes(self, running: Sequence[Mapping[str, Any]], begun: Sequence[int]) -> None:
        self._per_env_queue.begun = list(begun)
        self._collector.replay(running)

    def close(self) -> None:
        if hasattr(self, "_collector"):
            self._collector.close()
        for envs in self._envs:
            envs.close()
        super().close()
