"""A compiled scene on disk.

model.mjb   the MuJoCo model          scene.json  its tables, `tasks.tables`
fast.npz    decimated visual meshes   states.npy  initial states, sampled as LIBERO does
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import mujoco
import numpy as np

from libero_gym.scene.decimation import apply
from libero_gym.scene.mujoco_log import route_warnings
from libero_gym.tasks.tables import SceneTable


@dataclass(frozen=True)
class CompiledScene:
    """One task, ready to be simulated."""

    #: What a folder must hold beside `scene.json`.
    FILES: ClassVar[tuple[str, ...]] = ("model.mjb", "fast.npz", "states.npy")

    folder: Path
    table: SceneTable

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the tables of a scene's folder.

        Raises:
            OSError, ValueError, KeyError, TypeError: the folder is not a whole scene of this version.
        """
        table = SceneTable.from_json(json.loads((folder / "scene.json").read_text()))
        for name in cls.FILES:
            if not (folder / name).is_file():
                raise OSError(f"{folder} lacks {name}")
        return cls(folder, table)

    def load_model(self, *, decimated: bool = False) -> mujoco.MjModel:
        """Return a new copy of the model; worlds write their fixture poses into it, so threads must not share one.

        Args:
            decimated: with coarser visual meshes, for the "fast" quality; physics is the same.
        """
        route_warnings()
        model = self._read_model()
        if decimated:
            apply(model, self.folder / "fast.npz")
        return model

    def _read_model(self) -> mujoco.MjModel:
        return mujoco.MjModel.from_binary_path(str(self.folder / "model.mjb"))

    @functools.cached_property
    def sampled_states(self) -> np.ndarray:
        """Initial states, sampled as LIBERO does, (M, 1 + nq + nv) float64; M = 0 for most suites."""
        states = np.load(self.folder / "states.npy")
        states.setflags(write=False)
        return states
