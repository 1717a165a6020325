"""A process with environments: it collects, and asks other processes for actions and for episodes."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.cluster.layout import EnvProcess
from vla_trainer.config.schema import Config
from vla_trainer.interfaces import Observation
from vla_trainer.provenance import Provenance, provenance_of
from vla_trainer.records import Episode, EpisodeRows, FilmRequest, Rollout, Ticket
from vla_trainer.rollout import starts
from vla_trainer.rollout.collector import Collector, OnRows
from vla_trainer.rollout.envs import evaluation_env, make_envs, take
from vla_trainer.rollout.queue import Columns
from vla_trainer.video import fps_of


@dataclass(frozen=True)
class EnvFacts:
    """What the driver has to know of the environments."""

    observation_space: spaces.Space[Any]
    """Of one environment."""
    action_space: spaces.Space[Any]
    """Of one environment."""
    init_states: Mapping[int, int] | None
    provenance: Provenance
    fps: float


@dataclass(frozen=True)
class Acted:
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
    """Runs on one thread, but for `alive`, so that what belongs to a thread (OpenGL) stays with it."""

    def __init__(self, config: Config, place: EnvProcess, policies: Sequence[Any], queue: Any) -> None:
        """
        Args:
            config: of the run.
            place: what this process is.
            policies: handles of the policy processes that act, by rollout rank.
            queue: handle of the `EpisodeQueue`.
        """
        self._config, self._place = config, place
        self._policies = [policies[rank] for rank in place.rollout]
        self._queue = queue
        self._beats = 0
        self._collector: Collector | None = None
        self._evaluation: Collector | None = None
        self._columns: Columns | None = None

    def open(self, columns_seed: int) -> EnvFacts:
        """Make the training environments; `columns_seed` is of PPO's streams of starts."""
        config, place = self._config, self._place
        torch.set_num_threads(1)
        self._envs = [make_envs(config.env, place.envs_per_stage) for _ in place.first_columns]
        self._collector = Collector(self._envs, self._sampler(evaluation=False), first_columns=place.first_columns)
        first = self._envs[0]
        available = starts.init_states(first)
        self._columns = Columns(columns_seed, available, config.env.num_envs)
        return EnvFacts(
            first.single_observation_space,
            first.single_action_space,
            available,
            provenance_of(first),
            fps_of(first),
        )

    def collect_episodes(self, films: FilmRequest | None, early: bool = False) -> Rollout | None:
        """Run episodes of the queue until it has no more; None if it had none at all.

        `early`: let the queue know where each episode's decisions are when it ends.
        """
        assert self._collector is not None
        return _episodes(self, self._collector, films, self._keep if early else None)

    def collect_horizon(self, decisions: int, films: FilmRequest | None) -> Rollout:
        """`decisions` of each environment, going on where the last call stopped."""
        assert self._collector is not None
        assert self._columns is not None
        self._collector.film(films)
        self._columns.begin_rollout()
        return self._collector.horizon(decisions, self._columns)

    def open_evaluation(self, num_envs: int) -> EnvFacts:
        """Make the environments of evaluations, if there are none yet."""
        env = evaluation_env(self._config.env, self._config.eval)
        if self._evaluation is None:
            self._evaluation_envs = make_envs(env, num_envs)
            self._evaluation = Collector(self._evaluation_envs, self._sampler(evaluation=True), record=False)
        envs = self._evaluation_envs
        return EnvFacts(
            envs.single_observation_space,
            envs.single_action_space,
            starts.init_states(envs),
            provenance_of(envs),
            fps_of(envs),
        )

    def evaluate(self, films: FilmRequest | None) -> Rollout | None:
        """As `collect_episodes`, in the environments of evaluations."""
        assert self._evaluation is not None
        return _episodes(self, self._evaluation, films)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, in plain types: the running episodes, and how many each of its columns has begun."""
        assert self._collector is not None
        assert self._columns is not None
        return {"running": self._collector.snapshot(), "begun": {n: self._columns.begun[n] for n in self._mine()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on as the process did that gave `state`."""
        assert self._collector is not None
        assert self._columns is not None
        self._collector.replay(state["running"])
        for column, begun in state["begun"].items():
            self._columns.begun[int(column)] = int(begun)

    @ray.method(concurrency_group="watch")
    def alive(self) -> int:
        """A number that grows as long as there is progress."""
        return self._beats

    def pid(self) -> int:
        """The operating system's number of this process."""
        return os.getpid()

    def close(self) -> None:
        """Release the environments."""
        if self._collector is not None:
            self._collector.close()
            for envs in self._envs:
                envs.close()
        if self._evaluation is not None:
            self._evaluation.close()
            self._evaluation_envs.close()

    def _keep(self, number: int, rows: EpisodeRows) -> None:
        # before `finished`, which comes from here, too: Ray keeps the order
        self._queue.keep.remote(self._place.rank, number, [ray.put(rows)])

    def _mine(self) -> list[int]:
        each = self._place.envs_per_stage
        return [first + n for first in self._place.first_columns for n in range(each)]

    def _sampler(self, *, evaluation: bool) -> "_RemoteSampler":
        return _RemoteSampler(self, self._policies, evaluation=evaluation)


class _RemoteSampler:
    """The policy in other processes; see `vla_trainer.rollout.sampling.Sampler`."""

    def __init__(self, worker: EnvWorker, policies: Sequence[Any], *, evaluation: bool) -> None:
        self.version = 0
        self._worker, self._policies, self._evaluation = worker, policies, evaluation

    def act(self, obs: Observation, seeds: Sequence[int] | None) -> Acted:
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
        answers: list[Acted] = ray.get(asked)
        self._worker._beats += 1
        self.version = answers[0].version
        return answers[0] if len(answers) == 1 else _joined(answers)


def _episodes(
    worker: EnvWorker, collector: Collector, films: FilmRequest | None, on_rows: OnRows | None = None
) -> Rollout | None:
    queue = _Queue(worker)
    first = queue.take(0)
    if first is None:
        return None
    queue.put_back(first)
    collector.film(films)
    return collector.episodes(queue, on_rows)


class _Queue:
    """The `EpisodeQueue`, as a `StartQueue`."""

    def __init__(self, worker: EnvWorker) -> None:
        self._worker = worker
        self._back: Ticket | None = None

    def take(self, column: int) -> Ticket | None:
        self._worker._beats += 1
        ticket, self._back = self._back, None
        if ticket is None:
            ticket = ray.get(self._worker._queue.take.remote(self._worker._place.rank, column))
        return ticket

    def put_back(self, ticket: Ticket) -> None:
        """Let it be the next."""
        self._back = ticket

    def finished(self, number: int, episode: Episode) -> None:
        ray.get(self._worker._queue.finished.remote(number, episode))


def _rows_of(obs: Observation) -> int:
    if isinstance(obs, Mapping):
        return _rows_of(next(iter(obs.values())))
    if isinstance(obs, tuple) and obs and not isinstance(obs[0], str):
        return _rows_of(obs[0])
    return len(obs)


def _joined(answers: Sequence[Acted]) -> Acted:
    values = [each.values for each in answers if each.values is not None]
    return Acted(
        np.concatenate([each.actions for each in answers]),
        torch.cat([each.tokens for each in answers]),
        torch.cat([each.log_probs for each in answers]),
        torch.cat(values) if values else None,
        {key: torch.cat([each.inputs[key] for each in answers]) for key in answers[0].inputs},
        answers[0].version,
    )
