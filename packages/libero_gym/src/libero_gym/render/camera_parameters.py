"""Where the cameras are and how they project: what `info["camera_parameters"]` says.

    info["camera_parameters"]["agentview"]["intrinsics"]    (3, 3) float64, pixels
    info["camera_parameters"]["agentview"]["extrinsics"]    (4, 4) float64, metres: world from camera

They are of the moment that the observation shows, and of its images as they are returned. With a world point X (3,):

    x, y, z, _ = inverse(extrinsics) @ [*X, 1]      camera frame, OpenCV's: x to the right, y down, z forward
    u, v, _ = intrinsics @ [x / z, y / z, 1]        column and row

The point is seen in image[round(v), round(u)], if nothing is in front of it. `z` is what the depth image has there.
Pixel centres are whole numbers, as in OpenCV, so the principal point is ((W - 1) / 2, (H - 1) / 2). Images in
orientation "rot180" are mirrored, left and right. No rotation does that: the extrinsics stay a rigid motion, and the
first entry of the intrinsics is negative there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import mujoco
import numpy as np

from libero_gym.engine.world import World
from libero_gym.render.renderer import CAMERAS

#: MuJoCo's camera frame has y up and looks along -z; OpenCV's has y down and looks along z.
_OPENCV_AXES = np.diag([1.0, -1.0, -1.0])


def camera_parameters(
    world: World, cameras: Iterable[str], image_size: int, image_orientation: str
) -> dict[str, dict[str, np.ndarray]]:
    """Return the parameters of some cameras at the moment that observations show.

    Args:
        world: the world that they look at.
        cameras: of `CAMERAS`.
        image_size: height and width of the images, pixels.
        image_orientation: "rot180" or "upright".

    Returns:
        For each camera `intrinsics` (3, 3) and `extrinsics` (4, 4), new arrays.
    """
    parameters = {}
    with world.observed() as data:
        for camera in cameras:
            index = mujoco.mj_name2id(world.model, mujoco.mjtObj.mjOBJ_CAMERA, CAMERAS[camera][1])
            extrinsics = np.eye(4)
            extrinsics[:3, :3] = data.cam_xmat[index].reshape(3, 3) @ _OPENCV_AXES
            extrinsics[:3, 3] = data.cam_xpos[index]
            fovy = math.radians(world.model.cam_fovy[index])
            parameters[camera] = {
                "intrinsics": _intrinsics(fovy, image_size, image_orientation),
                "extrinsics": extrinsics,
            }
    return parameters


def _intrinsics(fovy: float, size: int, orientation: str) -> np.ndarray:
    """Return the matrix of a square image whose height spans `fovy`, radians."""
    focal_length, centre = size / 2 / math.tan(fovy / 2), (size - 1) / 2
    sign = -1.0 if orientation == "rot180" else 1.0
    return np.array([[sign * focal_length, 0.0, centre], [0.0, focal_length, centre], [0.0, 0.0, 1.0]])
