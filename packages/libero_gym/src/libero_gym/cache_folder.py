"""The one folder that libero_gym writes to, and how a folder gets there whole."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from libero_gym.errors import LiberoGymError

CACHE_VARIABLE = "LIBERO_GYM_CACHE"


def cache_folder() -> Path:
    """`$LIBERO_GYM_CACHE`, or the user's cache folder (`~/.cache/libero-gym` on Linux)."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else _user_cache() / "libero-gym"


def _user_cache() -> Path:
    """Where this system's programs keep what they can make again."""
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
        LiberoGymError: the cache folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        work = Path(tempfile.mkdtemp(prefix=f"{_prefix(target)}{os.getpid()}-", dir=target.parent))
    except OSError as error:
        raise LiberoGymError(
            f"the cache folder {target.parent} cannot be written ({error.strerror}); set {CACHE_VARIABLE} to a folder "
            "that can"
        ) from error
    try:
        write(work)
        try:
            work.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _prefix(target: Path) -> str:
    """How this machine's unfinished copies of a folder begin; a cache may be shared over a network."""
    return f".{target.name}-{platform.node()}-"


def _sweep(target: Path) -> None:
    """Remove the unfinished copies of processes that were killed."""
    prefix = _prefix(target)
    for folder in target.parent.glob(f"{glob.escape(prefix)}*"):
        pid = folder.name.removeprefix(prefix).partition("-")[0]
        if pid.isdecimal() and not _runs(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


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
