"""Sample points on the surface of a geometry, by its shape.

Axes: P points. Lengths are metres, in the geometry's own frame.
"""

from __future__ import annotations

import mujoco
import numpy as np

SPACING, COARSE_SPACING = 0.006, 0.012
"""Distance of neighbouring samples; at most the second on a box, so that no finger fits between samples of a face."""
MAX_SAMPLES = 600
"""Of a geometry; a large one is sampled more coarsely."""


def sample_surface(model: mujoco.MjModel, geom: int, rng: np.random.Generator) -> np.ndarray:
    """Return samples (P, 3) of a geometry's surface; none of a plane."""
    size = model.geom_size[geom]
    match model.geom_type[geom]:
        case mujoco.mjtGeom.mjGEOM_BOX:
            return sample_box(size)
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return sample_ellipsoid(np.array([size[0]] * 3))
        case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
            return sample_ellipsoid(size)
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            return sample_cylinder(size[0], size[1])
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            ball = sample_ellipsoid(np.array([size[0]] * 3))
            ends = [ball + np.array([0, 0, side * size[1]]) for side in (-1, 1)]
            return np.concatenate([sample_cylinder(size[0], size[1]), *ends])
        case mujoco.mjtGeom.mjGEOM_MESH:
            return _sample_mesh(model, int(model.geom_dataid[geom]), rng)
        case _:
            return np.zeros((0, 3))  # a plane: the floor, which no object comes near


def _grid(half: float, spacing: float) -> np.ndarray:
    return np.linspace(-half, half, max(2, int(np.ceil(2 * half / spacing)) + 1))


def sample_box(half: np.ndarray) -> np.ndarray:
    """Return samples (P, 3) of a box with half-sizes (3,)."""
    area = 8 * (half[0] * half[1] + half[1] * half[2] + half[0] * half[2])
    spacing = float(np.clip(np.sqrt(area / MAX_SAMPLES), SPACING, COARSE_SPACING))
    faces = []
    for axis in range(3):
        first, second = (other for other in range(3) if other != axis)
        grid = np.stack(np.meshgrid(_grid(half[first], spacing), _grid(half[second], spacing)), -1).reshape(-1, 2)
        for side in (-1, 1):
            face = np.empty((len(grid), 3))
            face[:, [first, second]] = grid
            face[:, axis] = side * half[axis]
            faces.append(face)
    return np.concatenate(faces)


def sample_ellipsoid(radii: np.ndarray) -> np.ndarray:
    """Return samples (P, 3) of an ellipsoid with radii (3,): a Fibonacci sphere, stretched."""
    count = int(np.clip(4 * np.pi * radii.max() ** 2 / SPACING**2, 40, MAX_SAMPLES))
    z = 1 - 2 * (np.arange(count) + 0.5) / count
    angle = np.pi * (1 + 5**0.5) * np.arange(count)
    across = np.sqrt(1 - z**2)
    return np.stack([across * np.cos(angle), across * np.sin(angle), z], -1) * radii


def sample_cylinder(radius: float, half: float) -> np.ndarray:
    """Return samples (P, 3) of a cylinder about z, with its discs."""
    spacing = max(SPACING, float(np.sqrt((4 * np.pi * radius * half + 2 * np.pi * radius**2) / MAX_SAMPLES)))
    around = np.linspace(0, 2 * np.pi, max(8, int(2 * np.pi * radius / spacing)), endpoint=False)
    side = np.array([[radius * np.cos(a), radius * np.sin(a), z] for a in around for z in _grid(half, spacing)])
    discs = [
        [r * np.cos(a), r * np.sin(a), end * half]
        for r in np.arange(0, radius, spacing)
        for a in np.linspace(0, 2 * np.pi, max(1, int(2 * np.pi * r / spacing)), endpoint=False)
        for end in (-1, 1)
    ]
    return np.concatenate([side, np.array(discs)]) if discs else side


def _sample_mesh(model: mujoco.MjModel, mesh: int, rng: np.random.Generator) -> np.ndarray:
    """Return random points (P, 3) on the triangles, as many on each as its area's share."""
    first, count = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    vertices = model.mesh_vert[model.mesh_vertadr[mesh] : model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh]]
    corners = vertices[model.mesh_face[first : first + count]].astype(float)
    areas = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    total = float(areas.sum())
    if total == 0:
        return vertices.astype(float)
    chosen = rng.choice(count, int(np.clip(total / SPACING**2, 40, MAX_SAMPLES)), p=areas / total)
    u, v = rng.random((2, len(chosen), 1))
    fold = u + v > 1  # outside the triangle: mirrored back into it
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    triangle = corners[chosen]
    return triangle[:, 0] + u * (triangle[:, 1] - triangle[:, 0]) + v * (triangle[:, 2] - triangle[:, 0])
