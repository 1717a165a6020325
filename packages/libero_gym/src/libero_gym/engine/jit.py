"""Numba's `njit` with a cache on disk wherever one can be written: compiling takes ten seconds, loading none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import config

from libero_gym.cache_folder import cache_folder


def cached_njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function without the GIL; `options` are those of `numba.njit`.

    Numba caches beside the source or in the user's home, and refuses a function where neither can be written: a
    read-only installation used from a container without a home. Our cache folder takes their place there.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:
            settings: Any = config  # its attributes come from the environment, which type checkers do not see
            before = settings.CACHE_DIR
            settings.CACHE_DIR = str(cache_folder() / "numba")
            try:
                return numba.njit(cache=True, nogil=True, **options)(function)
            finally:
                settings.CACHE_DIR = before

    return decorate
