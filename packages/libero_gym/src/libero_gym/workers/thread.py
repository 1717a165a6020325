"""Workers as threads of this process: physics and drawing run without the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.options import EnvOptions
from libero_gym.reset_request import ResetRequest
from libero_gym.workers.batch import ObservationBatch
from libero_gym.workers.environments import Environments
from libero_gym.workers.protocol import Arguments, Results, forked
from libero_gym.workers.rows import Row

_Work = Callable[[Environments, Mapping[int, Any]], Iterator[tuple[int, Row]]]


class ThreadWorkers:
    """`Workers`; each thread has a copy of each task's model and an OpenGL context, an environment adds its state."""

    def __init__(
        self, options: EnvOptions, mode: AutoresetMode, batch: ObservationBatch, numbers: Sequence[Iterable[int]]
    ) -> None:
        """
        Args:
            options: of each environment.
            mode: what happens after an episode's end.
            batch: receives the observations, each as soon as it is drawn.
            numbers: for each thread, the numbers of its environments.
        """
        self._numbers = [list(some) for some in numbers]
        self._environments = [
            Environments(options, mode, {number: batch.room(number) for number in some}) for some in self._numbers
        ]
        self._threads = [ThreadPoolExecutor(max_workers=1, thread_name_prefix="libero-gym") for _ in self._numbers]
        self._stepping: list[Future[Results]] = []
        self._owner = os.getpid()

    def check_process(self) -> None:
        """See `Workers`."""
        if os.getpid() != self._owner:
            raise forked(self._owner)

    def reset(self, starts: Mapping[int, ResetRequest]) -> Results:
        """See `Workers`."""
        return _join(self._submit(Environments.reset, starts))

    def step_async(self, actions: Mapping[int, np.ndarray]) -> None:
        """See `Workers`."""
        self._stepping = self._submit(Environments.step, actions)

    def step_wait(self) -> Results:
        """See `Workers`."""
        return _join(self._stepping)

    def render(self) -> dict[int, np.ndarray]:
        """See `Workers`."""
        jobs = [
            thread.submit(_draw, worker, numbers)
            for thread, worker, numbers in zip(self._threads, self._environments, self._numbers, strict=True)
        ]
        return {number: drawn for job in jobs for number, drawn in job.result().items()}

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
        """See `Workers`."""
        jobs = [
            thread.submit(_call, worker, name, {number: arguments[number] for number in numbers if number in arguments})
            for thread, worker, numbers in zip(self._threads, self._environments, self._numbers, strict=True)
        ]
        wait(jobs)  # even when one of them fails
        return {number: value for job in jobs for number, value in job.result().items()}

    def close(self) -> None:
        """End the threads, after what they are doing."""
        if os.getpid() != self._owner:  # a forked copy of the caller has no threads
            return
        for thread, worker in zip(self._threads, self._environments, strict=True):
            thread.submit(worker.close)
        for thread in self._threads:
            thread.shutdown(wait=True)

    def _submit(self, work: _Work, payload: Mapping[int, Any]) -> list[Future[Results]]:
        """Have each thread do its part of a request: number of an environment -> what to do with it."""
        return [
            thread.submit(_collect, work, worker, {number: payload[number] for number in numbers if number in payload})
            for thread, worker, numbers in zip(self._threads, self._environments, self._numbers, strict=True)
        ]


def _collect(work: _Work, worker: Environments, part: Mapping[int, Any]) -> Results:
    rows: dict[int, Row] = {}
    try:
        for number, row in work(worker, part):
            rows[number] = row
    except Exception as error:
        return Results(rows, error)
    return Results(rows, None)


def _draw(worker: Environments, numbers: list[int]) -> dict[int, np.ndarray]:
    return dict(worker.render(numbers))


def _call(worker: Environments, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
    return dict(worker.call(name, arguments))


def _join(jobs: list[Future[Results]]) -> Results:
    """Wait for all threads, even when one of them fails."""
    results = [job.result() for job in jobs]
    rows = {number: row for result in results for number, row in result.rows.items()}
    return Results(rows, next((result.error for result in results if result.error is not None), None))
