"""What can be touched, as points: samples of the surfaces of a model's collision geometries.

Axes: P points. Lengths are metres, world frame, z up.
"""

from __future__ import annotations

import mujoco
import numpy as np

SPACING, COARSE_SPACING = 0.006, 0.012
"""Distance of neighbouring samples; at most the second on a box, whose faces must not let a finger through."""
MOST = 600
"""Samples of one geometry; a large one is sampled more coarsely."""


class Surfaces:
    """Surface samples of every geometry that touches something, but for the robot's."""

    def __init__(self, model: mujoco.MjModel, robot_body: int) -> None:
        """`robot_body`: any body of the robot; all that hang on its root are left out."""
        self._model = model
        root = model.body_rootid[robot_body]
        rng = np.random.default_rng(0)
        self._local: dict[int, np.ndarray] = {}
        for geom in range(model.ngeom):
            touches = model.geom_contype[geom] or model.geom_conaffinity[geom]
            if touches and model.body_rootid[model.geom_bodyid[geom]] != root:
                self._local[geom] = _sample(model, geom, rng)

    def of_geoms(self, data: mujoco.MjData, geoms: list[int]) -> np.ndarray:
        """(P, 3) points of some geometries where they are now."""
        parts = [self._at(data, geom) for geom in geoms if geom in self._local]
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def of_body(self, data: mujoco.MjData, body: int) -> np.ndarray:
        """(P, 3) points of a body and of all that hangs on it."""
        return self.of_geoms(data, self.geoms_of(body))

    def geoms_of(self, body: int) -> list[int]:
        """The geometries of a body and of all that hangs on it."""
        return [geom for geom in self._local if self._hangs_on(int(self._model.geom_bodyid[geom]), body)]

    def others(self, data: mujoco.MjData, geoms: list[int]) -> np.ndarray:
        """(P, 3) points of everything but some geometries."""
        left_out = set(geoms)
        return self.of_geoms(data, [geom for geom in self._local if geom not in left_out])

    def _hangs_on(self, body: int, root: int) -> bool:
        while body != 0:
            if body == root:
                return True
            body = int(self._model.body_parentid[body])
        return root == 0

    def _at(self, data: mujoco.MjData, geom: int) -> np.ndarray:
        return self._local[geom] @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]


def _sample(model: mujoco.MjModel, geom: int, rng: np.random.Generator) -> np.ndarray:
    """(P, 3) in the geometry's own frame."""
    size = model.geom_size[geom]
    match model.geom_type[geom]:
        case mujoco.mjtGeom.mjGEOM_BOX:
            return _box(size)
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return _round(np.array([size[0]] * 3))
        case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
            return _round(size)
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            return _cylinder(size[0], size[1])
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            ball = _round(np.array([size[0]] * 3))
            ends = [ball + np.array([0, 0, side * size[1]]) for side in (-1, 1)]
            return np.concatenate([_cylinder(size[0], size[1]), *ends])
        case mujoco.mjtGeom.mjGEOM_MESH:
            return _mesh(model, int(model.geom_dataid[geom]), rng)
        case _:
            return np.zeros((0, 3))  # a plane: the floor, which nothing here comes near


def _steps(half: float, spacing: float) -> np.ndarray:
    return np.linspace(-half, half, max(2, int(np.ceil(2 * half / spacing)) + 1))


def _box(half: np.ndarray) -> np.ndarray:
    area = 8 * (half[0] * half[1] + half[1] * half[2] + half[0] * half[2])
    spacing = float(np.clip(np.sqrt(area / MOST), SPACING, COARSE_SPACING))
    faces = []
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        grid = np.stack(np.meshgrid(_steps(half[first], spacing), _steps(half[second], spacing)), -1).reshape(-1, 2)
        for side in (-1, 1):
            face = np.empty((len(grid), 3))
            face[:, [first, second]] = grid
            face[:, axis] = side * half[axis]
            faces.append(face)
    return np.concatenate(faces)


def _round(radii: np.ndarray) -> np.ndarray:
    # Fibonacci's sphere
    count = int(np.clip(4 * np.pi * radii.max() ** 2 / SPACING**2, 40, MOST))
    z = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], -1) * radii


def _cylinder(radius: float, half: float) -> np.ndarray:
    spacing = max(SPACING, float(np.sqrt((4 * np.pi * radius * half + 2 * np.pi * radius**2) / MOST)))
    around = np.linspace(0, 2 * np.pi, max(8, int(2 * np.pi * radius / spacing)), endpoint=False)
    side = np.array([[radius * np.cos(a), radius * np.sin(a), z] for a in around for z in _steps(half, spacing)])
    discs = [
        [r * np.cos(a), r * np.sin(a), end * half]
        for r in np.arange(0, radius, spacing)
        for a in np.linspace(0, 2 * np.pi, max(1, int(2 * np.pi * r / spacing)), endpoint=False)
        for end in (-1, 1)
    ]
    return np.concatenate([side, np.array(discs)]) if discs else side


def _mesh(model: mujoco.MjModel, mesh: int, rng: np.random.Generator) -> np.ndarray:
    """Random points on the triangles, each in proportion to its area."""
    first, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] : model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh]]
    corners = vertices[model.mesh_face[first : first + count]].astype(float)
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    total = float(areas.sum())
    if total == 0:
        return vertices.astype(float)
    chosen = rng.choice(count, int(np.clip(total / SPACING**2, 40, MOST)), p=areas / total)
    u, v = rng.random((2, len(chosen), 1))
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    at = corners[chosen]
    return at[:, 0] + u * (at[:, 1] - at[:, 0]) + v * (at[:, 2] - at[:, 0])
