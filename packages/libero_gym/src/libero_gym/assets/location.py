"""Where an asset set is, or will be, without making or downloading it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.download import official_folder
from libero_gym.assets.official import INSTALL, REINSTALL, has_layout, official_name, official_present, package_folder
from libero_gym.assets.source import builtin_folder, is_bundle


@dataclass(frozen=True)
class AssetLocation:
    """The folder that a name means on this machine, whether it is there or not."""

    name: str
    folder: Path
    there: bool
    """A folder of LIBERO's layout."""
    bundle: bool = False
    """A bundle of compiled scenes."""


def locate(named: str) -> AssetLocation:
    """Return where the set is that "official", "builtin" or a folder names."""
    if named == "builtin":
        folder = builtin_folder()
        return AssetLocation(folder.name, folder, folder.is_dir())
    if named == "official":
        present = official_present()
        name = "official" if present is None else official_name(present)
        return AssetLocation(name, present or official_folder(), present is not None)
    folder = Path(named).expanduser()
    return AssetLocation(named, folder, has_layout(folder), is_bundle(folder))


def fix_hint(named: str) -> str:
    """Return what to type when files of the set are damaged."""
    official = "libero-gym assets download --force" if package_folder() is None else REINSTALL
    again = {"official": official, "builtin": "libero-gym assets generate --force"}
    return f"fix it: {again[named]}" if named in again else "copy the folder again from where it came from"


def absent(named: str) -> str:
    """Return what to type when the set is not here."""
    return {
        "official": f"not here yet; get it with: {INSTALL}, or from the Hub with: libero-gym assets download",
        "builtin": "not generated yet; it is at first use, or with: libero-gym assets generate",
    }.get(named, "not a folder of LIBERO's layout")
