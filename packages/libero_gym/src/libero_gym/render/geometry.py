"""Depth and segmentation: from what OpenGL's buffers hold to metres and geom ids.

Both come from one pass over the scene, apart from the colour image: MuJoCo's segmentation rendering. It does not use
multisampling, so that each pixel has the depth and the id of the one surface at its centre, never a mean of two. Only
geoms are rendered in it, no sites, such as a lit burner's red disc; what is half transparent counts as opaque.

Depth is the distance of that surface from the camera's plane, along the optical axis, as depth cameras give it and
robosuite's `get_real_depth_map`. Where there is nothing, it is the far clipping plane's, `zfar * extent` of the model.
MuJoCo clips what is nearer than `znear * extent`, about 1 cm in LIBERO's scenes.
"""

from __future__ import annotations

import mujoco
import numpy as np

#: Groups of geoms that are rendered; collision shapes are in group 0.
SHOWN_GROUPS = (1, 2)
#: What a segmentation says of a pixel without a geom.
BACKGROUND = -1


def clipping_planes(model: mujoco.MjModel) -> tuple[float, float]:
    """Return the distances of the near and the far clipping plane from a camera, metres."""
    extent = model.stat.extent
    return model.vis.map.znear * extent, model.vis.map.zfar * extent


def metres(buffer: np.ndarray, near: float, far: float) -> np.ndarray:
    """Return distances along the optical axis, float64, of a depth buffer's values.

    The buffer is the reversed one, `mjDEPTH_ZEROFAR`: 1 at the near plane and 0 at the far one, where 32-bit floats are
    densest. A perspective projection has b = near (far - z) / (z (far - near)), so that
    z = near far / (near + b (far - near)).

    Args:
        buffer: float32, of any shape.
        near, far: see `clipping_planes`.
    """
    return near * far / (near + buffer.astype(np.float64) * (far - near))


def geom_ids(colours: np.ndarray, scene: mujoco.MjvScene) -> np.ndarray:
    """Return the geoms, int32, `BACKGROUND` where there is none, of a segmentation's colours.

    Args:
        colours: (..., 3) uint8, rendered with `mjRND_IDCOLOR`: the number in the scene plus one, lowest byte in red.
        scene: what was rendered.
    """
    numbers = colours[..., 0].astype(np.int32)
    numbers += colours[..., 1].astype(np.int32) << 8
    numbers += colours[..., 2].astype(np.int32) << 16
    ids = np.full(scene.ngeom + 1, BACKGROUND, dtype=np.int32)
    for geom in scene.geoms[: scene.ngeom]:
        if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM:
            ids[geom.segid + 1] = geom.objid
    return ids[numbers]
