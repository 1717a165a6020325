"""Choose an asset set: LIBERO's official one (downloaded, or a folder) or the built-in one. They are never mixed."""

from __future__ import annotations

import ast
import functools
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from libero_gym.cache_folder import cache_folder, publish_folder
from libero_gym.errors import AssetError, unknown
from libero_gym.tasks.suites import Task, libero_folder

ASSETS_VARIABLE = "LIBERO_GYM_ASSETS"
SOURCES = ("auto", "official", "builtin")
#: What a folder of LIBERO's layout holds, as far as the five suites read it.
LAYOUT = ("articulated_objects", "scenes", "stable_hope_objects", "stable_scanned_objects", "turbosquid_objects")

logger = logging.getLogger("libero_gym")


@dataclass(frozen=True)
class AssetSet:
    """A folder of LIBERO's layout, and what results made with it should say that they used."""

    name: str
    """"official", "builtin-<version>" or "folder-<fingerprint>"."""
    folder: Path
    suites: tuple[str, ...] | None = None
    """Suites that the set covers; None for all."""

    def check_covers(self, task: Task) -> None:
        """Refuse a task that the set has no objects for.

        Raises:
            AssetError: with the ways to get a set that has them.
        """
        if self.suites is not None and task.suite not in self.suites:
            raise AssetError(
                f"the asset set {self.name!r} covers {', '.join(self.suites)}, not {task.suite}; pass "
                f"assets='official' to download LIBERO's own, or a folder of it (also as {ASSETS_VARIABLE})"
            )

    @functools.cached_property
    def fingerprint(self) -> str:
        """Changes when a file of the set does: names, sizes and times of all files (a few hundred)."""
        digest = hashlib.sha256(self.name.encode())
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                status = path.stat()
                digest.update(f"{path.relative_to(self.folder)}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        return digest.hexdigest()


def resolve_assets(assets: str | Path = "auto") -> AssetSet:
    """The asset set that an `assets=` argument names.

    Args:
        assets: "official" (downloaded into the cache when it is not there), "builtin", a folder of LIBERO's layout,
            or "auto": the folder in `$LIBERO_GYM_ASSETS`, else the official set where it is present, else the
            built-in one.

    Raises:
        AssetError: an unknown name, a folder that is missing or of another layout, or a download that failed.
    """
    if assets == "auto":
        return _auto(os.environ.get(ASSETS_VARIABLE))
    if assets == "builtin":
        return _builtin()
    if assets == "official":
        return AssetSet("official", _official_present() or _download_official())
    return _folder(Path(assets).expanduser(), f"assets={str(assets)!r}")


@functools.cache
def _auto(variable: str | None) -> AssetSet:
    if variable:
        chosen = _folder(Path(variable).expanduser(), f"{ASSETS_VARIABLE}={variable!r}")
    elif (official := _official_present()) is not None:
        chosen = AssetSet("official", official)
    else:
        chosen = _builtin()
        logger.warning(
            "using the built-in asset set %r: results on it are not benchmark results (assets='official' downloads "
            "LIBERO's own)",
            chosen.name,
        )
    return chosen


def _builtin() -> AssetSet:
    from libero_gym.assets import builtin  # draws pictures, with packages that a bundle's user may not have

    name = f"builtin-{builtin.VERSION}"
    folder = cache_folder() / "assets" / name
    if not folder.is_dir():
        publish_folder(folder, builtin.generate)
    return AssetSet(name, folder)


@functools.cache
def _folder(folder: Path, where: str) -> AssetSet:
    if not folder.is_dir():
        if os.sep not in str(folder) and "." not in str(folder):
            raise unknown(AssetError, "asset set", str(folder), [*SOURCES, "a folder of LIBERO's layout"])
        raise AssetError(f"{where} is not a folder; allowed: {', '.join(SOURCES)}, or a folder of LIBERO's layout")
    if (folder / "bundle.json").is_file():
        raise AssetError(f"{where} is a bundle of compiled scenes; scenes are compiled from LIBERO's assets themselves")
    missing = [name for name in LAYOUT if not (folder / name).is_dir()]
    if missing:
        raise AssetError(
            f"{where} is not laid out as LIBERO's assets: it lacks {', '.join(missing)}; it should hold "
            f"{', '.join(LAYOUT)}"
        )
    folder = folder.resolve()
    fingerprint = AssetSet(str(folder), folder).fingerprint[:12]
    return AssetSet(f"folder-{fingerprint}", folder)


def _official_present() -> Path | None:
    """Where the official set already is: in our cache, in hf-libero itself, or in hf-libero's own cache."""
    candidates = (
        cache_folder() / "assets" / "official",
        libero_folder() / "assets",
        Path("~/.cache/libero/assets").expanduser(),
    )
    return next((folder for folder in candidates if all((folder / name).is_dir() for name in LAYOUT)), None)


def _download_official() -> Path:
    """Fetch the Hub dataset that hf-libero names; broken-off downloads continue at the next call."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise AssetError("downloading LIBERO's assets needs huggingface_hub: pip install huggingface_hub") from error
    target = cache_folder() / "assets" / "official"
    partial = target.with_name("official.part")
    try:
        snapshot_download(repo_id=_official_repository(), repo_type="dataset", local_dir=partial)
    except Exception as error:  # the Hub client raises many unrelated classes
        raise AssetError(
            f"downloading LIBERO's assets failed ({type(error).__name__}: {str(error).splitlines()[0]}); pass a folder "
            f"that has them (also as {ASSETS_VARIABLE}), or assets='builtin'"
        ) from error
    partial.rename(target)
    return target


def _official_repository() -> str:
    source = (libero_folder() / "utils" / "download_utils.py").read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "HF_ASSETS_REPO_ID":
            return str(ast.literal_eval(node.value))
    raise AssetError("hf-libero names no asset repository; expected version 0.1.4")
