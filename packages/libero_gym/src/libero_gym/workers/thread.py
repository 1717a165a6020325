"""Workers as threads of this process: physics and rendering run without the GIL."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
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


class ThreadWorkers:
    """`Workers`; each thread has a copy of each task's model and an OpenGL context, an environment adds its state."""

    def __init__(
        self, options: EnvOptions, mode: AutoresetMode, batch: ObservationBatch, indices: Sequence[Iterable[int]]
    ) -> None:
        """
        Args:
            options: of each environment.
            mode: what happens after an episode's end.
            batch: receives the observations, each as soon as it is rendered.
            indices: for each thread, the indices of its environments.
        """
        self._environments = [
            Environments(options, mode, {index: batch.arrays_of(index) for index in share}) for share in indices
        ]
        self._threads = [ThreadPoolExecutor(max_workers=1, thread_name_prefix="libero-gym") for _ in indices]
        self._stepping: list[Future[Results]] = []
        self._owner = os.getpid()

    def check_process(self) -> None:
        """See `Workers`."""
        if os.getpid() != self._owner:
            raise forked(self._owner)

    def reset(self, requests: Mapping[int, ResetRequest]) -> Results:
        """See `Workers`."""
        return _join(
            [
                thread.submit(
                    _collect, worker.reset({index: requests[index] for index in worker.indices if index in requests})
                )
                for thread, worker in self._pairs()
            ]
        )

    def step_async(self, actions: np.ndarray, active: np.ndarray) -> None:
        """See `Workers`."""
        self._stepping = [
            thread.submit(_collect, worker.step(actions, [index for index in worker.indices if active[index]]))
            for thread, worker in self._pairs()
        ]

    def step_wait(self) -> Results:
        """See `Workers`."""
        return _join(self._stepping)

    def render(self) -> dict[int, np.ndarray]:
        """See `Workers`."""
        futures = [thread.submit(dict, worker.render(worker.indices)) for thread, worker in self._pairs()]
        return {index: image for future in futures for index, image in future.result().items()}

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
        """See `Workers`."""
        futures = [
            thread.submit(
                dict, worker.call(name, {index: arguments[index] for index in worker.indices if index in arguments})
            )
            for thread, worker in self._pairs()
        ]
        wait(futures)  # even when one of them fails
        return {index: value for future in futures for index, value in future.result().items()}

    def close(self) -> None:
        """End the threads, after what they are doing."""
        if os.getpid() != self._owner:  # a forked copy of the caller has no threads
            return
        for thread, worker in self._pairs():
            thread.submit(worker.close)
        for thread in self._threads:
            thread.shutdown(wait=True)

    def _pairs(self) -> Iterator[tuple[ThreadPoolExecutor, Environments]]:
        return zip(self._threads, self._environments, strict=True)


def _collect(work: Iterator[tuple[int, Row]]) -> Results:
    """Do a request, whose iterator does the work of one environment an item."""
    rows: dict[int, Row] = {}
    try:
        for index, row in work:
            rows[index] = row
    except Exception as error:
        return Results(rows, error)
    return Results(rows, None)


def _join(futures: list[Future[Results]]) -> Results:
    """Wait for all threads, even when one of them fails."""
    results = [future.result() for future in futures]
    rows = {index: row for result in results for index, row in result.rows.items()}
    return Results(rows, next((result.error for result in results if result.error is not None), None))
