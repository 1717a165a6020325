"""A process with environments: it collects, and asks other processes for actions and for episodes."""

import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.algorithms.queues import HorizonOrder, PerEnvQueue
from vla_trainer.config.schema import Config, Env
from vla_trainer.protocols import Observation
from vla_trainer.provenance import joined, renderer_of
from vla_trainer.rollout.collector import Collector, OnEpisodeSteps
from vla_trainer.rollout.env_spec import EnvSpec, env_spec_of
from vla_trainer.rollout.envs import evaluation_env, make_envs, on_device, take, watchable
from vla_trainer.runtime.process_layout import EnvProcess
from vla_trainer.types import Episode, EpisodeSpec, EpisodeSteps, Rollout, VideoRequest

STACK = 8
"""Calls that a process without progress tells of."""


@dataclass(frozen=True)
class RemoteActOutput:
    """What a policy process answers: all but the inputs, of which it keeps the rows named here."""

    actions: NDArray[Any]
    """(N, C, A)."""
    tokens: Tensor
    """(N, K)."""
    log_probs: Tensor
    """(N, K)."""
    values: Tensor | None
    """(N,)."""
    inputs: Mapping[str, Tensor]
    """"store" and "row" (N,): where the inputs are; empty where nothing is recorded."""
    version: int
    """How often the weights had been updated."""


class EnvWorker:
    """Runs on one thread, but for `alive` and `stack`, so that what belongs to a thread (OpenGL) stays with it."""

    def __init__(
        self, config: Config, place: EnvProcess, policies: Sequence[Any], queue: Any, device: str | None = None
    ) -> None:
        """
        Args:
            config: of the run.
            place: what this process is.
            policies: handles of the policy processes that act, by rollout rank.
            queue: handle of the `EpisodeQueueActor`.
            device: what its environments render on, see `rollout.envs.on_device`.
        """
        self._config, self._place, self._device = config, place, device
        self._policies = [policies[rank] for rank in place.rollout]
        self._queue = queue
        self._beats = 0
        self._thread: int | None = None
        self._collector: Collector | None = None
        self._evaluation: Collector | None = None
        self._evaluation_env: Env | None = None
        self._env_indices: PerEnvQueue | None = None

    def open(self, per_env_seed: int) -> EnvSpec:
        """Make the training environments; `per_env_seed` is of PPO's streams of starts."""
        config, place = self._config, self._place
        self._thread = threading.get_ident()
        torch.set_num_threads(1)
        env = on_device(config.env, self._device)
        self._envs = [make_envs(env, place.envs_per_stage) for _ in place.first_env_indices]
        critic_key = config.algorithm.critic_key
        self._collector = Collector(
            self._envs,
            self._sampler(evaluation=False),
            first_env_indices=place.first_env_indices,
            critic_key=critic_key,
            save_states=config.rollout.saves_states,
        )
        env_spec = env_spec_of(self._envs[0], critic_key)
        self._env_indices = PerEnvQueue(per_env_seed, env_spec.init_states, config.env.num_envs)
        return env_spec

    def renderer(self) -> str | None:
        """Name what renders the images of the training environments."""
        return joined(renderer_of(envs) for envs in self._envs)

    def collect_episodes(self, videos: VideoRequest | None, eager: bool = False) -> Rollout | None:
        """Run episodes of the queue until it has no more; None if it had none at all.

        `eager`: let the queue know where each episode's policy steps are when it ends.
        """
        assert self._collector is not None
        return _episodes(self, self._collector, videos, self._keep if eager else None)

    def collect_horizon(self, order: HorizonOrder, videos: VideoRequest | None) -> Rollout:
        """Run the order's policy steps of each environment, going on where the last call stopped."""
        assert self._collector is not None
        assert self._env_indices is not None
        self._collector.video(videos)
        self._env_indices.begin_rollout(order.initial_states)
        return self._collector.horizon(order.policy_steps, self._env_indices)

    def open_evaluation(self, num_envs: int, env: Env | None = None) -> EnvSpec:
        """Make the environments of evaluations, if there are none of `env` yet; None: of the run's."""
        env = env if env is not None else evaluation_env(self._config.env, self._config.eval)
        if self._evaluation is None or env != self._evaluation_env:
            self._close_evaluation()
            watched = watchable(on_device(env, self._device), recorded=self._config.video_cfg.save_video)
            self._evaluation_envs, self._evaluation_env = make_envs(watched, num_envs), env
            self._evaluation = Collector(
                self._evaluation_envs,
                self._sampler(evaluation=True),
                record=False,
                critic_key=self._config.algorithm.critic_key,
            )
        return env_spec_of(self._evaluation_envs, self._config.algorithm.critic_key, rendering=True)

    def evaluate(self, videos: VideoRequest | None) -> Rollout | None:
        """As `collect_episodes`, in the environments of evaluations."""
        assert self._evaluation is not None
        return _episodes(self, self._evaluation, videos)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, in plain types: the running episodes, and how many each of its columns has begun."""
        assert self._collector is not None
        assert self._env_indices is not None
        return {"running": self._collector.snapshot(), "begun": {n: self._env_indices.begun[n] for n in self._mine()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the process did that gave `state`."""
        assert self._collector is not None
        assert self._env_indices is not None
        self._collector.replay(state["running"])
        for env_index, begun in state["begun"].items():
            self._env_indices.begun[int(env_index)] = int(begun)

    @ray.method(concurrency_group="watch")
    def alive(self) -> int:
        """A number that grows as long as there is progress."""
        return self._beats

    @ray.method(concurrency_group="watch")
    def stack(self) -> str:
        """Return what the thread with the environments is doing: its innermost calls, the last first."""
        frame = None if self._thread is None else sys._current_frames().get(self._thread)
        calls = traceback.extract_stack(frame)[: -STACK - 1 : -1] if frame is not None else []
        return " < ".join(f"{call.name} ({Path(call.filename).name}:{call.lineno})" for call in calls)

    def pid(self) -> int:
        """The operating system's number of this process."""
        return os.getpid()

    def close(self) -> None:
        """Release the environments."""
        if self._collector is not None:
            self._collector.close()
            for envs in self._envs:
                envs.close()
        self._close_evaluation()

    def _close_evaluation(self) -> None:
        if self._evaluation is not None:
            self._evaluation.close()
            self._evaluation_envs.close()
            self._evaluation = None

    def _keep(self, number: int, rows: EpisodeSteps) -> None:
        # before `finished`, which comes from here, too: Ray keeps the order
        self._queue.keep.remote(self._place.rank, number, [ray.put(rows)])

    def _mine(self) -> list[int]:
        return [first + n for first in self._place.first_env_indices for n in range(self._place.envs_per_stage)]

    def _sampler(self, *, evaluation: bool) -> "_RemoteSampler":
        return _RemoteSampler(self, self._policies, evaluation=evaluation)


class _RemoteSampler:
    """The policy in other processes; see `vla_trainer.rollout.sampling.Sampler`."""

    def __init__(self, worker: EnvWorker, policies: Sequence[Any], *, evaluation: bool) -> None:
        self.version = 0
        self._worker, self._policies, self._evaluation = worker, policies, evaluation

    def act(self, obs: Observation, seeds: Sequence[int] | None) -> RemoteActOutput:
        self._worker._beats += 1
        rows = _rows_of(obs)
        # of several processes each looks at its part
        parts = [part for part in np.array_split(np.arange(rows), len(self._policies)) if len(part)]
        asked = [
            policy.act.remote(
                take(obs, part),
                None if seeds is None else [seeds[row] for row in part],
                self._evaluation,
            )
            for policy, part in zip(self._policies, parts, strict=False)
        ]
        answers: list[RemoteActOutput] = ray.get(asked)
        self._worker._beats += 1
        self.version = answers[0].version
        return answers[0] if len(answers) == 1 else _joined(answers)


def _episodes(
    worker: EnvWorker, collector: Collector, videos: VideoRequest | None, on_episode_steps: OnEpisodeSteps | None = None
) -> Rollout | None:
    queue = _Queue(worker)
    first = queue.take(0)
    if first is None:
        return None
    queue.put_back(first)
    collector.video(videos)
    return collector.episodes(queue, on_episode_steps)


class _Queue:
    """The `EpisodeQueueActor`, as a `EpisodeQueue`."""

    resampled = 0  # the actor counts them

    def __init__(self, worker: EnvWorker) -> None:
        self._worker = worker
        self._back: EpisodeSpec | None = None

    def take(self, env_index: int) -> EpisodeSpec | None:
        self._worker._beats += 1
        spec, self._back = self._back, None
        if spec is None:
            spec = ray.get(self._worker._queue.take.remote(self._worker._place.rank, env_index))
        return spec

    def put_back(self, spec: EpisodeSpec) -> None:
        """Let it be the next."""
        self._back = spec

    def finished(self, number: int, episode: Episode) -> None:
        ray.get(self._worker._queue.finished.remote(number, episode))


def _rows_of(obs: Observation) -> int:
    if isinstance(obs, Mapping):
        return _rows_of(next(iter(obs.values())))
    if isinstance(obs, tuple) and obs and not isinstance(obs[0], str):
        return _rows_of(obs[0])
    return len(obs)


def _joined(answers: Sequence[RemoteActOutput]) -> RemoteActOutput:
    values = [answer.values for answer in answers if answer.values is not None]
    return RemoteActOutput(
        np.concatenate([answer.actions for answer in answers]),
        torch.cat([answer.tokens for answer in answers]),
        torch.cat([answer.log_probs for answer in answers]),
        torch.cat(values) if values else None,
        {key: torch.cat([answer.inputs[key] for answer in answers]) for key in answers[0].inputs},
        answers[0].version,
    )
