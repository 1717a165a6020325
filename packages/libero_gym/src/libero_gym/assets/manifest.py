"""What files an asset set consists of: a manifest beside them, and a digest that is the same on every machine."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from libero_gym.cache_folder import cache_folder
from libero_gym.errors import AssetError

MANIFEST = "libero-gym-manifest.json"
MANIFEST_FORMAT = 1
#: Folders whose files end up in a scene; what lies beside them (a licence, a manifest) does not change one.
CONTENT = (
    "articulated_objects",
    "scenes",
    "stable_hope_objects",
    "stable_scanned_objects",
    "textures",
    "turbosquid_objects",
)


@dataclass(frozen=True)
class FileRecord:
    """A file as it was when the set was made."""

    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a set, and where it came from."""

    name: str
    """Of the asset set, e.g. "official"."""
    origin: str
    """e.g. "libero-gym 0.1.0" or "hub:<repository>@<commit>"."""
    files: dict[str, FileRecord]
    """By path in the set, with slashes."""


def write_manifest(folder: Path, name: str, origin: str) -> Manifest:
    """Record every file of a folder, hidden ones left out, in the folder itself."""
    files = {
        path.relative_to(folder).as_posix(): FileRecord(path.stat().st_size, file_sha256(path))
        for path in visible_files(folder)
    }
    manifest = Manifest(name, origin, files)
    (folder / MANIFEST).write_text(json.dumps({"format": MANIFEST_FORMAT, **asdict(manifest)}, indent=1) + "\n")
    return manifest


def read_manifest(folder: Path) -> Manifest | None:
    """Return a folder's manifest; None if it has none.

    Raises:
        AssetError: it cannot be read, or is of another format.
    """
    path = folder / MANIFEST
    return parse_manifest(path) if path.is_file() else None


def parse_manifest(path: Path) -> Manifest:
    """Return the manifest that a file holds.

    Raises:
        AssetError: it cannot be read, or is of another format.
    """
    try:
        tree = json.loads(path.read_text())
        if tree["format"] != MANIFEST_FORMAT:
            raise ValueError(f"format {tree['format']!r}, expected {MANIFEST_FORMAT}")
        files = {str(key): FileRecord(**value) for key, value in tree["files"].items()}
        return Manifest(str(tree["name"]), str(tree["origin"]), files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AssetError(f"{path} is not a manifest ({type(error).__name__}: {error}); make the set again") from error


def visible_files(folder: Path) -> Iterator[Path]:
    """Yield all files of a set in a fixed order, without hidden ones and the manifest."""
    for name, _ in _entries(folder):
        yield folder / name


def _entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """Return the set's files by their paths in it, with slashes, in the order of these paths' parts."""
    found: list[tuple[str, os.DirEntry[str]]] = []
    inside = [("", str(folder))]
    while inside:
        prefix, place = inside.pop()
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except (FileNotFoundError, PermissionError):
            continue
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                inside.append((f"{name}/", entry.path))
            elif entry.is_file() and name != MANIFEST:
                found.append((name, entry))
    return sorted(found, key=lambda pair: pair[0].split("/"))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=64)
def _digest_of(folder: Path, names: frozenset[str] | None, state: str) -> str:
    known = _recall_digests()
    if state in known:
        return known[state]
    digest = hashlib.sha256()
    for name, entry in _content(folder, names):
        digest.update(f"{name}\0{file_sha256(Path(entry.path))}\0".encode())
    _remember_digest(state, digest.hexdigest())
    return digest.hexdigest()


def recorded_digest(manifest: Manifest) -> str:
    """Return the `content_digest` that a set's folder has as long as its files are those of the manifest."""
    digest = hashlib.sha256()
    # in the order of `visible_files`, which sorts paths by their parts
    for name in sorted(manifest.files, key=lambda name: name.split("/")):
        if name.split("/")[0] in CONTENT:
            digest.update(f"{name}\0{manifest.files[name].sha256}\0".encode())
    return digest.hexdigest()


def content_digest(folder: Path, names: frozenset[str] | None = None) -> str:
    """Return the SHA-256 over names and bytes of the files that scenes are made of, the same on every machine.

    Reading LIBERO's 420 MB takes a second, so what was computed for the same names, sizes and times is remembered.

    Args:
        folder: of LIBERO's layout.
        names: which of its files belong to the set, with slashes; None for all. Files that are missing are left out.
    """
    seen = hashlib.sha256(str(folder.resolve()).encode())
    for name, entry in _content(folder, names):
        status = entry.stat()
        seen.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return _digest_of(folder, names, seen.hexdigest())


def _content(folder: Path, names: frozenset[str] | None) -> list[tuple[str, os.DirEntry[str]]]:
    content = [(name, entry) for name, entry in _entries(folder) if name.split("/")[0] in CONTENT]
    return content if names is None else [(name, entry) for name, entry in content if name in names]


def _recall_digests() -> dict[str, str]:
    try:
        return dict(json.loads((cache_folder() / "digests.json").read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _remember_digest(state: str, digest: str) -> None:
    path = cache_folder() / "digests.json"
    # The latest few: a set that changes leaves entries behind that are not used again.
    entries = dict([*_recall_digests().items(), (state, digest)][-50:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work = path.with_suffix(f".{os.getpid()}")
        work.write_text(json.dumps(entries))
        work.replace(path)
    except OSError:
        pass  # only half a second is lost in the next process
