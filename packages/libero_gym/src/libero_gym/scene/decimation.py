"""Coarser visual meshes for the "fast" quality: software OpenGL spends its time on vertices, not on pixels.

Decimated meshes are stored beside a compiled scene and written into a model's own mesh arrays, which have space for
them. Frames of geometries stay as they are, so such a model renders the data of the original.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import mujoco
import numpy as np

#: Faces that a mesh keeps: a tenth, but never fewer than this; meshes with fewer than twice that stay whole.
SHARE = 0.1
FEWEST_FACES = 500
#: Coarser meshes by the SHA-256 of the originals; a kitchen's take 1 MB, most of it shared.
_MADE: dict[bytes, dict[str, np.ndarray]] = {}


def decimate(model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """Make coarser versions of a model's visual meshes.

    Returns:
        For each decimated mesh with index i: "vert_i" (P, 3) float32 and "face_i" (Q, 3) int32 as in MuJoCo's
        `mesh_vert` and `mesh_face`, "normal_i" (P, 3) float32, and "source_i" (P,) int32, the original vertex nearest
        to each, whose texture coordinate it takes; 0 without a texture.
    """
    textured = _textured_meshes(model)
    arrays: dict[str, np.ndarray] = {}
    for mesh in _visual_meshes(model):
        vertices, faces = _mesh(model, mesh)
        if len(faces) < 2 * FEWEST_FACES:
            continue
        coarser = _coarser(vertices, faces, mesh in textured)
        points, triangles = coarser["vert"], coarser["face"]
        if 0 < len(triangles) < len(faces) and len(points) <= min(len(vertices), model.mesh_normalnum[mesh]):
            arrays.update({f"{kind}_{mesh}": array for kind, array in coarser.items()})
    return arrays


def _coarser(vertices: np.ndarray, faces: np.ndarray, textured: bool) -> dict[str, np.ndarray]:
    """Return the four arrays of a mesh, from memory where this process has made them: scenes share most meshes."""
    key = hashlib.sha256(b"\0".join([vertices.tobytes(), faces.tobytes(), bytes([textured])])).digest()
    if key not in _MADE:
        points, triangles = simplified(vertices, faces, max(int(SHARE * len(faces)), FEWEST_FACES))
        near = _nearest(vertices, points) if textured else np.zeros(len(points))
        _MADE[key] = {
            "vert": points.astype(np.float32),
            "face": triangles.astype(np.int32),
            "normal": vertex_normals(points, triangles),
            "source": near.astype(np.int32),
        }
    return _MADE[key]


def simplified(vertices: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Decimate a mesh of vertices (P, 3) and faces (Q, 3) to about `count` faces by quadric errors."""
    import fast_simplification

    # MuJoCo duplicates vertices along seams; joined, the surface has no cracks to open.
    joined, inverse = np.unique(vertices, axis=0, return_inverse=True)
    welded = inverse.reshape(-1)[faces].astype(np.int32)
    if count >= len(faces):
        return joined, welded
    points, triangles = fast_simplification.simplify(joined, welded, target_count=count)[:2]
    return points, triangles


def apply(model: mujoco.MjModel, stored: Path) -> None:
    """Write decimated meshes, stored by `numpy.savez`, into a model that is used for images or for physics.

    Meshes that collide are not among them, so physics is the same.
    """
    with np.load(stored) as arrays:
        for key in arrays.files:
            kind, _, number = key.partition("_")
            if kind == "vert":
                mesh = int(number)
                write_mesh(model, mesh, *(arrays[f"{kind}_{mesh}"] for kind in ("vert", "face", "normal", "source")))


def write_mesh(
    model: mujoco.MjModel,
    mesh: int,
    points: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    source: np.ndarray,
) -> None:
    """Write a smaller mesh in the place of another.

    Args:
        model: its arrays have the space of the other mesh.
        mesh: its index.
        points: (P, 3) vertices.
        faces: (Q, 3).
        normals: (P, 3), unit.
        source: (P,) vertices of the other mesh, whose texture coordinates these take.
    """
    face, vertex, normal = int(model.mesh_faceadr[mesh]), int(model.mesh_vertadr[mesh]), int(model.mesh_normaladr[mesh])
    original = slice(face, face + int(model.mesh_facenum[mesh]))
    # A vertex may have several texture coordinates, one a face corner; any of them will do here.
    texcoord = np.zeros(int(model.mesh_vertnum[mesh]), dtype=np.int32)
    texcoord[model.mesh_face[original].ravel()] = model.mesh_facetexcoord[original].ravel()
    model.mesh_facetexcoord[face : face + len(faces)] = texcoord[source][faces]
    model.mesh_normal[normal : normal + len(points)] = normals
    model.mesh_facenormal[face : face + len(faces)] = faces
    model.mesh_vert[vertex : vertex + len(points)] = points
    model.mesh_face[face : face + len(faces)] = faces
    model.mesh_facenum[mesh] = len(faces)


def vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals of vertices, (P, 3) float32: the sum of their faces' normals, weighted by area."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    weighted = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], weighted)
    return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def _textured_meshes(model: mujoco.MjModel) -> set[int]:
    """Return the meshes of geometries whose material has a texture."""
    materials = model.geom_matid
    textured = (materials >= 0) & (model.mat_texid[materials] >= 0).any(axis=1)
    return {int(mesh) for mesh in model.geom_dataid[textured]}


def _nearest(vertices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the index of the vertex nearest to each point, (P,); of equally near ones the first.

    Vertices lie in the cells of a grid. What is within a cell's width of a point is in its cell or a neighbouring one;
    points with nothing as near as that are looked up again in a grid twice as coarse.
    """
    vertices, points = vertices.astype(np.float64), points.astype(np.float64)
    # a surface of n vertices covers some n cells of a grid with sqrt(n) a side
    width = max(float(np.ptp(vertices, axis=0).max()) / np.sqrt(len(vertices)), 1e-9)
    found = np.zeros(len(points), dtype=np.int64)
    left = np.arange(len(points))
    while len(left):
        near, apart = _nearest_in_neighbouring_cells(vertices, points[left], width)
        sure = apart < 0.999 * width
        found[left[sure]] = near[sure]
        left, width = left[~sure], 2 * width
    return found


def _nearest_in_neighbouring_cells(
    vertices: np.ndarray, points: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return of each point the nearest vertex in the 27 cells around it, (P,), and how far it is, (P,); inf: none."""
    low = vertices.min(axis=0)
    cells = np.floor((vertices - low) / width).astype(np.int64)
    counts = cells.max(axis=0) + 1
    keys = np.ravel_multi_index(tuple(cells.T), tuple(counts))
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    x, y, z = np.clip(np.floor((points - low) / width), -2, counts + 1).astype(np.int64).T
    rows, candidates = [], []
    for column in np.ndindex(3, 3):
        here = x + column[0] - 1, y + column[1] - 1
        # neighbours along z follow each other in the order
        bottom, top = np.maximum(z - 1, 0), np.minimum(z + 1, counts[2] - 1)
        inside = (here[0] >= 0) & (here[0] < counts[0]) & (here[1] >= 0) & (here[1] < counts[1]) & (bottom <= top)
        row = np.flatnonzero(inside)
        base = (here[0][row] * counts[1] + here[1][row]) * counts[2]
        first = np.searchsorted(ordered, base + bottom[row], "left")
        lengths = np.searchsorted(ordered, base + top[row], "right") - first
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
        rows.append(np.repeat(row, lengths))
        candidates.append(order[np.repeat(first, lengths) + within])
    row, candidate = np.concatenate(rows), np.concatenate(candidates)
    squared = ((vertices[candidate] - points[row]) ** 2).sum(axis=1)
    apart = np.full(len(points), np.inf)
    np.minimum.at(apart, row, squared)
    nearest = squared == apart[row]
    near = np.full(len(points), len(vertices))
    np.minimum.at(near, row[nearest], candidate[nearest])
    return near, np.sqrt(apart)


def _visual_meshes(model: mujoco.MjModel) -> list[int]:
    collides = (model.geom_contype != 0) | (model.geom_conaffinity != 0)
    is_mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    visual = set(model.geom_dataid[is_mesh & ~collides]) - set(model.geom_dataid[is_mesh & collides])
    return sorted(int(mesh) for mesh in visual)


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    vertex, face = int(model.mesh_vertadr[mesh]), int(model.mesh_faceadr[mesh])
    vertices = model.mesh_vert[vertex : vertex + int(model.mesh_vertnum[mesh])]
    return vertices, model.mesh_face[face : face + int(model.mesh_facenum[mesh])]
