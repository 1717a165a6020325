"""Triangle meshes to render: boxes, surfaces of revolution, their union, and the .obj files that they become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from libero_gym.assets.builtin.shapes import UPRIGHT, Box, Point

Rectangle = tuple[float, float, float, float]
"""A part of a texture: left, top, right, bottom in [0, 1], y down."""

FULL: Rectangle = (0.0, 0.0, 1.0, 1.0)

#: Profile corners sharper than this keep an edge; gentler ones are shaded as if round.
_SMOOTH_COSINE = math.cos(math.radians(50.0))

#: For each side of a box: its normal, and the directions in which its texture runs to the right and down.
_SIDES: dict[str, tuple[Point, Point, Point]] = {
    "+z": ((0, 0, 1), (1, 0, 0), (0, -1, 0)),
    "-z": ((0, 0, -1), (-1, 0, 0), (0, -1, 0)),
    "+x": ((1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "-x": ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "+y": ((0, 1, 0), (-1, 0, 0), (0, 0, -1)),
    "-y": ((0, -1, 0), (1, 0, 0), (0, 0, -1)),
}


@dataclass(frozen=True)
class Mesh:
    """A closed surface: corners with their own normal and texture coordinate, three to a face."""

    vertices: np.ndarray
    """(V, 3) metres."""
    normals: np.ndarray
    """(V, 3) unit length, outward."""
    uv: np.ndarray
    """(V, 2) texture coordinates in [0, 1]: x right, y down."""
    faces: np.ndarray
    """(F, 3) indices, counter-clockwise from outside."""

    def write(self, path: Path) -> None:
        """Write the mesh as a Wavefront .obj file, whose texture coordinates run up instead of down."""
        lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in self.vertices]
        lines += [f"vt {u:.5f} {1.0 - v:.5f}" for u, v in self.uv]
        lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in self.normals]
        lines += ["f " + " ".join(f"{i}/{i}/{i}" for i in face) for face in self.faces + 1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(("\n".join(lines) + "\n").encode())


def union(meshes: Iterable[Mesh]) -> Mesh:
    """Return one mesh of several, so that a body needs a single draw call."""
    parts = list(meshes)
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts[:-1]])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.uv for part in parts]),
        np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=True)]),
    )


def box_mesh(box: Box, parts: dict[str, Rectangle] | None = None, texture_span: float | None = None) -> Mesh:
    """Return a box of 12 faces.

    Args:
        box: its centre, half size and rotation.
        parts: part of the texture on each side ("+x" ... "-z"); sides that are missing show the whole texture.
        texture_span: metres that a repeat of the texture covers, instead of stretching it over each side: wood keeps
            its grain size on small and large boards.
    """
    half = np.asarray(box.half_size, float)
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    uv: list[tuple[float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for side, (normal, right, down) in _SIDES.items():
        n, r, d = (np.asarray(axis, float) for axis in (normal, right, down))
        u0, v0, u1, v1 = (parts or {}).get(side, FULL)
        width, height = 1.0, 1.0
        if texture_span is not None:
            width, height = 2 * float(abs(r) @ half) / texture_span, 2 * float(abs(d) @ half) / texture_span
        first = len(vertices)
        for x, y in ((0, 0), (0, 1), (1, 1), (1, 0)):
            vertices.append((n + (2 * x - 1) * r + (2 * y - 1) * d) * half)
            normals.append(n)
            uv.append((u0 + x * width * (u1 - u0), v0 + y * height * (v1 - v0)))
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    mesh = Mesh(np.array(vertices), np.array(normals), np.array(uv), np.array(faces))
    return translated(mesh if box.quat == UPRIGHT else rotated(mesh, box.quat), box.centre)


def revolved(
    profile: Sequence[Point],
    slices: int,
    part: Rectangle = FULL,
    *,
    phase: float = 0.0,
    facets: bool = False,
    upright_texture: bool = False,
) -> Mesh:
    """Return a surface of revolution about z, round, oval or with flat sides.

    Args:
        profile: (radius, height) from the axis underneath, outside, to the axis on top; it may begin and end off the
            axis, then the surface is a ring and the last point must equal the first. A third number is the part of
            the radius that y keeps: an oval, or a gable.
        slices: sides around the axis.
        part: part of the texture; its x follows the angle, its y the profile's length from first to last point.
        phase: angle from x at which the texture's left edge lies, radians.
        facets: whether the sides are flat to the eye, too; radii then reach to their middle, not to the edges.
        upright_texture: the texture's y follows the height instead, from the top down.
    """
    points = np.array([(*point, 1.0)[:3] for point in profile])
    if facets:
        points[:, 0] *= 1 / math.cos(math.pi / slices)
    steps = np.diff(points[:, :2], axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    # The outward normal of a step (dr, dz) that goes around counter-clockwise in the (r, z) half plane is (dz, -dr).
    outward = np.stack([steps[:, 1], -steps[:, 0]], axis=1) / lengths[:, None]
    along = np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum()
    if upright_texture:
        along = (points[:, 1].max() - points[:, 1]) / np.ptp(points[:, 1])
    # With facets a side has corners of its own, so that its normal can be its own.
    turns = np.repeat(np.arange(slices + 1), 2)[1:-1] if facets else np.arange(slices + 1)
    angles = phase + 2 * math.pi * turns / slices
    facing = phase + 2 * math.pi * (np.repeat(np.arange(slices), 2) + 0.5) / slices if facets else angles
    cos, sin = np.cos(angles), np.sin(angles)
    u0, v0, u1, v1 = part
    width = len(turns)
    first = np.arange(0, width, 2) if facets else np.arange(slices)

    vertices, normals, uv, faces = [], [], [], []
    for i in range(len(steps)):
        for end in (i, i + 1):
            other = i - 1 if end == i else i + 1
            normal = outward[i]
            if 0 <= other < len(steps) and outward[i] @ outward[other] > _SMOOTH_COSINE:
                normal = outward[i] + outward[other]
                normal = normal / np.linalg.norm(normal)
            radius, height, oval = points[end]
            vertices.append(np.stack([radius * cos, oval * radius * sin, np.full_like(cos, height)], axis=1))
            leaning = np.stack(
                [oval * normal[0] * np.cos(facing), normal[0] * np.sin(facing), np.full_like(cos, oval * normal[1])],
                axis=1,
            )
            normals.append(leaning / np.maximum(np.linalg.norm(leaning, axis=1, keepdims=True), 1e-9))
            row = np.full_like(cos, v0 + along[end] * (v1 - v0))
            uv.append(np.stack([u0 + turns / slices * (u1 - u0), row], axis=1))
        lower = 2 * i * width + first
        upper = lower + width
        if points[i, 0] > 0:
            faces.append(np.stack([lower, lower + 1, upper + 1], axis=1))
        if points[i + 1, 0] > 0:
            faces.append(np.stack([lower, upper + 1, upper], axis=1))
    return Mesh(np.concatenate(vertices), np.concatenate(normals), np.concatenate(uv), np.concatenate(faces))


def translated(mesh: Mesh, offset: Point) -> Mesh:
    """Return the mesh shifted by `offset` (x, y, z) metres."""
    return Mesh(mesh.vertices + np.asarray(offset, float), mesh.normals, mesh.uv, mesh.faces)


def rotated(mesh: Mesh, quat: Point) -> Mesh:
    """Return the mesh rotated about the origin by a quaternion (w, x, y, z)."""
    w, x, y, z = quat
    matrix = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return Mesh(mesh.vertices @ matrix.T, mesh.normals @ matrix.T, mesh.uv, mesh.faces)
