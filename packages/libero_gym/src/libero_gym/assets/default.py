"""The asset set that `assets="auto"` prefers, as `libero-gym assets use` remembers it in the cache folder."""

from __future__ import annotations

import json
from pathlib import Path

from libero_gym.cache_folder import CACHE_VARIABLE, cache_folder
from libero_gym.errors import LiberoGymError

_FILE = "default-assets.json"


def remembered() -> str | None:
    """Return what was remembered: "official", "builtin" or an absolute path; None for nothing."""
    try:
        named = json.loads((cache_folder() / _FILE).read_text())["assets"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(named)


def remember(named: str) -> None:
    """Have `assets="auto"` mean `named` from now on.

    Raises:
        LiberoGymError: the cache folder cannot be written.
    """
    path = cache_folder() / _FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"assets": named}) + "\n")
    except OSError as error:
        raise LiberoGymError(
            f"the cache folder {path.parent} cannot be written ({error.strerror}); set {CACHE_VARIABLE} to a folder "
            "that can"
        ) from error


def forget() -> Path | None:
    """Have `assets="auto"` choose by itself again; return the file that was removed, if there was one."""
    path = cache_folder() / _FILE
    if not path.is_file():
        return None
    path.unlink()
    return path
