"""Choose an asset set: LIBERO's official one (downloaded, or a folder) or the built-in one. They are never mixed."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from libero_gym.assets.default import remembered
from libero_gym.assets.download import download_official
from libero_gym.assets.manifest import content_digest, read_manifest, recorded_digest, write_manifest
from libero_gym.assets.official import (
    INSTALL,
    LAYOUT,
    REINSTALL,
    changed_files,
    official_content,
    official_name,
    official_present,
    package_folder,
)
from libero_gym.cache_folder import CACHE_VARIABLE, cache_folder, publish_folder
from libero_gym.errors import AssetError, unknown

ASSETS_VARIABLE = "LIBERO_GYM_ASSETS"
SOURCES = ("auto", "official", "builtin")
BUILTIN_PREFIX = "builtin-"
#: A folder with this file is a bundle of compiled scenes (`libero_gym.scene.bundle`), not an asset set.
BUNDLE_INDEX = "bundle.json"

logger = logging.getLogger("libero_gym")


@dataclass(frozen=True)
class AssetSet:
    """A folder of LIBERO's layout, and what results made with it should say that they used."""

    name: str
    """"official", "builtin-<version>", "folder-<12 digits of its contents' digest>", or "hub-<12 digits>" for a
    download that is not LIBERO's repository's set."""
    folder: Path

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the contents, the same for equal sets on every machine.

        Of the official set, LIBERO's own files alone count, whatever else a folder holds.
        """
        return content_digest(self.folder, official_content() if self.name == "official" else None)

    @property
    def version(self) -> str:
        """What tells two sets of one name apart: the built-in set's number, else 12 digits of the digest."""
        builtin = self.name.startswith(BUILTIN_PREFIX)
        return self.name.removeprefix(BUILTIN_PREFIX) if builtin else self.digest[:12]

    @property
    def fingerprint(self) -> str:
        """Changes when a file of the set, or its name, does."""
        return hashlib.sha256(f"{self.name}\0{self.digest}".encode()).hexdigest()


@dataclass(frozen=True)
class Choice:
    """What `assets="auto"` means at the moment."""

    named: str
    """"official", "builtin" or a folder."""
    why: str


def resolve_assets(assets: str | Path = "auto") -> AssetSet:
    """Return the asset set that an `assets=` argument names.

    Args:
        assets: "official" (installed by pip, or downloaded into the cache), "builtin", a folder of LIBERO's layout,
            or "auto": the folder in `$LIBERO_GYM_ASSETS`, else what `libero-gym assets use` has remembered, else the
            official set where it is present, else the built-in one.

    Raises:
        AssetError: an unknown name, a folder that is missing or of another layout, or a download that failed.
    """
    if assets == "auto":
        return _auto(choose_auto())
    if assets == "builtin":
        return _builtin()
    if assets == "official":
        return _official(official_present() or download_official())
    return _folder(Path(assets).expanduser(), f"assets={str(assets)!r}")


def choose_auto() -> Choice:
    """Return what "auto" means now; nothing is made or downloaded."""
    if variable := os.environ.get(ASSETS_VARIABLE):
        return Choice(variable, f"{ASSETS_VARIABLE}={variable!r}")
    if (named := remembered()) is not None:
        return Choice(named, f"`libero-gym assets use {named}`")
    if (official := official_present()) is not None:
        how = "is installed" if official == package_folder() else "is"
        return Choice("official", f"LIBERO's own set {how} in {official}")
    return Choice("builtin", "LIBERO's own set is not here")


@functools.cache
def _auto(choice: Choice) -> AssetSet:
    if choice.named not in SOURCES:
        return _folder(Path(choice.named).expanduser(), choice.why)
    chosen = resolve_assets("builtin" if choice.named == "auto" else choice.named)
    if chosen.name.startswith(BUILTIN_PREFIX):
        logger.warning(
            "using the built-in asset set %r: results on it are not benchmark results (LIBERO's own set: %s)",
            chosen.name,
            INSTALL,
        )
    return chosen


def _builtin() -> AssetSet:
    folder = builtin_folder()
    if folder.is_dir() and not _is_whole(folder):
        changed = folder.with_name(f".{folder.name}-changed-{secrets.token_hex(4)}")
        try:
            folder.rename(changed)
        except FileNotFoundError:
            pass  # another process was quicker
        except OSError as error:
            raise AssetError(
                f"files of the built-in asset set in {folder} have changed, and it cannot be made again "
                f"({error.strerror}); remove the folder, or set {CACHE_VARIABLE} to another one"
            ) from error
        else:
            logger.warning(
                "files of the built-in asset set in %s have changed: it is made again, and the changed one kept in %s",
                folder,
                changed,
            )
    if not folder.is_dir():
        publish_folder(folder, generate_builtin)
    return AssetSet(folder.name, folder)


def _official(folder: Path) -> AssetSet:
    """Return the official set, unless its files are not LIBERO's own.

    Raises:
        AssetError: files have changed since they were installed or downloaded.
    """
    if not _is_whole(folder):
        raise AssetError(
            f"files of the official asset set in {folder} have changed since the download; libero-gym assets verify "
            "official names them. Download it again (libero-gym assets download --force), or pass the folder's path: "
            "results on it then carry another name than official"
        )
    name, changed = official_name(folder), changed_files(folder)
    if name != "official":
        logger.warning(
            "the set that was downloaded from the Hub is not that of LIBERO's repository (files with other bytes: %d, "
            "the first is %s); results on it carry the name %s. LIBERO's own: %s",
            len(changed),
            changed[0],
            name,
            INSTALL,
        )
    elif changed:
        raise AssetError(
            f"the official asset set in {folder} has changed (files with other bytes than in LIBERO's repository: "
            f"{len(changed)}, the first is {changed[0]}); install it again ({REINSTALL}), or pass the folder's path: "
            "results on it then carry another name than official"
        )
    return AssetSet(name, folder)


def _is_whole(folder: Path) -> bool:
    """Return whether a set's files are those of its manifest; a set without one is taken as it is."""
    try:
        manifest = read_manifest(folder)
    except AssetError:
        return False
    return manifest is None or content_digest(folder) == recorded_digest(manifest)


def builtin_folder() -> Path:
    """Return where the built-in set is, once it was generated; its name is the set's."""
    from libero_gym.assets import builtin

    return cache_folder() / "assets" / f"{BUILTIN_PREFIX}{builtin.VERSION}"


def generate_builtin(folder: Path) -> None:
    """Write the built-in set and its manifest into a folder.

    Raises:
        OSError: the folder cannot be written.
    """
    from libero_gym.assets import builtin

    builtin.generate(folder)
    write_manifest(folder, f"{BUILTIN_PREFIX}{builtin.VERSION}", f"libero-gym {version('libero-gym')}")


@functools.cache
def _folder(folder: Path, where: str) -> AssetSet:
    if not folder.is_dir():
        if os.sep not in str(folder) and "." not in str(folder):
            raise unknown(AssetError, "asset set", str(folder), [*SOURCES, "a folder of LIBERO's layout"])
        raise AssetError(f"{where} is not a folder; allowed: {', '.join(SOURCES)}, or a folder of LIBERO's layout")
    if is_bundle(folder):
        raise AssetError(f"{where} is a bundle of compiled scenes; scenes are compiled from LIBERO's assets themselves")
    missing = [name for name in LAYOUT if not (folder / name).is_dir()]
    if missing:
        raise AssetError(
            f"{where} is not laid out as LIBERO's assets: it lacks {', '.join(missing)}; it should hold "
            f"{', '.join(LAYOUT)}"
        )
    folder = folder.resolve()
    return AssetSet(f"folder-{content_digest(folder)[:12]}", folder)


def is_bundle(folder: Path) -> bool:
    """Return whether a folder is a bundle, whole or not."""
    return (folder / BUNDLE_INDEX).is_file()
