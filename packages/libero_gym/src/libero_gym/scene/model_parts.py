"""Models cut into parts, so that many of them take the space of one: scenes of a suite share nearly all meshes.

    model.mjb --cut--> part, part, part ... --PartWriter--> one file, each distinct part once, compressed
                                |              |
                                |              +--> rows (P, 3): where this model's parts lie in that file
                                |
                                +--share_model--> a file for each distinct part, named by its SHA-256

A part is one mesh's or one texture's share of one of MuJoCo's arrays, or what lies between two of them.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import mujoco
import numpy as np

from libero_gym.assets.manifest import file_sha256
from libero_gym.cache_folder import publish_file

#: MuJoCo's large arrays, by the array that says where each mesh's or texture's share of them begins.
_SHARES = {
    "mesh_vertadr": ("mesh_vert", "mesh_polymapadr", "mesh_polymapnum"),
    "mesh_normaladr": ("mesh_normal",),
    "mesh_texcoordadr": ("mesh_texcoord",),
    "mesh_faceadr": ("mesh_face", "mesh_facenormal", "mesh_facetexcoord"),
    "mesh_graphadr": ("mesh_graph",),
    "mesh_polyadr": ("mesh_polynormal", "mesh_polyvertadr", "mesh_polyvertnum"),
    "mesh_bvhadr": ("bvh_aabb", "bvh_child", "bvh_depth", "bvh_nodeid"),
    "tex_adr": ("tex_data",),
}
#: A part that zlib leaves larger than this share is stored as it is: coordinates hardly shrink and cost time to unpack.
_WORTHWHILE = 0.7
_LEVEL = 6
#: Bytes of a part that is not worth a file of its own.
_SMALL = 1 << 16


class PartWriter:
    """Write the parts of any number of models into one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rows: dict[bytes, tuple[int, int, int]] = {}

    def add_model(self, content: bytes) -> np.ndarray:
        """Store a model, the content of a `.mjb` file.

        Returns:
            (P, 3) int64, in the order of the file: offset in the file of parts, bytes there, bytes of the part.
        """
        return np.array([self._add(part) for part in _cut(model_of(content), content)], dtype=np.int64)

    def _add(self, part: bytes) -> tuple[int, int, int]:
        key = hashlib.sha256(part).digest()
        if key not in self._rows:
            packed = zlib.compress(part, _LEVEL)
            stored = packed if len(packed) < _WORTHWHILE * len(part) else part
            self._rows[key] = (self._file.tell(), len(stored), len(part))
            self._file.write(stored)
        return self._rows[key]


def read_model(rows: np.ndarray, parts: Path, sha256: str) -> mujoco.MjModel:
    """Read the model whose parts lie where `rows`, from `PartWriter.add_model`, has them.

    Raises:
        OSError, ValueError, zlib.error: the parts do not make the `.mjb` file with this SHA-256.
    """
    unpacked: dict[int, bytes] = {}
    with parts.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for offset, stored, size in rows.tolist():
            if offset not in unpacked:
                part = content[offset : offset + stored]
                unpacked[offset] = part if stored == size else zlib.decompress(part)
    model = b"".join(unpacked[offset] for offset in rows[:, 0].tolist())
    if hashlib.sha256(model).hexdigest() != sha256:
        raise ValueError(f"{parts.name} has other bytes than were written")
    return model_of(model)


def model_of(content: bytes) -> mujoco.MjModel:
    """Return the model of a `.mjb` file's content."""
    return mujoco.MjModel.from_binary_path("model.mjb", {"model.mjb": content})


def share_model(model: mujoco.MjModel, folder: Path) -> list[str]:
    """Store a model in files that other models share: LIBERO's own textures make 0.3 GB of each task's.

    Args:
        model: the model, as its `.mjb` file has it.
        folder: of the files, each named by the SHA-256 of what it holds; one that is damaged is written again.

    Returns:
        The names of the model's files, in order.
    """
    content = np.empty(mujoco.mj_sizeModel(model), dtype=np.uint8)
    mujoco.mj_saveModel(model, None, content)
    names = []
    for part in _joined(_cut(model, content.tobytes())):
        name = hashlib.sha256(part).hexdigest()
        if not _is_whole(folder / name):
            publish_file(folder / name, part)
        names.append(name)
    return names


def shared_model(names: Sequence[str], folder: Path) -> bytes:
    """Return the content of the `.mjb` file that `share_model` has stored; its checksums are not compared.

    Args:
        names: what `share_model` returned.
        folder: of the files.

    Raises:
        OSError: a file is missing.
    """
    return b"".join((folder / name).read_bytes() for name in names)


def check_parts(names: Sequence[str], folder: Path) -> None:
    """Compare each file of a model that `share_model` has stored with its checksum.

    Raises:
        OSError: a file is missing or damaged.
    """
    for name in names:
        if not _is_whole(folder / name):
            raise OSError(f"{name} in {folder} is missing or has other bytes than were written")


def _is_whole(path: Path) -> bool:
    return path.is_file() and file_sha256(path) == path.name


def _joined(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in larger parts: neighbours that are all small make one."""
    small: list[bytes] = []
    for part in parts:
        if len(part) < _SMALL:
            small.append(part)
            continue
        if small:
            yield b"".join(small)
            small = []
        yield part
    if small:
        yield b"".join(small)


def _cut(model: mujoco.MjModel, content: bytes) -> Iterator[bytes]:
    """Yield the parts of a `.mjb` file, in order; joined, they are the file whatever the layout of the format is."""
    places = {0, len(content)}
    for offsets, names in _SHARES.items():
        begins = [int(start) for start in getattr(model, offsets) if start >= 0]
        for name in names:
            array = getattr(model, name)
            place = content.find(array.tobytes()) if array.size else -1
            if place >= 0:
                places |= {place + begin * array[0].nbytes for begin in begins} | {place + array.nbytes}
    ordered = sorted(place for place in places if place <= len(content))
    for begin, end in pairwise(ordered):
        yield content[begin:end]
