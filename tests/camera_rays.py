"""Rays through pixel centres, intersected with what a camera sees without OpenGL."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

#: mjtGeom groups that are rendered, as `mj_ray` takes them.
SHOWN = np.array([0, 1, 1, 0, 0, 0], dtype=np.uint8)
MESH = int(mujoco.mjtGeom.mjGEOM_MESH)


class Hits(NamedTuple):
    """What rays meet first."""

    depth: np.ndarray
    """(n,) metres along the optical axis; infinity where there is nothing."""
    geom: np.ndarray
    """(n,) geom ids, -1 where there is nothing."""


def camera_rays(model, data, camera, size, rows, columns, *, mirrored):
    """The camera's centre (3,) and directions (n, 3), world frame, as long as one metre along the optical axis.

    MuJoCo's cameras look along -z with y up. A square image of S rows spans the angle fovy: in the plane z = -1 a pixel
    is 2 tan(fovy / 2) / S wide. Pixel (row, column) has its centre (column + 1/2 - S/2, S/2 - row - 1/2) pixels from
    the middle; in a mirrored image, as far to the other side.
    """
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
    width = 2 * np.tan(np.deg2rad(model.cam_fovy[index]) / 2) / size
    x, y = (columns + 0.5 - size / 2) * width, (size / 2 - rows - 0.5) * width
    local = np.stack([-x if mirrored else x, y, -np.ones(len(rows))], axis=1)
    return data.cam_xpos[index].copy(), local @ data.cam_xmat[index].reshape(3, 3).T


def mujoco_hits(model, data, centre, directions) -> Hits:
    """What MuJoCo's own `mj_ray` meets. It misses some triangles of meshes, and meets triangles from behind."""
    depth, geom, found = np.full(len(directions), np.inf), np.full(len(directions), -1), np.zeros(1, dtype=np.int32)
    for ray, direction in enumerate(directions):
        length = np.linalg.norm(direction)
        distance = mujoco.mj_ray(model, data, centre, direction / length, SHOWN, 1, -1, found)
        if distance >= 0:
            depth[ray], geom[ray] = distance / length, found[0]
    return Hits(depth, geom)


def exact_hits(model, data, centre, directions) -> Hits:
    """The same by going through all geoms, and through all triangles of meshes that face the camera."""
    nearest = Hits(np.full(len(directions), np.inf), np.full(len(directions), -1))
    alpha = np.where(model.geom_matid < 0, model.geom_rgba[:, 3], model.mat_rgba[model.geom_matid, 3])
    for geom in np.flatnonzero((SHOWN[model.geom_group] > 0) & (alpha > 0)):
        pose = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3)
        if model.geom_type[geom] == MESH:
            depth = mesh_depth(model, geom, centre, directions, *pose)
        else:
            size, kind = model.geom_size[geom], model.geom_type[geom]
            depth = np.array(
                [mujoco.mju_rayGeom(pose[0], pose[1].reshape(9), size, centre, ray, kind) for ray in directions]
            )
            depth[depth < 0] = np.inf
        nearer = depth < nearest.depth
        nearest.depth[nearer], nearest.geom[nearer] = depth[nearer], geom
    return nearest


def mesh_depth(model, geom, centre, directions, position, rotation):
    """Distances (n,) to a mesh's first front face, in lengths of the rays, after Möller and Trumbore (1997)."""
    depth = np.full(len(directions), np.inf)
    # A ray p + t d passes the bounding sphere's centre at the distance |(c - p) x d| / |d|.
    across = np.linalg.norm(np.cross(position - centre, directions), axis=1) / np.linalg.norm(directions, axis=1)
    mesh = model.geom_dataid[geom]
    start, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    vertices = model.mesh_vert[start : start + count].astype(float)
    faces = model.mesh_face[model.mesh_faceadr[mesh] : model.mesh_faceadr[mesh] + model.mesh_facenum[mesh]]
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    origin = (centre - position) @ rotation
    radius = np.linalg.norm(vertices, axis=1).max()
    for ray in np.flatnonzero(across < radius):
        direction = directions[ray] @ rotation
        h, s = np.cross(direction, c - a), origin - a
        determinant = ((b - a) * h).sum(axis=1)  # above 0: the ray meets the front
        q = np.cross(s, b - a)
        with np.errstate(all="ignore"):  # triangles that are seen edge-on, which `determinant > 0` leaves out
            u, v = (s * h).sum(axis=1) / determinant, q @ direction / determinant
            t = ((c - a) * q).sum(axis=1) / determinant
            hit = (determinant > 0) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0)
        depth[ray] = t[hit].min(initial=np.inf)
    return depth
