"""Find the folder of a dataset by its name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from libero_gym.errors import DatasetError

#: Minari's rule for ids, `minari.dataset.minari_dataset.DATASET_ID_RE`, with the version that it needs.
_ID = re.compile(r"(?:[-_\w][-_\w/]*[-_\w]+/)?[-_\w]+?-v\d+")


@dataclass(frozen=True)
class Location:
    """Id and folder of a dataset, which may not exist yet."""

    dataset_id: str
    folder: Path

    @property
    def data(self) -> Path:
        """The folder that `minari.MinariDataset` opens."""
        return self.folder / "data"


def locate(name: str) -> Location:
    """Return the location of a dataset.

    Args:
        name: a Minari id, such as libero/spatial-builtin-v0; or a path that is absolute, begins with a dot or `~`, or
            is an existing folder.

    Raises:
        DatasetError: it is neither.
    """
    folder = Path(name).expanduser()
    if name.startswith(("/", ".", "~", "\\")) or folder.is_absolute():
        return _at(folder)
    if _ID.fullmatch(name):
        return Location(name, _root() / name)
    if name and folder.is_dir():
        return _at(folder)
    suggestion = re.sub(r"[^-_/a-zA-Z0-9]", "-", name).strip("-/") or "demos"
    suggestion = f"{suggestion if '/' in suggestion else 'libero/' + suggestion}-v0"
    raise DatasetError(
        f"{name!r} is no name of a dataset; allowed: a Minari id with a version, such as {suggestion!r}, or a path "
        "that begins with / or ./"
    )


def _at(folder: Path) -> Location:
    if folder.name == "data" and (folder / "metadata.json").exists():
        folder = folder.parent
    name = re.sub(r"\W", "-", folder.resolve().name).strip("-") or "demos"
    return Location(name if _ID.fullmatch(name) else f"{name}-v0", folder)


def _root() -> Path:
    """Return the folder of Minari's datasets, by Minari's rule."""
    chosen = os.environ.get("MINARI_DATASETS_PATH")
    return Path(chosen) if chosen is not None else Path.home() / ".minari" / "datasets"
