"""A lock on a folder that the death of its holder releases.

The kernel ties `flock` to an open file and gives the lock back when the process ends, however it ends. Linux carries it
over NFS as a byte-range lock. The file also names its holder: for the message of whoever comes second, and as the lock
itself on file systems that have none (Lustre without `-o flock`, some FUSE). There the lock is free if the holder was a
process of this machine that has ended; the lock of another machine's process counts as held.
"""

import errno
import json
import os
import socket
import sys
import time
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from vla_trainer.errors import RunFolderError

LOCK_FILE = ".lock"
"""The file in the folder, there as long as the lock is held."""
_HELD = {errno.EAGAIN, errno.EACCES}
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
_WAIT_SECONDS = 0.05
_TRIES = 40


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock."""

    host: str
    process: int
    begun: str
    """When it was taken, local time."""
    started: str | None = None
    """When the process was started, in a form that only this machine compares; None where it cannot be found."""

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.begun}"

    def is_running(self) -> bool:
        """Return whether it may run: False only for an ended process of this machine."""
        if self.host != socket.gethostname() or os.name == "nt":  # there os.kill(process, 0) would end it
            return True
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's
        return self.started is None or self.started == _started(self.process)


class FolderLock:
    """A lock that is held, until `release` or the end of this process."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self._path, self._descriptor = folder / LOCK_FILE, descriptor
        if hasattr(os, "register_at_fork"):
            # a child's copy would keep the lock when this process is killed
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _forget(this()))

    def is_intact(self) -> bool:
        """Return whether the folder is still the one that was locked: not removed, replaced or locked by another."""
        return self._descriptor >= 0 and _same_file(self._path, self._descriptor)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor < 0:
            return
        intact, descriptor = self.is_intact(), self._descriptor
        self._descriptor = -1
        if os.name == "nt":
            os.close(descriptor)  # there an open file cannot be removed
        if intact:
            with suppress(OSError):
                # before the file is closed: whoever opened it meanwhile sees that it is gone, and begins again
                self._path.unlink()
        if os.name != "nt":
            os.close(descriptor)


def acquire(folder: Path) -> FolderLock:
    """Lock `folder`, which exists.

    Raises:
        RunFolderError: another process holds it, or this one already; the message names it.
        OSError: the lock's file cannot be made.
    """
    for _ in range(_TRIES):
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            taken = _take(descriptor)
            # the holder of before may have removed the file while we opened it
            if taken and _same_file(folder / LOCK_FILE, descriptor):
                here = Holder(
                    socket.gethostname(),
                    os.getpid(),
                    datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
                    _started(os.getpid()),
                )
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, json.dumps(asdict(here)).encode() + b"\n")
                return FolderLock(folder, descriptor)
            holder = None if taken else _read(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if holder is not None and holder.is_running():
            break
        time.sleep(_WAIT_SECONDS)  # released, or not signed yet
    who = str(holder) if holder is not None else "another process"
    unknown = holder is not None and (holder.host != socket.gethostname() or os.name == "nt")
    advice = f"; if that process has ended, remove {folder / LOCK_FILE}" if unknown else ""
    raise RunFolderError(f"{folder} is in use by {who}; wait for it, or choose another folder{advice}")


def holder_of(folder: Path) -> Holder | None:
    """Return who holds the lock of `folder`; None where nobody does."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _take(descriptor) else _read(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            if error.errno not in _NO_LOCKS:
                raise
        else:
            return True
    holder = _read(descriptor)
    return holder is None or not holder.is_running()


def _read(descriptor: int) -> Holder | None:
    """Read the holder from the lock file; None where the file is new or damaged."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        return Holder(**json.loads(os.read(descriptor, 4096)))
    except (ValueError, TypeError):
        return None


def _same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _started(process: int) -> str | None:
    """Return when a process was started: the boot, and clock ticks since it."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {ticks}"
    except (OSError, IndexError):
        return None


def _forget(lock: FolderLock | None) -> None:
    if lock is not None and lock._descriptor >= 0:
        os.close(lock._descriptor)
        lock._descriptor = -1
