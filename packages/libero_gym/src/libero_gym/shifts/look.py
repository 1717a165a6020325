"""What a shift writes into a task's model: cameras, lights, colours and materials, and which objects take part.

Worlds of one thread share a model, so each keeps the look of its episode and writes it when it takes the model.
"""

from __future__ import annotations

import mujoco
import numpy as np

_ARRAYS = (
    *("cam_pos", "cam_quat", "cam_fovy", "light_pos", "light_dir", "light_diffuse", "light_specular"),
    *("geom_matid", "geom_rgba", "geom_group", "geom_contype", "geom_conaffinity", "body_gravcomp"),
)
_HEADLIGHT = ("ambient", "diffuse", "specular")


class Look:
    """Copies of the arrays of a model that shifts change, to be changed and written back."""

    cam_pos: np.ndarray
    cam_quat: np.ndarray
    cam_fovy: np.ndarray
    light_pos: np.ndarray
    light_dir: np.ndarray
    light_diffuse: np.ndarray
    light_specular: np.ndarray
    geom_matid: np.ndarray
    geom_rgba: np.ndarray
    geom_group: np.ndarray
    geom_contype: np.ndarray
    geom_conaffinity: np.ndarray
    body_gravcomp: np.ndarray
    ambient: np.ndarray
    """Of the headlight, as are the next two."""
    diffuse: np.ndarray
    specular: np.ndarray

    def __init__(self, model: mujoco.MjModel) -> None:
        """
        Args:
            model: whose arrays are copied, as its scene has them.
        """
        for name in _ARRAYS:
            setattr(self, name, getattr(model, name).copy())
        for name in _HEADLIGHT:
            setattr(self, name, getattr(model.vis.headlight, name).copy())

    def copy(self) -> Look:
        """Return a look of its own."""
        made = Look.__new__(Look)
        for name in (*_ARRAYS, *_HEADLIGHT):
            setattr(made, name, getattr(self, name).copy())
        return made

    def write(self, model: mujoco.MjModel) -> None:
        """Put it into a model; it takes some 10 microseconds."""
        for name in _ARRAYS:
            getattr(model, name)[:] = getattr(self, name)
        for name in _HEADLIGHT:
            getattr(model.vis.headlight, name)[:] = getattr(self, name)
