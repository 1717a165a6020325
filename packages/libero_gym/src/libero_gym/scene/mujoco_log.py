"""Send MuJoCo's warnings to Python's logging: by itself MuJoCo appends them to MUJOCO_LOG.TXT in the working folder."""

from __future__ import annotations

import ctypes
import functools
import logging
from pathlib import Path

import mujoco

logger = logging.getLogger("libero_gym")


@functools.cache
def route_warnings() -> None:
    """Have MuJoCo's warnings logged in this process, each kind once, unless the process handles them already.

    The handler is MuJoCo's, one for the whole process; models of other packages profit from it too.
    """
    if _handler_is_set():
        return
    logged: set[str] = set()

    def log(message: str) -> None:
        kind = message.partition(".")[0]  # what follows is advice and the time
        if kind not in logged:
            logged.add(kind)
            logger.warning("MuJoCo: %s", message)

    mujoco.set_mju_user_warning(log)


def _handler_is_set() -> bool:
    """Return whether the C variable `mju_user_warning` holds a function; Python's binding cannot tell."""
    library = library_file()
    if library is None:
        return False
    return bool(ctypes.c_void_p.in_dll(ctypes.CDLL(str(library)), "mju_user_warning").value)


def library_file() -> Path | None:
    """Return the file of MuJoCo's shared library in the installed package."""
    folder = Path(mujoco.__file__).parent
    for pattern in ("libmujoco.so*", "libmujoco*.dylib", "mujoco.dll"):
        for library in sorted(folder.glob(pattern)):
            return library
    return None
