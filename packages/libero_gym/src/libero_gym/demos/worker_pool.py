"""A pool of worker processes, which end with the caller.

A process that dies loses the work in progress and raises an error in the caller; finished results are kept.
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


class Worker(Protocol):
    """Does the work; made once in each process."""

    def __call__(self, item: Any, /) -> Any:
        """Return the result of a work item."""

    def close(self) -> None:
        """Free what it holds, after the last item."""


class WorkerPool:
    """`submit` work items, at most as many as are `free`, and `collect` results in the order of completion."""

    def __init__(self, workers: int, make: Callable[..., Worker], *arguments: object) -> None:
        """
        Args:
            workers: processes; with 1, the work is done in this process, by `collect`.
            make: importable; called with the arguments in each process.
        """
        self._local: Worker | None = make(*arguments) if workers == 1 else None
        self._queue: deque[Any] = deque()
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
        """Number of items that can be submitted now."""
        return len(self._idle) if self._local is None else 1 - len(self._queue)

    @property
    def pending(self) -> int:
        """Number of results that are still to come."""
        return len(self._busy) + len(self._queue)

    def submit(self, item: Any) -> None:
        """Start to work on an item."""
        if self._local is not None:
            self._queue.append(item)
            return
        connection = self._idle.pop()
        self._busy[connection] = item
        with contextlib.suppress(OSError):  # `collect` finds the process dead
            connection.send_bytes(pickle.dumps(item))

    def collect(self) -> Any:
        """Wait for a result and return it.

        Raises:
            WorkerError: a process died; LiberoGymError and whatever else a worker raises.
        """
        if self._local is not None:
            return self._local(self._queue.popleft())
        connection = wait(list(self._busy))[0]
        item = self._busy.pop(connection)
        try:
            result, error = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            raise WorkerError(
                f"a worker process died at {item}; the same command goes on where this one stopped"
            ) from None
        self._idle.append(connection)
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the processes; those that are at work at once."""
        if self._local is not None:
            self._local.close()
        for connection in self._idle:
            connection.close()
        for process in self._processes:
            process.join(0 if self._busy else 5)
            if process.exitcode is None:
                process.kill()
                process.join()


def _serve(connection: Connection, make: Callable[..., Worker], arguments: tuple[object, ...]) -> None:
    """Run the main function of a process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the caller decides what follows
    threading.Thread(target=end_with_the_caller, daemon=True).start()
    worker: Worker | None = None
    while True:
        try:
            item = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            break
        try:
            worker = worker or make(*arguments)
            answer: tuple[Any, Exception | None] = worker(item), None
        except LiberoGymError as error:
            answer = None, error
        except Exception as error:
            answer = None, WorkerError(f"{type(error).__name__} at {item}: {error}\n{traceback.format_exc()}")
        connection.send_bytes(pickle.dumps(answer))
    if worker is not None:
        worker.close()
