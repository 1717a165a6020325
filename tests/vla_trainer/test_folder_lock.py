"""A folder's lock, between real processes: one holds it, its death releases it, and the message names it."""

import errno
import fcntl
import json
import multiprocessing
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from vla_trainer import folder_lock
from vla_trainer.errors import RunFolderError
from vla_trainer.folder_lock import LOCK_FILE, Holder, acquire, holder_of

_context = multiprocessing.get_context("fork")


def _hold(folder: Path, tell: Connection, fork: bool) -> None:
    lock = acquire(folder)
    child = os.fork() if fork else 0
    if fork and child == 0:
        time.sleep(60)
        os._exit(0)
    tell.send(child)
    time.sleep(60)
    lock.release()


@pytest.fixture
def holders() -> Iterator[Callable[..., tuple[Any, int]]]:
    """Make a process that holds a lock; returns it, and the process that it has forked, if it should."""
    made: list[Any] = []
    forked: list[int] = []

    def make(folder: Path, fork: bool = False) -> tuple[Any, int]:
        mine, its = _context.Pipe()
        process = _context.Process(target=_hold, args=(folder, its, fork), daemon=True)
        process.start()
        made.append(process)
        assert mine.poll(30)
        child = mine.recv()
        forked.extend([child] if fork else [])
        return process, child

    yield make
    for number in forked:
        os.kill(number, signal.SIGKILL)
    for process in made:
        process.kill()
        process.join()


def test_the_second_is_told_who_has_it(tmp_path: Path, holders: Callable[..., tuple[Any, int]]) -> None:
    process, _ = holders(tmp_path)
    holder = holder_of(tmp_path)
    assert holder is not None
    assert (holder.process, holder.host) == (process.pid, socket.gethostname())
    message = f"{tmp_path} is in use by process {process.pid} on {socket.gethostname()} since 2"
    with pytest.raises(RunFolderError, match=re.escape(message)):
        acquire(tmp_path)


@pytest.mark.parametrize("fork", [False, True])
def test_death_releases_it(tmp_path: Path, holders: Callable[..., tuple[Any, int]], fork: bool) -> None:
    # also where a process that the holder forked lives on
    process, child = holders(tmp_path, fork)
    process.kill()
    process.join()
    if fork:
        os.kill(child, 0)
    assert (tmp_path / LOCK_FILE).exists()
    deadline = time.monotonic() + 30
    while holder_of(tmp_path) is not None and time.monotonic() < deadline:
        time.sleep(0.01)  # a child that has just been forked drops its copy first
    assert holder_of(tmp_path) is None
    lock = acquire(tmp_path)
    assert lock.is_intact()
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_one_process_cannot_have_it_twice(tmp_path: Path) -> None:
    lock = acquire(tmp_path)
    with pytest.raises(RunFolderError, match=f"in use by process {os.getpid()} on"):
        acquire(tmp_path)
    lock.release()
    lock.release()
    acquire(tmp_path).release()


def _take_turns(folder: Path, count: int, log: Path) -> None:
    for _ in range(count):
        while True:
            try:
                lock = acquire(folder)
                break
            except RunFolderError:
                time.sleep(0.001)
        # a second one between the two lines would show in their order
        for word in ("in", "out"):
            with log.open("a") as file:
                file.write(f"{os.getpid()} {word}\n")
            time.sleep(0.001)
        lock.release()


def test_of_many_one_at_a_time(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "log"
    folder.mkdir()
    processes = [_context.Process(target=_take_turns, args=(folder, 10, log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len(lines) == 3 * 10 * 2
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        assert first == [second[0], "in"]
        assert second[1] == "out"


def test_a_folder_that_is_removed_or_replaced_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    lock = acquire(folder)
    folder.rename(tmp_path / "moved")
    assert not lock.is_intact()
    folder.mkdir()
    other = acquire(folder)
    assert other.is_intact()
    assert not lock.is_intact()
    lock.release()  # takes nothing away from the other
    assert other.is_intact()
    other.release()


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_the_file_system_has_no_locks_the_record_decides(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(folder_lock, "_WAIT_SECONDS", 0.0)
    ended = _context.Process(target=int)
    ended.start()
    ended.join()
    file, here = tmp_path / LOCK_FILE, socket.gethostname()

    def record(host: str, process: int, started: str | None = None) -> None:
        file.write_text(json.dumps({"host": host, "process": process, "begun": "then", "started": started}))

    record(here, ended.pid or 0)
    acquire(tmp_path).release()
    record(here, os.getpid(), "another boot 17")  # its number has been given again
    acquire(tmp_path).release()
    file.write_text('{"host": ')  # killed while it signed
    acquire(tmp_path).release()
    record(here, os.getppid())
    with pytest.raises(RunFolderError, match=f"in use by process {os.getppid()} on"):
        acquire(tmp_path)
    record("elsewhere", ended.pid or 0)  # nobody here can tell
    with pytest.raises(RunFolderError, match=f"{ended.pid} on elsewhere since then; .*has ended, remove .*{LOCK_FILE}"):
        acquire(tmp_path)


def test_who_runs() -> None:
    here, started = socket.gethostname(), folder_lock._started(os.getpid())
    assert Holder(here, os.getpid(), "now", started).is_running()
    assert Holder(here, os.getpid(), "now").is_running()
    assert not Holder(here, os.getpid(), "now", f"{started}1").is_running()
