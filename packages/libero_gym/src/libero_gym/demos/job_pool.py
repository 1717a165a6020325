"""Processes that each do one job after another, for as long as the caller lives.

A process that dies costs the jobs that are under way, and the caller an error; what others have finished is kept.
"""

from __future__ import annotations

import contextlib
import pickle
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import multiprocess
from multiprocess.connection import Connection, wait

from libero_gym.errors import LiberoGymError, WorkerError
from libero_gym.workers.child import end_with_the_caller
from libero_gym.workers.worker_process import without_main_module


class Handler(Protocol):
    """What does the jobs, made once in each process."""

    def __call__(self, job: Any, /) -> Any:
        """Do a job."""

    def close(self) -> None:
        """There are no more."""


class JobPool:
    """`put` jobs, at most as many as `free` says, and `take` results as they come."""

    def __init__(self, workers: int, make: Callable[..., Handler], *arguments: object) -> None:
        """
        Args:
            workers: processes; with 1, jobs are done in this one, when a result is asked for.
            make: of a module, called with the arguments in each process.
        """
        self._here: Handler | None = make(*arguments) if workers == 1 else None
        self._jobs: deque[Any] = deque()
        self._idle: list[Connection] = []
        self._busy: dict[Connection, Any] = {}
        self._processes: list[Any] = []
        context = multiprocess.get_context("spawn")
        for number in range(workers if workers > 1 else 0):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_serve, args=(theirs, make, arguments), name=f"libero-gym demos {number}", daemon=True
            )
            with without_main_module():
                process.start()
            theirs.close()
            self._processes.append(process)
            self._idle.append(ours)

    @property
    def free(self) -> int:
        """How many jobs can be put now."""
        return len(self._idle) if self._here is None else 1 - len(self._jobs)

    @property
    def under_way(self) -> int:
        """How many results are still to come."""
        return len(self._busy) + len(self._jobs)

    def put(self, job: Any) -> None:
        """Start a job."""
        if self._here is not None:
            self._jobs.append(job)
            return
        connection = self._idle.pop()
        self._busy[connection] = job
        with contextlib.suppress(OSError):  # `take` finds the process dead
            connection.send_bytes(pickle.dumps(job))

    def take(self) -> Any:
        """Wait for a job's result.

        Raises:
            WorkerError: a process died; LiberoGymError and what else a handler raises.
        """
        if self._here is not None:
            return self._here(self._jobs.popleft())
        connection = wait(list(self._busy))[0]
        job = self._busy.pop(connection)
        try:
            result, error = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            raise WorkerError(
                f"a worker process died at {job}; the same command goes on where this one stopped"
            ) from None
        self._idle.append(connection)
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the processes; those with a job under way at once."""
        if self._here is not None:
            self._here.close()
        for connection in self._idle:
            connection.close()
        for process in self._processes:
            process.join(0 if self._busy else 5)
            if process.exitcode is None:
                process.kill()
                process.join()


def _serve(connection: Connection, make: Callable[..., Handler], arguments: tuple[object, ...]) -> None:
    """A process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the caller decides what follows
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    handler: Handler | None = None
    while True:
        try:
            job = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            break
        try:
            handler = handler or make(*arguments)
            answer: tuple[Any, Exception | None] = handler(job), None
        except LiberoGymError as error:
            answer = None, error
        except Exception as error:
            answer = None, WorkerError(f"{type(error).__name__} at {job}: {error}\n{traceback.format_exc()}")
        connection.send_bytes(pickle.dumps(answer))
    if handler is not None:
        handler.close()
