"""The env processes of a run: started, watched, and started again where one is lost.

A rollout that lacks a process's part is no rollout, and one that has a part twice is none either. What a lost process
had of the iteration is forgotten whole and done again by its successor: episodes from the queue, or the horizon from
the state that the process had when the iteration began. Both repeat themselves, so the result is the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import ActorDiedError, GetTimeoutError, RayActorError, RayError, RayTaskError

from vla_trainer.config.schema import Config, Env
from vla_trainer.errors import ProcessLostError, TrainerError
from vla_trainer.provenance import joined
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.runtime.connect import Machines
from vla_trainer.runtime.env_worker import EnvWorker
from vla_trainer.runtime.gpus_shown import gpus_shown
from vla_trainer.runtime.process_layout import EnvProcess
from vla_trainer.types import Rollout

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
CLOSE_SECONDS = 10.0


class EnvProcesses:
    """All of them."""

    def __init__(
        self,
        config: Config,
        places: Sequence[EnvProcess],
        machines: Machines,
        acting: Sequence[Any],
        queue: Any,
        per_env_seed: int,
        names: Mapping[str, str],
    ) -> None:
        """
        Args:
            config: of the run.
            places: what each process is, by rank.
            machines: where they run.
            acting: handles of the policy processes that act, by rollout rank.
            queue: handle of the `EpisodeQueueActor`.
            per_env_seed: of PPO's streams of starts.
            names: what other processes are called in messages, by Ray's number of them.
        """
        self._names = names
        self._config, self._places, self._machines = config, places, machines
        self._acting, self._queue, self._per_env_seed = acting, queue, per_env_seed
        self._evaluation: tuple[int, Env | None] | None = None
        """How many environments of evaluations there are in each of them, and of what."""
        self._states: list[Mapping[str, Any] | None] = [None] * len(places)
        self._closed = False
        self.restarts = 0
        """Processes that were started again."""
        self.handles = [self._make(place) for place in places]

    def open(self) -> EnvSpec:
        """Make the training environments in all of them."""
        env_spec: list[EnvSpec] = self._all([handle.open.remote(self._per_env_seed) for handle in self.handles])
        return env_spec[0]

    def renderer(self) -> str | None:
        """Name what renders the images of the training environments, in all of them."""
        return joined(self._all([handle.renderer.remote() for handle in self.handles]))

    def open_evaluation(self, num_envs: int, env: Env | None = None) -> EnvSpec:
        """Make `num_envs` environments of evaluations in each of them, if there are none of `env` yet."""
        self._evaluation = num_envs, env
        env_spec: list[EnvSpec] = self._all([handle.open_evaluation.remote(num_envs, env) for handle in self.handles])
        return env_spec[0].rendered_by(joined(spec.provenance.renderer for spec in env_spec))

    def run(
        self,
        initial_state: Callable[[Any, int], Any],
        tell: Callable[[], None] | None = None,
        every: float = POLL_SECONDS,
    ) -> list[Rollout | None]:
        """Let each process work, and return what they return, by rank.

        Args:
            initial_state: takes a handle and its rank, calls a method of it and returns the reference.
            tell: called now and then.
            every: seconds, after which `tell` is called at the latest.

        Raises:
            ProcessLostError: a process that is not one of these is lost, or these are lost again and again.
        """
        results: list[Rollout | None] = [None] * len(self.handles)
        pending = {initial_state(handle, rank): rank for rank, handle in enumerate(self.handles)}
        beats = _Beats(self._config.cluster.hang_seconds)
        left = self._config.cluster.restarts
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1, timeout=every)
            lost: list[tuple[int, str]] = []
            for ref in done:
                rank = pending.pop(ref)
                try:
                    results[rank] = ray.get(ref)
                except RayTaskError as error:
                    raise unwrapped(error, self._names) from error
                except RayActorError as error:
                    lost.append((rank, _cause(error)))
            if not done:
                for ref, rank in list(pending.items()):
                    if beats.still(rank, self.handles[rank]):
                        del pending[ref]
                        seconds = f"{self._config.cluster.hang_seconds:g} s"
                        lost.append((rank, f"no progress for {seconds}, in {_stack(self.handles[rank])}"))
            for rank, cause in lost:
                if self._closed:
                    raise ProcessLostError(f"env process {rank} was ended")
                if self._machines.lost(self._places[rank].node):
                    raise ProcessLostError(f"env process {rank} was lost with node {self._places[rank].node}: {cause}")
                if not left:
                    raise ProcessLostError(f"env process {rank} was lost: {cause}; it was started again often enough")
                left -= 1
                episodes = self._replace(rank)
                log.warning(
                    "env process %d was lost: %s; started again, %d episodes to run again", rank, cause, episodes
                )
                beats.forget(rank)
                pending[initial_state(self.handles[rank], rank)] = rank
            if tell is not None:
                tell()
        return results

    def remember(self) -> None:
        """What a process's successor would begin the next iteration with."""
        self._states = self._all([handle.state.remote() for handle in self.handles])

    def running(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Of the run's grid, column by column: the running episode, and how many episodes it has begun."""
        self.remember()
        env_indices = self._config.env.num_envs
        running: list[dict[str, Any]] = [{} for _ in range(env_indices)]
        begun = [0] * env_indices
        for state in self._states:
            assert state is not None
            # both list a process's columns in the same order
            for episode, (env_index, count) in zip(state["running"], state["begun"].items(), strict=True):
                running[env_index], begun[env_index] = episode, count
        return running, begun

    def go_on(self, running: Sequence[Mapping[str, Any]], begun: Sequence[int]) -> None:
        """Bring all environments to where `running` was called."""
        states: list[Mapping[str, Any] | None] = []
        for place in self._places:
            env_indices = [first + n for first in place.first_env_indices for n in range(place.envs_per_stage)]
            states.append({"running": [running[c] for c in env_indices], "begun": {c: begun[c] for c in env_indices}})
        self._states = states
        self._all([handle.restore.remote(state) for handle, state in zip(self.handles, states, strict=True)])

    def close(self) -> None:
        """End them."""
        self._closed = True
        closing = [handle.close.remote() for handle in self.handles]
        try:
            ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        except RayError:
            log.debug("an env process could not be closed", exc_info=True)
        for handle in self.handles:
            ray.kill(handle)

    def _make(self, place: EnvProcess) -> Any:
        shown = gpus_shown(place, self._config.env.id, self._machines.real_gpus)
        options = self._machines.options(place.node, shown.gpus, {"OMP_NUM_THREADS": "1", **shown.variables})
        worker: Any = ray.remote(concurrency_groups={"watch": 1})(EnvWorker)
        return worker.options(**options).remote(self._config, place, self._acting, self._queue, shown.device)

    def _replace(self, rank: int) -> int:
        """Start a process again where its predecessor began the iteration; returns the episodes that come back."""
        ray.kill(self.handles[rank])
        self.restarts += 1
        handle = self.handles[rank] = self._make(self._places[rank])
        opened = [handle.open.remote(self._per_env_seed)]
        if not ray.wait(opened, timeout=self._config.cluster.wait_seconds)[0]:
            raise ProcessLostError(f"env process {rank} could not be started again: is its node lost?")
        self._all(opened)
        if self._evaluation is not None:
            self._all([handle.open_evaluation.remote(*self._evaluation)])
        if self._states[rank] is not None:
            self._all([handle.restore.remote(self._states[rank])])
        episodes: int = self._all([self._queue.lost.remote(rank)])[0]
        return episodes

    def _all(self, refs: Sequence[Any]) -> list[Any]:
        mine = {handle._actor_id.hex(): f"env process {rank}" for rank, handle in enumerate(self.handles)}
        try:
            answers: list[Any] = ray.get(list(refs))
        except RayError as error:
            raise unwrapped(error, {**self._names, **mine}) from error
        return answers


class _Beats:
    """Whether processes make progress."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._seen: dict[int, tuple[int, float]] = {}

    def still(self, rank: int, handle: Any) -> bool:
        """Whether a process has not moved for too long."""
        try:
            beats = ray.get(handle.alive.remote(), timeout=POLL_SECONDS)
        except (GetTimeoutError, RayError):
            beats = self._seen.get(rank, (-1, 0.0))[0]  # what is dead says so by itself
        now = time.monotonic()
        if rank not in self._seen or self._seen[rank][0] != beats:
            self._seen[rank] = (beats, now)
        return now - self._seen[rank][1] > self._limit

    def forget(self, rank: int) -> None:
        self._seen.pop(rank, None)


def _stack(handle: Any) -> str:
    """What a process without progress is doing."""
    try:
        return str(ray.get(handle.stack.remote(), timeout=CLOSE_SECONDS))
    except (GetTimeoutError, RayError):
        return "a place that it does not tell: it answers nothing"


def unwrapped(error: RayError, names: Mapping[str, str]) -> Exception:
    """What a process raised, if that is an error of this package; a lost process as a ProcessLostError; else `error`.

    `names`: what processes are called, by Ray's number of them.
    """
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, RayTaskError):  # a process that asked another
        return unwrapped(cause, names)
    if isinstance(cause, RayActorError):
        number = cause.actor_id
        return ProcessLostError(f"{names.get(str(number), 'a policy process')} was lost: {_cause(cause)}")
    if isinstance(cause, TrainerError) or (isinstance(cause, Exception) and not isinstance(cause, RayError)):
        return cause
    return error


def _cause(error: RayActorError) -> str:
    """Ray's report of a death, in one line."""
    if isinstance(error, ActorDiedError) and error.preempted:
        return "its machine was taken away"
    report = " ".join(str(error).split())
    for begin in ("Worker exit type", "The actor died because", "The node"):
        if begin in report:
            report = report[report.index(begin) :]
            break
    return report[:300]
