"""Processes of their own for tests, forked from one that has imported torch already: they cost no seconds of imports.

All test processes of a run (pytest-xdist) share the server; it ends with the last of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fork_server import send

from vla_trainer.runtime.ray_settings import SETTINGS

PRELOAD = [
    "torch._dynamo",  # by the first step of any optimizer
    "torch.distributed.checkpoint.state_dict_loader",
    "torch.distributed.fsdp",
    "vla_trainer.runtime.local",
    "vla_trainer.loggers.tensorboard",
    "vla_trainer.policy.gaussian",
]
"""What any process of a run imports; `preload` names more."""

RAY = [
    # not Ray itself, which reads a worker's variables when it is imported, but what it imports
    *("asyncio", "concurrent.futures", "google.protobuf.json_format", "jsonschema", "requests", "yaml"),
]
"""What Ray's workers import besides."""

POLICY = ["timm", "peft", "vla_policy"]
ENVIRONMENT = ["libero_gym.env"]

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Threads of OpenMP and OpenBLAS in the server, none besides its own, because a fork does not bring them along."""

SERVER = "VLA_FORK_SERVER"
"""The environment variable that tells Ray's workers where the server is."""

_staying: list[socket.socket] = []


class Process:
    """A forked process, with the methods of `multiprocessing.Process`; it is killed if its starter goes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answer = b""
        self.exitcode: int | None = None
        """Negative for a signal; None while it runs."""
        self.pid = int(self._line(None) or 0)

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` seconds."""
        if self.exitcode is None and (line := self._line(timeout)) is not None:
            self.exitcode = int(line)
            self._connection.close()

    def is_alive(self) -> bool:
        self.join(0)
        return self.exitcode is None

    def kill(self) -> None:
        if self.is_alive():
            os.kill(self.pid, signal.SIGKILL)

    def _line(self, timeout: float | None) -> bytes | None:
        """Return the next line of the server, None if there is none in time."""
        self._connection.settimeout(timeout)
        try:
            while b"\n" not in self._answer:
                part = self._connection.recv(64)
                assert part, "the fork server is gone"
                self._answer += part
        except (TimeoutError, BlockingIOError):
            return None
        line, _, self._answer = self._answer.partition(b"\n")
        return line


def start(
    target: str,
    arguments: Sequence[str],
    *,
    output: Path | None = None,
    errors: Path | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    path: Sequence[str] | None = None,
    preload: Iterable[str] = (),
) -> Process:
    """Call a function, or run a script, in a process of its own.

    Args:
        target: "module:function", without arguments; or the path of a script.
        arguments: `sys.argv` there.
        output: the file, or terminal, that gets what it prints, at its end; None for this process's output.
        errors: the same of standard error; as `output` if None.
        folder: its working folder; this process's if None.
        environment: all of its environment variables; this process's if None.
        path: `sys.path` there; what a new process would have if None.
        preload: modules that the server imports first.
    """
    connection = _connect(server(preload))
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(open(os.devnull, "rb")).fileno(), 1, 2]
        if output is not None:
            files[1:] = [
                opened.enter_context(open(place, "ab", buffering=0)).fileno() for place in (output, errors or output)
            ]
        request = {
            "target": target,
            "arguments": list(arguments),
            "environment": dict(os.environ if environment is None else environment),
            "folder": str(folder or Path.cwd()),
            "path": None if path is None else list(path),
            "lone": False,  # it goes with this process
        }
        send(connection, request, files)
    return Process(connection)


def run(
    target: str,
    arguments: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    preload: Iterable[str] = (),
    timeout: float = 600,
) -> subprocess.CompletedProcess[str]:
    """Return what a process printed and how it ended; arguments are those of `start`."""
    with tempfile.TemporaryDirectory() as place:
        output, errors = Path(place, "output"), Path(place, "errors")
        process = start(
            target,
            arguments,
            output=output,
            errors=errors,
            folder=folder,
            environment=environment,
            preload=preload,
        )
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(list(arguments), timeout, output.read_bytes(), errors.read_bytes())
        return subprocess.CompletedProcess(list(arguments), process.exitcode, output.read_text(), errors.read_text())


def server(preload: Iterable[str] = ()) -> Path:
    """Return the server's folder; start it if it is not there, and let it import `preload`."""
    folder = Path(tempfile.gettempdir()) / f"vla-forks-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or os.getpid()}"
    if not _staying or preload:
        with open(f"{folder}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            stays = _stay(folder, [*preload])
            if stays is None:
                _begin(folder)
                stays = _stay(folder, [*preload])
            assert stays is not None, (folder / "log").read_text()
            _staying.append(stays)
    return folder


def _stay(folder: Path, preload: list[str]) -> socket.socket | None:
    """Return a connection that keeps the server alive; None if there is no server."""
    try:
        connection = _connect(folder)
        send(connection, {"preload": preload}, [])
        return connection if connection.recv(64) == b"ready\n" else None
    except (FileNotFoundError, ConnectionError):
        return None


def _connect(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(folder / "socket"))
    return connection


def _begin(folder: Path) -> None:
    """Start the server, which answers when it has imported what it shall."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    script = Path(__file__).with_name("fork_server.py")
    with socket.socket(socket.AF_UNIX) as listening, open(folder / "log", "wb") as log:
        listening.bind(str(folder / "socket"))
        listening.listen(64)
        subprocess.Popen(
            # without -P its folder, and with it the tests' modules, would be found by all that it forks
            [sys.executable, "-P", str(script), str(folder), str(listening.fileno()), *PRELOAD, *RAY],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | SETTINGS | ONE_THREAD,
            pass_fds=[listening.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
