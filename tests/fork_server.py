"""A process that has imported what takes long, and forks others of itself that begin where their imports would end.

Run as a script by `forks.py`, with its folder, the socket that it listens at, and the modules to import. Each request
has a connection of its own:

    client -> server   what to run, as JSON: arguments, environment variables, folder, `sys.path`; and three open files
    client <- server   the process's number, and when it has ended its exit status, a line each

The server has one thread, and computes nothing: what a fork would not bring along must not be there. `forks.py` gives
it OMP_NUM_THREADS=1, or an import (peft's) makes OpenMP's threads, for which a forked process would wait for ever. It
ends when no client that said it would stay is left.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = struct.Struct("!I")


def send(connection: socket.socket, request: dict[str, Any], files: list[int]) -> None:
    """Send a request with open files."""
    body = json.dumps(request).encode()
    socket.send_fds(connection, [SIZE.pack(len(body))], files)
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return a request and its open files; an empty one if the client is gone."""
    head, files, _, _ = socket.recv_fds(connection, SIZE.size, 3)
    body = b""
    while len(head) == SIZE.size and len(body) < SIZE.unpack(head)[0]:
        part = connection.recv(SIZE.unpack(head)[0] - len(body))
        if not part:
            return {}, files
        body += part
    return (json.loads(body) if body else {}), files


class Server:
    """Serves until the last client that stays has left."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, self._accept)
        self._staying = 0
        self._done = False
        self._own_path = [place for place in sys.path if place]

    def serve(self) -> Callable[[], Any] | None:
        """Return what this process is to do if it is a forked one, None if it is the server, at its end."""
        while not self._done:
            for key, _ in self._selector.select():
                # what came before it may have closed it
                if self._selector.get_map().get(key.fileobj) is not key:
                    continue
                forked = key.data(key.fileobj)
                if forked is not None:
                    return forked
        return None

    def _accept(self, listening: socket.socket) -> Callable[[], Any] | None:
        connection, _ = listening.accept()
        request, files = receive(connection)
        for module in request.get("preload", ()):
            importlib.import_module(module)
        if "target" in request:
            return self._fork(connection, request, files)
        for file in files:
            os.close(file)
        if request:
            self._staying += 1
            self._selector.register(connection, selectors.EVENT_READ, self._left)
            with contextlib.suppress(OSError):
                connection.sendall(b"ready\n")
        else:
            connection.close()
        return None

    def _fork(self, connection: socket.socket, request: dict[str, Any], files: list[int]) -> Callable[[], Any] | None:
        gc.freeze()
        number = os.fork()
        if number == 0:
            connection.close()
            self._close()
            return lambda: begin(request, files, self._own_path)
        for file in files:
            os.close(file)
        ended = os.pidfd_open(number)
        self._selector.register(ended, selectors.EVENT_READ, lambda _: self._ended(connection, number, ended))
        self._selector.register(
            connection, selectors.EVENT_READ, lambda _: self._hung_up(connection, number, request["lone"])
        )
        with contextlib.suppress(OSError):  # it left without waiting
            connection.sendall(b"%d\n" % number)
        return None

    def _left(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()
        self._staying -= 1
        self._done = self._staying == 0

    def _hung_up(self, connection: socket.socket, number: int, lone: bool) -> None:
        """A client that is gone takes its process along, unless the process is to be on its own."""
        self._selector.unregister(connection)
        connection.close()
        if not lone:
            os.kill(number, signal.SIGKILL)

    def _ended(self, connection: socket.socket, number: int, ended: int) -> None:
        _, status = os.waitpid(number, 0)
        self._selector.unregister(ended)
        os.close(ended)
        if connection.fileno() >= 0:
            self._selector.unregister(connection)
            with contextlib.suppress(OSError):
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
            connection.close()

    def _close(self) -> None:
        """Close what belongs to the server, in a forked process."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
            else:
                os.close(key.fd)
        self._selector.close()


def begin(request: dict[str, Any], files: list[int], own_path: list[str]) -> Any:
    """Become the process that was asked for: its files, environment, folder and arguments, as a new one has them."""
    os.setpgid(0, 0)  # who ends it with all of its group shall not end the server
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        stream = open(number, "r" if number == 0 else "w", closefd=False)  # noqa: SIM115
        stream.reconfigure(line_buffering=number == 2 or stream.isatty())
        setattr(sys, name, stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.argv = list(request["arguments"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request["target"] == "ray":
        return ray_worker(own_path)
    sys.path[:] = request["path"] or path_of_new(own_path)
    threads()
    if os.sep in request["target"]:
        return runpy.run_path(request["target"], run_name="__main__")
    module, function = request["target"].split(":")
    return getattr(importlib.import_module(module), function)()


def path_of_new(own_path: list[str]) -> list[str]:
    """Return `sys.path` of a new process with the present variables, but for the folder of its script."""
    return [*filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *own_path]


def threads() -> None:
    """Give torch the threads that a new process has: OpenMP had one, and read its variable, before the fork."""
    import torch

    named = os.environ.get("OMP_NUM_THREADS")
    torch.set_num_threads(int(named) if named else len(os.sched_getaffinity(0)))


def ray_worker(own_path: list[str]) -> None:
    """Do what Ray's `setup_worker.py` does, but for starting Python anew.

    `sys.argv`: of that script, the worker's own script and the arguments of both.
    """
    assert "ray" not in sys.modules, "Ray reads the variables of its worker when it is imported"
    from ray._private.runtime_env.context import RuntimeEnvContext
    from ray._private.utils import update_envs

    context, rest = "{}", []
    for argument in sys.argv[1:]:
        if argument.startswith("--serialized-runtime-env-context="):
            context = argument.partition("=")[2]
        elif not argument.startswith("--language="):
            rest.append(argument)
    made = RuntimeEnvContext.deserialize(context)
    assert made.command_prefix == [], "only variables can be set"
    assert made.override_worker_entrypoint is None, "only variables can be set"
    update_envs(made.env_vars)
    sys.path[:] = [str(Path(rest[0]).parent), *path_of_new(own_path)]
    sys.argv = rest
    threads()
    runpy.run_path(rest[0], run_name="__main__")


def main(folder: Path, listening: int, modules: list[str]) -> None:
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those that were forked
    for module in modules:
        importlib.import_module(module)
    with socket.socket(fileno=listening) as waiting:
        forked = Server(waiting).serve()
        if forked is None:
            shutil.rmtree(folder, ignore_errors=True)
            Path(f"{folder}.lock").unlink(missing_ok=True)
    if forked is not None:
        forked()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
