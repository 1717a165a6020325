"""The cache folder: can it be written, is there room, how much is in it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from libero_gym.cache_folder import CACHE_VARIABLE, cache_folder
from libero_gym.doctor.finding import Finding

#: Bytes. A compiled scene of LIBERO's own assets takes 105 MB.
FREE_NEEDED, FREE_WANTED = 300_000_000, 2_000_000_000


def check_cache() -> Finding:
    """Writes a file and removes it."""
    folder = cache_folder()
    mend = f"set {CACHE_VARIABLE} to a folder that can be written, e.g. export {CACHE_VARIABLE}=$HOME/libero-gym-cache"
    if folder.exists() and not folder.is_dir():
        return Finding("cache", "failed", f"{folder} is a file, not a folder", f"remove it, or {mend}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return Finding("cache", "failed", f"{folder} cannot be written ({error.strerror})", mend)
    free = shutil.disk_usage(folder).free
    found = f"{folder}: {_size(folder) / 1e6:.0f} MB, {free / 1e9:.1f} GB free"
    if free < FREE_NEEDED:
        return Finding("cache", "failed", f"{found}; a compiled scene takes 105 MB", f"make room, or {mend}")
    if free < FREE_WANTED:
        return Finding("cache", "note", f"{found}; all 130 scenes of LIBERO's own assets take some 13 GB")
    return Finding("cache", "ok", found)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # another process has moved it
            continue
    return total
