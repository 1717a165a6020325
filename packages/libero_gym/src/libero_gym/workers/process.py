"""Workers as processes: a crash or a hanging OpenGL driver costs the episodes of one worker, not the program.

step_async(actions) --> shared memory: actions     --> worker 0: environments 0, W, 2W, ...
                        pipe: which environments   --> worker 1: environments 1, W+1, ...
step_wait()         <-- shared memory: images, states; pipe: rewards, flags, infos, sentences

a worker that is dead, or silent for too long:
    it is killed if need be, and a new process takes over its environments and their generators
    the episodes that it held are truncated in the same step, with `info["worker_error"]`
    those environments go on as the autoreset mode says, with the episodes that would have followed
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import pickle
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from multiprocess.connection import wait

from libero_gym.errors import ClosedError, EnvAttributeError, WorkerError
from libero_gym.options import EnvOptions
from libero_gym.reset_request import ResetRequest
from libero_gym.workers.batch import ObservationBatch
from libero_gym.workers.child import Answer
from libero_gym.workers.protocol import Arguments, Results, forked
from libero_gym.workers.rows import Row, crashed_row, followed_by, is_over
from libero_gym.workers.shared_arrays import CURRENT, FINAL, SharedArrays
from libero_gym.workers.worker_process import Died, WorkerProcess

#: How often episodes are begun anew whose worker dies of it: the second death is hardly a coincidence.
_ATTEMPTS = 2
_CLOSE_SECONDS = 3.0
#: Waiting is counted in pieces of this length, so that a program that was stopped for hours does not find all of its
#: workers late.
_PIECE_SECONDS = 1.0

logger = logging.getLogger("libero_gym")


class ProcessWorkers:
    """`Workers`; each process has its models and its OpenGL context."""

    def __init__(
        self,
        options: EnvOptions,
        mode: AutoresetMode,
        batch: ObservationBatch,
        indices: Sequence[Iterable[int]],
        timeout: float,
    ) -> None:
        """
        Args:
            options: of each environment.
            mode: what happens after an episode's end.
            batch: receives the observations, each when its worker has finished it.
            indices: for each process, the indices of its environments.
            timeout: seconds without a sign of life after which a process counts as dead.
        """
        self._options, self._mode, self._batch = options, mode, batch
        self._workers = [WorkerProcess(number, share, timeout) for number, share in enumerate(indices)]
        self._num_envs = sum(len(worker.indices) for worker in self._workers)
        self._shared = SharedArrays(options, self._num_envs, final=mode is AutoresetMode.SAME_STEP)
        self._serial = 0
        #: The workers that the latest request was sent to, each with the indices of its environments in it.
        self._requested: list[tuple[WorkerProcess, list[int]]] = []
        self._last: dict[int, Row] = {}
        #: What the latest call returned, pickled.
        self._values: dict[int, bytes] = {}
        self._generators: dict[int, np.random.Generator] = {}
        #: Environments whose worker died and which no process has begun an episode of since.
        self._absent: set[int] = set()
        #: Env index -> reason, of episodes that were lost and not yet reported as truncated.
        self._lost: dict[int, str] = {}
        self._stepping: list[int] | None = None
        self._stepped: Results | None = None
        self._closed = False
        self._owner = os.getpid()
        # Python would end its daemons politely and wait forever for one that hangs.
        self._at_exit = functools.partial(_close_if_alive, weakref.WeakMethod(self.close))
        atexit.register(self._at_exit)
        for worker in self._workers:
            self._start(worker)

    def check_process(self) -> None:
        """See `Workers`."""
        if os.getpid() != self._owner:
            raise forked(self._owner)

    def reset(self, requests: Mapping[int, ResetRequest]) -> Results:
        """See `Workers`."""
        self._end_step()
        self._stepped = None
        rows: dict[int, Row] = {}
        error: Exception | None = None
        left = dict(requests)
        deaths: dict[int, str] = {}
        for _ in range(_ATTEMPTS):
            answered, failure, deaths = self._ask("reset", left)
            rows |= answered
            error = error or failure
            left = {index: request for index, request in left.items() if index in deaths}
            if not left:
                return Results(rows, error)
        reasons = "; ".join(sorted({deaths[index] for index in left}))
        return Results(rows, error or WorkerError(f"environments {sorted(left)} cannot be reset, again: {reasons}"))

    def step_async(self, actions: np.ndarray, active: np.ndarray) -> None:
        """See `Workers`."""
        self._shared.actions[active] = actions[active]
        self._stepping, self._stepped = np.flatnonzero(active).tolist(), None
        self._send("step", {index: None for index in self._stepping if index not in self._lost})

    def step_wait(self) -> Results:
        """See `Workers`."""
        self._end_step()
        assert self._stepped is not None
        results, self._stepped = self._stepped, None
        return results

    def render(self) -> dict[int, np.ndarray]:
        """See `Workers`; black where an episode was lost."""
        self._end_step()
        blank = np.zeros_like(self._shared.images[0])
        indices = [index for index in range(self._num_envs) if index not in self._absent]
        _, error, deaths = self._ask("render", dict.fromkeys(indices))
        if error is not None:
            raise error
        rendered = [index for index in indices if index not in deaths]
        return {
            index: self._shared.images[index].copy() if index in rendered else blank for index in range(self._num_envs)
        }

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
        """See `Workers`."""
        try:
            pickle.dumps(arguments)
        except Exception as error:
            raise EnvAttributeError(f"{name}: its arguments cannot be sent to a worker process: {error}") from None
        _, failure, deaths = self._ask("call", {index: (name, *given) for index, given in arguments.items()})
        if failure is not None:
            raise failure
        if lost := sorted(self._absent & set(arguments)):
            reasons = "; ".join(sorted(set(deaths.values()))) or "step or reset them first"
            raise WorkerError(f"environments {lost} have lost their episodes: {reasons}")
        return {index: pickle.loads(value) for index, value in self._values.items()}

    def close(self) -> None:
        """End the processes: by themselves within a few seconds, or killed."""
        if self._closed or os.getpid() != self._owner:  # a forked copy of the caller owns no workers
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        for worker in self._workers:
            worker.hang_up()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for worker in self._workers:
            worker.end(max(0.0, deadline - time.monotonic()))

    def __del__(self) -> None:
        if hasattr(self, "_at_exit"):
            self.close()

    def _end_step(self) -> None:
        """Wait for the step that is under way, if there is one."""
        if self._stepping is None:
            return
        stepping, self._stepping = self._stepping, None
        rows, error, deaths = self._gather()
        ends = {
            index: crashed_row(self._last[index], self._lost.pop(index), self._options)
            for index in stepping
            if index in self._lost
        }
        # Environments that would have begun their next episodes in this step, and those that have to now.
        resetting = [index for index in stepping if index in deaths and index not in ends]
        if self._mode is AutoresetMode.SAME_STEP:
            resetting += ends
        started = self.reset(dict.fromkeys(resetting, ResetRequest())) if resetting else Results({}, None)
        rows |= started.rows
        for index, end in ends.items():
            reason = end.info["worker_error"]
            if index in started.rows:
                row = followed_by(end, started.rows[index])
                rows[index] = row._replace(info={**row.info, "worker_error": reason})
            elif self._mode is AutoresetMode.SAME_STEP:
                self._lost[index] = reason  # and is tried again in the next step
            else:
                rows[index] = end
        self._last |= rows
        self._stepped = Results(rows, error or started.error)

    def _ask(self, kind: str, payload: Mapping[int, Any]) -> tuple[dict[int, Row], Exception | None, dict[int, str]]:
        self._send(kind, payload)
        return self._gather()

    def _send(self, kind: str, payload: Mapping[int, Any]) -> None:
        """Send each worker its part of a request: env index -> what to do with it."""
        if self._closed:
            raise ClosedError("the environments were closed")
        self._serial += 1
        self._requested = []
        for worker in self._workers:
            part = {index: payload[index] for index in worker.indices if index in payload}
            if part:
                self._requested.append((worker, list(part)))
                worker.send((self._serial, kind, part))

    def _gather(self) -> tuple[dict[int, Row], Exception | None, dict[int, str]]:
        """Wait until each worker has answered or is dead.

        Returns:
            Rows, the first error, and for each environment without an answer how its worker died.
        """
        answers: dict[int, Answer] = {}
        deaths: dict[int, str] = {}
        waiting = {id(worker): (worker, part) for worker, part in self._requested}
        before = time.monotonic()
        while waiting:
            ready = self._wait([worker for worker, _ in waiting.values()])
            waited = min(time.monotonic() - before, _PIECE_SECONDS)
            before = time.monotonic()
            for key, (worker, part) in list(waiting.items()):
                try:
                    message = worker.receive(ready, waited)
                except Died as death:
                    del waiting[key]
                    deaths |= dict.fromkeys(part, str(death))
                    self._replace(worker, str(death))
                    continue
                if message is not None and message[0] == self._serial and message[1] is not None:
                    del waiting[key]
                    answers[key] = message[1]
        rows: dict[int, Row] = {}
        self._values = {}
        error: Exception | None = None
        for worker, _ in self._requested:
            if (answer := answers.get(id(worker))) is not None:
                rows |= {index: self._complete(index, row) for index, row in answer.rows.items()}
                error = error or answer.error
                self._generators |= answer.generators
                self._values |= answer.values
        for index, row in rows.items():
            self._last[index] = row
            self._absent.discard(index)
            self._lost.pop(index, None)
        return rows, error, deaths

    def _wait(self, workers: list[WorkerProcess]) -> list[Any]:
        ready: list[Any] = []
        try:
            ready = wait([handle for worker in workers for handle in worker.handles], _PIECE_SECONDS)
        except (AttributeError, OSError, ValueError):  # what another thread's close() leads to
            if not self._closed:
                raise
        if self._closed:
            raise ClosedError("the environments were closed while a step was under way")
        return ready

    def _complete(self, index: int, row: Row) -> Row:
        """Copy a worker's arrays out of the shared memory into the batch, and return its row with them."""
        info = row.info
        if "final_obs" in info:
            info["final_obs"] = self._shared.read(index, FINAL, info["final_obs"])
        arrays = self._batch.arrays_of(index)
        return row._replace(observation=self._shared.read(index, CURRENT, row.observation, arrays))

    def _replace(self, worker: WorkerProcess, reason: str) -> None:
        logger.warning("%s; a new process takes over its %d environments", reason, len(worker.indices))
        for index in worker.indices:
            last = self._last.get(index)
            if last is not None and index not in self._absent and not is_over(last, self._mode):
                self._lost[index] = reason
            self._absent.add(index)
        worker.end()
        self._start(worker)

    def _start(self, worker: WorkerProcess) -> None:
        generators = {index: self._generators[index] for index in worker.indices if index in self._generators}
        worker.start(self._shared, self._options, self._mode, worker.indices, generators)


def _close_if_alive(close: weakref.WeakMethod[Callable[[], None]]) -> None:
    method = close()
    if method is not None:
        method()
