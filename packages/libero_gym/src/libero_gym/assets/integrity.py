"""Is an asset set whole? By its manifest where it has one, else by the structure of each file."""

from __future__ import annotations

import os
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.manifest import FileRecord, Manifest, file_sha256, read_manifest, visible_files
from libero_gym.assets.official import official_manifest, package_folder


@dataclass(frozen=True)
class Damage:
    """A file that is not as it should be."""

    path: str
    """In the set, with slashes."""
    reason: str


@dataclass(frozen=True)
class Inspection:
    """What was looked at, how, and what is wrong."""

    files: int
    size: int
    """Bytes of all files."""
    by_manifest: bool
    """Against recorded checksums; else each file by its own structure, which cannot see every change."""
    damages: tuple[Damage, ...]


def inspect(folder: Path, done: Callable[[object], None] | None = None) -> Inspection:
    """Check every file of a set.

    Args:
        folder: of LIBERO's layout.
        done: called after each file.

    Raises:
        AssetError: the manifest cannot be read.
    """
    manifest, paths = _files_of(folder)

    def check(path: Path) -> Damage | None:
        inside = path.relative_to(folder).as_posix()
        try:
            reason = _by_manifest(path, inside, manifest) if manifest is not None else _by_structure(path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        if done is not None:
            done(path)
        return None if reason is None else Damage(inside, reason)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = [damage for damage in pool.map(check, paths) if damage is not None]
    if manifest is not None:
        there = {path.relative_to(folder).as_posix() for path in paths}
        found += [Damage(name, "missing") for name in manifest.files if name not in there]
    size = sum(path.stat().st_size for path in paths)
    return Inspection(len(paths), size, manifest is not None, tuple(found))


def check_records(folder: Path, records: dict[str, FileRecord]) -> list[Damage]:
    """Compare a folder's files, by their paths in it, with what was recorded of them."""
    found = []
    for name, record in records.items():
        try:
            reason = _by_record(folder / name, record)
        except FileNotFoundError:
            reason = "missing"
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        if reason is not None:
            found.append(Damage(name, reason))
    return found


def count_files(folder: Path) -> int:
    """Return how many files `inspect` will look at."""
    return len(_files_of(folder)[1])


def _files_of(folder: Path) -> tuple[Manifest | None, list[Path]]:
    """Return a set's manifest and its files; of what pip has installed, LIBERO's own files alone."""
    if folder == package_folder():
        manifest = official_manifest()
        return manifest, [folder / name for name in manifest.files if (folder / name).is_file()]
    return read_manifest(folder), list(visible_files(folder))


def _by_manifest(path: Path, inside: str, manifest: Manifest) -> str | None:
    record = manifest.files.get(inside)
    return None if record is None else _by_record(path, record)  # a file that was added: nothing names it


def _by_record(path: Path, record: FileRecord) -> str | None:
    size = path.stat().st_size
    if size != record.size:
        return f"has {size} bytes; the manifest says {record.size}"
    return None if file_sha256(path) == record.sha256 else "has other bytes than the manifest says"


def _by_structure(path: Path) -> str | None:
    check = _CHECKS.get(path.suffix.lower())
    if path.stat().st_size == 0:
        return "is empty"
    return None if check is None else check(path)


def _xml(path: Path) -> str | None:
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        return f"is not whole XML ({error})"
    compiler = root.find("compiler")
    meshes = "" if compiler is None else compiler.get("meshdir", "")
    # Textures are left out: LIBERO's own files name some that do not exist, and it replaces the names before it reads.
    for key, folder in (("mesh", meshes), ("include", "")):
        for element in root.iter(key):
            name = element.get("file")
            if name and not (path.parent / folder / name).is_file():
                return f"names {name}, which is missing"
    return None


def _image(path: Path) -> str | None:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError) as error:
        return f"is not a whole image ({error})"
    return None


def _msh(path: Path) -> str | None:
    """Check MuJoCo's format: four counts, then vertices, normals, texture coordinates (float32) and faces (int32)."""
    data = path.open("rb").read(16)
    if len(data) < 16:
        return "is shorter than a mesh's header"
    vertices, normals, coordinates, faces = struct.unpack("<4i", data)
    expected = 16 + 4 * (3 * vertices + 3 * normals + 2 * coordinates + 3 * faces)
    return _length(path, expected)


def _stl(path: Path) -> str | None:
    """Check a binary file (80 bytes, a count, 50 bytes a triangle) or a text, from "solid" to "endsolid"."""
    data = path.read_bytes()
    if len(data) >= 84 and len(data) == 84 + 50 * struct.unpack_from("<I", data, 80)[0]:
        return None
    if data.lstrip().startswith(b"solid") and b"facet" in data[:1000]:
        return None if b"endsolid" in data[-200:] else "is a text STL without its end"
    if len(data) < 84:
        return "is shorter than a mesh's header"
    return _length(path, 84 + 50 * int(struct.unpack_from("<I", data, 80)[0]))


def _obj(path: Path) -> str | None:
    """Check that faces name only vertices that are there, and the last line has an end, which a cut one rarely has."""
    vertices, largest, line = 0, 0, ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["v"]:
                vertices += 1
                if len(words) < 4:
                    return "has a vertex without three numbers"
            elif words[:1] == ["f"]:
                numbers = [word.partition("/")[0] for word in words[1:]]
                if len(numbers) < 3 or not all(number.lstrip("-").isdigit() for number in numbers):
                    return "has a face without three vertices"
                largest = max(largest, *(int(number) for number in numbers))
    if not line.endswith("\n"):
        return "ends in the middle of a line"
    if largest == 0:
        return "has no faces"
    return f"has {vertices} vertices and a face that names number {largest}" if largest > vertices else None


def _length(path: Path, expected: int) -> str | None:
    size = path.stat().st_size
    return None if size == expected else f"has {size} bytes; its own counts ask for {expected}"


_CHECKS: dict[str, Callable[[Path], str | None]] = {
    ".xml": _xml,
    ".png": _image,
    ".jpg": _image,
    ".jpeg": _image,
    ".msh": _msh,
    ".stl": _stl,
    ".obj": _obj,
}
