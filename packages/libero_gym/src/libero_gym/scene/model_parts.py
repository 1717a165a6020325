"""Models cut into parts, so that many of them take the space of one: scenes of a suite share nearly all meshes.

    model.mjb --cut--> part, part, part ... --PartWriter--> one file, each distinct part once, compressed
                                               |
                                               +--> rows (P, 3): where this model's parts lie in that file

A part is one mesh's or one texture's share of one of MuJoCo's arrays, or what lies between two of them.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import mujoco
import numpy as np

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


class PartWriter:
    """Write the parts of any number of models into one file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rows: dict[bytes, tuple[int, int, int]] = {}

    def add_model(self, path: Path) -> np.ndarray:
        """Store the model of a `.mjb` file.

        Returns:
            (P, 3) int64, in the order of the file: offset in the file of parts, bytes there, bytes of the part.
        """
        content = path.read_bytes()
        model = mujoco.MjModel.from_binary_path(str(path))
        return np.array([self._add(part) for part in _cut(model, content)], dtype=np.int64)

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
    return mujoco.MjModel.from_binary_path("model.mjb", {"model.mjb": model})


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
