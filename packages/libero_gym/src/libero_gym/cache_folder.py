"""The one folder that libero_gym writes to, and how a folder gets there whole."""

from __future__ import annotations

import functools
import glob
import logging
import os
import platform
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from libero_gym.errors import LiberoGymError

CACHE_VARIABLE = "LIBERO_GYM_CACHE"

logger = logging.getLogger("libero_gym")


def cache_folder() -> Path:
    """Return `$LIBERO_GYM_CACHE`, or the user's cache folder (`~/.cache/libero-gym` on Linux).

    Where the user's cannot be written (a container without a home, a read-only home), a folder among the temporary
    files takes its place, and one warning says so. A folder that the variable names is never replaced.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return user_cache() or _temporary_cache()


def user_cache() -> Path | None:
    """Return the user's cache folder of this package, which need not exist yet; None where it cannot be written."""
    try:
        folder = _system_cache() / "libero-gym"
    except RuntimeError:  # no home at all
        return None
    return folder if _writable(folder) else None


def _writable(folder: Path) -> bool:
    """Return whether the folder can be written, or made where it is missing."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


@functools.cache
def _temporary_cache() -> Path:
    """Return the user's folder among the temporary files, the same in every process; warn once in each."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"libero-gym-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        # another user may have made a folder of this name, and could change what is read from it
        trusted = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
        if folder.is_symlink() or not trusted or not _writable(folder):
            folder = Path(tempfile.mkdtemp(prefix="libero-gym-"))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="libero-gym-"))
    logger.warning("the user's cache folder cannot be written; using %s (%s names another)", folder, CACHE_VARIABLE)
    return folder


def _system_cache() -> Path:
    """Return where this system's programs keep what they can make again."""
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        folder = "~/Library/Caches"
    else:
        folder = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(folder).expanduser()


def publish_folder(target: Path, write: Callable[[Path], None]) -> Path:
    """Have `write` fill a temporary folder and rename it to `target`, so that a reader sees all of it or nothing.

    Where two processes make the same folder at once, the first to finish wins and the other's copy is dropped.

    Raises:
        LiberoGymError: the cache folder cannot be written, or the disk is full.
    """
    work = target.parent / f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(target)
        work.mkdir()  # with the mode that the umask gives: a cache may be shared between users
        write(work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    except OSError as error:
        raise LiberoGymError(
            f"the cache folder {target.parent} cannot be written ({error.strerror or error}); set {CACHE_VARIABLE} to "
            "a folder that can"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def publish_file(target: Path, content: bytes) -> None:
    """Write a file so that a reader sees all of it or nothing.

    Raises:
        OSError: it cannot be written, or the disk is full.
    """
    work = target.parent / f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(4)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(target)
    try:
        work.write_bytes(content)
        work.replace(target)
    finally:
        work.unlink(missing_ok=True)


def _prefix(target: Path) -> str:
    """Return how this machine's unfinished copies of a file or folder begin; a cache may be shared over a network."""
    return f".{target.name}-{platform.node()}-"


def _remove_stale(target: Path) -> None:
    """Remove the unfinished copies of processes that were killed."""
    prefix = _prefix(target)
    for copy in target.parent.glob(f"{glob.escape(prefix)}*"):
        pid = copy.name.removeprefix(prefix).partition("-")[0]
        if pid.isdecimal() and not _runs(int(pid)):
            if copy.is_dir():
                shutil.rmtree(copy, ignore_errors=True)
            else:
                copy.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    if sys.platform == "win32":  # signal 0 would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
