"""Check the cache folder: whether it can be written, its size, and the free space."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from libero_gym.cache_folder import CACHE_VARIABLE, cache_folder
from libero_gym.doctor.check_result import CheckResult

#: Bytes. A compiled scene of LIBERO's own assets takes 105 MB.
FREE_NEEDED, FREE_WANTED = 300_000_000, 2_000_000_000


def check_cache() -> CheckResult:
    """Check the cache folder by writing a file, which is removed again."""
    folder = cache_folder()
    fix = f"set {CACHE_VARIABLE} to a folder that can be written, e.g. export {CACHE_VARIABLE}=$HOME/libero-gym-cache"
    if folder.exists() and not folder.is_dir():
        return CheckResult("cache", "failed", f"{folder} is a file, not a folder", f"remove it, or {fix}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return CheckResult("cache", "failed", f"{folder} cannot be written ({error.strerror})", fix)
    free = shutil.disk_usage(folder).free
    found = f"{folder}: {_size(folder) / 1e6:.0f} MB, {free / 1e9:.1f} GB free"
    if free < FREE_NEEDED:
        return CheckResult("cache", "failed", f"{found}; a compiled scene takes 105 MB", f"free some space, or {fix}")
    if free < FREE_WANTED:
        return CheckResult("cache", "note", f"{found}; all 130 scenes of LIBERO's own assets take some 13 GB")
    return CheckResult("cache", "ok", found)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # another process has moved it
            continue
    return total
