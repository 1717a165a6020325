"""A collection by several env processes, in this one: each a collector of its own, as `EnvWorker` has it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import count_toy
import numpy as np
import torch

from vla_trainer import placement
from vla_trainer.algorithms.queues import PerEnvQueue
from vla_trainer.config.schema import Env
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.runtime.episode_queue import EpisodeQueueActor, GroupOrder, ListOrder
from vla_trainer.runtime.merge import merge
from vla_trainer.runtime.object_store import ObservationRefs, ObservationStore
from vla_trainer.runtime.process_layout import EnvProcess, layout_of
from vla_trainer.types import Episode, EpisodeSpec, Rollout

ENV = Env(id="toy/CountVector-v0")
INIT_STATES = {3: 7, 5: 40}


class RowPolicy(count_toy.CountPolicy):
    """What it samples for a row is its generator's, whatever else it looks at; the tokens are kept in its inputs."""

    generator_per_row = True

    def act(self, obs: np.ndarray, *, generator: Any = None, deterministic: bool = False, **kwargs: Any) -> Any:
        out = super().act(obs, deterministic=True)
        if not deterministic:
            out.tokens = torch.stack([torch.rand(3, generator=one) for one in generator])
            out.actions, out.log_probs = out.tokens.numpy()[:, None], -out.tokens
        out.inputs = {"state": out.inputs["state"], "token": out.tokens[:, :1]}
        return out


class StoringSampler(PolicySampler):
    """Keeps the inputs of what is sampled in the store of a rollout process, and hands out its rows."""

    def __init__(self, critic: bool, rank: int, store: ObservationStore, version: int) -> None:
        super().__init__(RowPolicy(critic))
        self.version = version
        self._rank, self._store = rank, store

    def act(self, obs: Any, seeds: Sequence[int] | None) -> Any:
        out: SimpleNamespace = super().act(obs, seeds)  # type: ignore[assignment]
        if seeds is not None:
            rows = self._store.add(out.inputs)
            out.inputs = {"store": torch.full_like(rows, self._rank), "row": rows}
        return out


class Taking:
    """The queue as one env process sees it, which gets `share` episodes at most."""

    resampled = 0

    def __init__(self, queue: EpisodeQueueActor, rank: int, share: int) -> None:
        self._queue, self._rank, self._left = queue, rank, share
        self.first = self.take(0)

    def take(self, env_index: int) -> EpisodeSpec | None:
        spec, self.first = getattr(self, "first", None), None
        if spec is None and self._left > 0:
            spec = self._queue.take(self._rank, env_index)
            self._left -= 1
        return spec

    def finished(self, number: int, episode: Episode) -> None:
        self._queue.finished(number, episode)


class Split:
    """`processes` env processes with `stages` stages each and `acting` rollout processes, over one grid."""

    def __init__(
        self, num_envs: int, processes: int, stages: int = 1, acting: int = 1, critic: bool = True, version: int = 4
    ) -> None:
        components = {"env": f"0:0-{processes - 1}", "rollout": f"0:0-{acting - 1}", "actor": "0"}
        self.places = layout_of(placement.parse(components, 1, 1), num_envs, stages).envs
        self.objects: dict[int, np.ndarray] = {}
        self.stores = [ObservationStore(self._put) for _ in range(acting)]
        self.collectors = [self._collector(place, critic, version) for place in self.places]
        self.streams = [PerEnvQueue(11, INIT_STATES, num_envs) for _ in self.places]

    def horizon(self, policy_steps: int) -> Rollout:
        """PPO's collection."""
        parts = []
        for collector, stream in zip(self.collectors, self.streams, strict=True):
            stream.begin_rollout()
            parts.append(collector.horizon(policy_steps, stream))
        return self.merged(parts)

    def episodes(self, order: GroupOrder | ListOrder, shares: Sequence[int]) -> Rollout:
        """GRPO's: `shares` is how many episodes each process has at most. The last process is the first to take."""
        queue = EpisodeQueueActor()
        queue.begin(order)
        parts: list[Rollout | None] = [None] * len(self.collectors)
        for rank in reversed(range(len(self.collectors))):
            taking = Taking(queue, rank, shares[rank])
            if taking.first is not None:
                parts[rank] = self.collectors[rank].episodes(taking)
        assert queue.take(0, 0) is None
        return self.merged(parts, queue.resampled())

    def merged(self, parts: Sequence[Rollout | None], resampled: int = 0) -> Rollout:
        return merge(parts, self.places, {rank: store.flush() for rank, store in enumerate(self.stores)}, resampled)

    def opened(self, rollout: Rollout, key: str) -> torch.Tensor:
        """The inputs themselves."""
        refs = rollout.inputs[key]
        assert isinstance(refs, ObservationRefs)
        return refs.open(self.objects.__getitem__)[torch.arange(len(refs))]

    def close(self) -> None:
        for collector in self.collectors:
            collector.close()

    def _collector(self, place: EnvProcess, critic: bool, version: int) -> Collector:
        rank = place.rollout[0]
        envs = [make_envs(ENV, place.envs_per_stage) for _ in place.first_env_indices]
        sampler = StoringSampler(critic, rank, self.stores[rank], version)
        return Collector(envs, sampler, first_env_indices=place.first_env_indices)

    def _put(self, array: np.ndarray) -> int:
        self.objects[len(self.objects)] = array
        return len(self.objects) - 1


def one_collector(num_envs: int, stages: int = 1, critic: bool = True, version: int = 4) -> Collector:
    """The local backend's."""
    sampler = PolicySampler(RowPolicy(critic))
    sampler.version = version
    return Collector([make_envs(ENV, num_envs // stages) for _ in range(stages)], sampler)
