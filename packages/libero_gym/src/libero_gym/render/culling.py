"""Leave out of an image what its camera cannot see: OpenGL would transform all its vertices, and find none inside.

Images stay the same to the last bit. A geometry is left out only where a box around it lies whole on the outer side of
one of the planes that bound the view, and so does its image in a mirror that is seen. MuJoCo's mirrors are planes, and
the tops of boxes, whose material has reflectance. Where there are shadows, mirrors without an end, or several that show
in each other, nothing is left out.

Axes: n geometries, p planes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import mujoco
import numpy as np

from libero_gym.render.geometry import SHOWN_GROUPS, clipping_planes

#: Of geometries that are left out for the time being; it is not among `SHOWN_GROUPS`.
HIDDEN_GROUP = 5
#: By which boxes are larger than their geometries, metres: OpenGL computes in float32.
MARGIN = 0.002


class ViewCulling:
    """Boxes around a model's shown geometries, n of them, in their own frames."""

    def __init__(self, model: mujoco.MjModel) -> None:
        """Measure the geometries of a model, decimated meshes as they are now."""
        shown = np.isin(model.geom_group, SHOWN_GROUPS)
        plane = model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
        # a plane has no end
        self._geoms, self._planes = np.flatnonzero(shown & ~plane), np.flatnonzero(shown & plane)
        self._boxes = np.flatnonzero(model.geom_type[self._geoms] == mujoco.mjtGeom.mjGEOM_BOX)
        """Indices into `_geoms`."""
        boxes = np.array([_box(model, int(geom)) for geom in self._geoms]).reshape(-1, 2, 3)
        self._centre, self._half = boxes[:, 0], boxes[:, 1] + MARGIN

    def out_of_view(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: int, scene: mujoco.MjvScene, aspect: float = 1.0
    ) -> np.ndarray:
        """Return the indices of geometries that a camera cannot see.

        Args:
            model: that this was made of.
            data: where its geometries and cameras are.
            camera: index of the camera.
            scene: what is rendered; its flags decide about shadows and mirrors.
            aspect: width over height of the image.
        """
        flags = scene.flags
        mirrors = self._boxes[:0]
        everything = flags[mujoco.mjtRndFlag.mjRND_SHADOW] and model.light_castshadow.any()
        if flags[mujoco.mjtRndFlag.mjRND_REFLECTION]:
            mirrors = self._boxes[_reflect(model, self._geoms[self._boxes])]
            everything = everything or len(mirrors) > 1 or _reflect(model, self._planes).any()
        if everything or model.cam_sensorsize[camera].any() or model.cam_orthographic[camera]:
            return self._geoms[:0]
        axes = data.geom_xmat[self._geoms].reshape(-1, 3, 3)
        origins = data.geom_xpos[self._geoms]
        centres = origins + (axes @ self._centre[..., None])[..., 0]
        normals, offsets = _planes_of_view(model, data, camera, aspect)
        outside = self._outside(normals, offsets, centres, axes)
        for mirror in mirrors[~outside[mirrors]]:
            up = axes[mirror][:, 2]
            half = self._half[mirror]
            top = centres[mirror] + half[2] * up
            # what shows there has its image in the view, and is seen from the eye's image through the mirror's edges
            turned = normals - 2 * np.outer(normals @ up, up), offsets - 2 * (top @ up) * (normals @ up)
            eye = data.cam_xpos[camera] - 2 * ((data.cam_xpos[camera] - top) @ up) * up
            across, along = half[0] * axes[mirror][:, 0], half[1] * axes[mirror][:, 1]
            edges = _pyramid(eye, top + np.array([across + along, across - along, -across - along, along - across]))
            outside = outside & (self._outside(*turned, centres, axes) | self._outside(*edges, centres, axes))
        return self._geoms[outside]

    def _outside(self, normals: np.ndarray, offsets: np.ndarray, centres: np.ndarray, axes: np.ndarray) -> np.ndarray:
        """Return (n,): whether boxes lie whole beyond one of p planes, where normals (p, 3) @ x > offsets (p,)."""
        reach = (np.abs(normals @ axes) @ self._half[..., None])[..., 0]
        return np.asarray((centres @ normals.T - offsets > reach).any(axis=1))


def _planes_of_view(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, aspect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return outward normals (5, 3) and offsets (5,) of the planes that bound a view, all but the far one."""
    up = np.tan(np.deg2rad(model.cam_fovy[camera]) / 2)
    # in the camera's frame, which looks along -z: right, left, top, bottom, behind
    normals = np.array([[1, 0, up * aspect], [-1, 0, up * aspect], [0, 1, up], [0, -1, up], [0, 0, 1.0]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals @ data.cam_xmat[camera].reshape(3, 3).T
    offsets = normals @ data.cam_xpos[camera]
    offsets[4] -= clipping_planes(model)[0]
    return normals, offsets


def _pyramid(tip: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return outward normals (4, 3) and offsets (4,) of the sides of a pyramid; `corners`: (4, 3), of its base."""
    edges = corners - tip
    normals = np.cross(edges, np.roll(edges, -1, axis=0))
    normals *= -np.sign(normals @ edges.mean(axis=0))[:, None]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    return normals, normals @ tip


def _reflect(model: mujoco.MjModel, geoms: np.ndarray) -> np.ndarray:
    """Return (n,): whether geometries have a material that reflects."""
    materials = model.geom_matid[geoms]
    return (materials >= 0) & (model.mat_reflectance[materials] > 0) if model.nmat else materials > model.ngeom


@contextlib.contextmanager
def left_out(model: mujoco.MjModel, geoms: np.ndarray) -> Iterator[None]:
    """Hide some geometries of a model from what is made of it within the context."""
    groups = model.geom_group[geoms]
    model.geom_group[geoms] = HIDDEN_GROUP
    try:
        yield
    finally:
        model.geom_group[geoms] = groups


def _box(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray]:
    """Return centre and half sizes, (3,) each, of a box around a geometry in its frame."""
    mesh = int(model.geom_dataid[geom])
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
        first = int(model.mesh_vertadr[mesh])
        # MuJoCo's own box is the original's, out of which a decimated mesh may reach
        vertices = model.mesh_vert[first : first + int(model.mesh_vertnum[mesh])]
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        return (low + high) / 2, (high - low) / 2
    return model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
