"""One worker process, seen from its caller: started, talked to, watched and ended."""

from __future__ import annotations

import contextlib
import pickle
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from typing import Any

import multiprocess

from libero_gym.workers.child import serve

#: Until its first answer a process also imports, loads models and opens its OpenGL context.
START_SECONDS = 60.0
_END_SECONDS = 5.0

_starting = threading.Lock()


class Died(Exception):
    """The process is dead or as good as dead; the message has how it ended."""


class WorkerProcess:
    """A process of its own environments, which can be started again after its death."""

    def __init__(self, worker_index: int, indices: Iterable[int], timeout: float) -> None:
        """
        Args:
            worker_index: of the worker, for messages.
            indices: env indices of its environments.
            timeout: seconds without a sign of life after which it counts as dead.
        """
        self.indices = list(indices)
        self._worker_index = worker_index
        self._timeout = timeout
        self._silent = 0.0
        self._ready = self._answered = False
        self._process: Any = None
        self._connection: Any = None

    def start(self, *arguments: Any) -> None:
        """Start a new process that serves with these arguments, after its end of the pipe."""
        context = multiprocess.get_context("spawn")
        self._connection, its_end = context.Pipe()
        self._silent, self._ready, self._answered = 0.0, False, False
        # Python ends daemons that are left at its own end.
        process = context.Process(
            target=serve, args=(its_end, *arguments), name=f"libero-gym worker {self._worker_index}", daemon=True
        )
        with without_main_module():
            process.start()
        self._process = process
        its_end.close()  # else the end of the process would not close the pipe

    @property
    def handles(self) -> list[Any]:
        """What `multiprocess.connection.wait` can wait for: a message, or the process's end."""
        return [self._connection, self._process.sentinel]

    def send(self, message: Any) -> None:
        """Send a message; that the process is dead turns out in `receive`."""
        self._silent = 0.0
        with contextlib.suppress(OSError):
            self._connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))

    def receive(self, ready: list[Any], waited: float) -> Any:
        """Return what it has sent, or None.

        Args:
            ready: those `handles` which are ready.
            waited: seconds since the last call, all of them spent waiting.

        Raises:
            Died: it has ended, or was silent for too long.
        """
        if self._connection in ready:
            try:
                message = pickle.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                raise Died(self._how_it_ended()) from None
            self._silent, self._ready = 0.0, True
            self._answered |= message[1] is not None
            return message
        if self._process.sentinel in ready:
            raise Died(self._how_it_ended())
        self._silent += waited
        limit = self._timeout if self._answered else max(self._timeout, START_SECONDS)
        if self._silent > limit:
            raise Died(f"worker {self._worker_index} gave no sign of life for {limit:g} s and was killed")
        return None

    def hang_up(self) -> None:
        """Close the pipe, upon which the process ends by itself once it is done with what it is doing."""
        if self._process is None:  # starting it failed
            return
        self._connection.close()
        if not self._ready:
            self._process.kill()  # it is still importing, and has nothing to clean up

    def end(self, seconds: float = 0.0) -> None:
        """End it: by itself within some seconds, or killed."""
        if self._process is None:
            return
        self._connection.close()
        self._process.join(seconds)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join(_END_SECONDS)
        with contextlib.suppress(ValueError):  # a driver may keep even a killed process from ending
            self._process.close()
        self._process = None

    def _how_it_ended(self) -> str:
        self._process.join(_END_SECONDS)  # its pipe is closed a moment before it is gone
        code = self._process.exitcode
        if code is None:
            return f"worker {self._worker_index} closed its pipe"
        if code < 0:
            return f"worker {self._worker_index} was killed by signal {-code}"
        return f"worker {self._worker_index} ended with exit status {code}"


@contextlib.contextmanager
def without_main_module() -> Iterator[None]:
    """Hide the user's script while a process is started: spawn would run it there again, for what it may define, which
    costs its imports and needs its `if __name__ == "__main__"`. A worker needs nothing of it."""
    with _starting:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
