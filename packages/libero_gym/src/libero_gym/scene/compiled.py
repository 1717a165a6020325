"""A compiled scene on disk.

model.json  the MuJoCo model's parts  scene.json  its tables, `tasks.tables`
fast.npz    decimated visual meshes   states.npy  initial states, sampled as LIBERO does

The parts are files of a folder that all scenes of a cache share, `libero_gym.scene.model_parts`.
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
from libero_gym.scene.model_parts import model_of, shared_model
from libero_gym.scene.mujoco_log import route_warnings
from libero_gym.scene.shift_table import ShiftTable
from libero_gym.tasks.tables import SceneTable

#: The names of a model's parts.
MODEL = "model.json"
#: Of a shifted scene alone: its `shift_table.ShiftTable`.
SHIFT = "shift.json"


def parts_folder(scene: Path) -> Path:
    """Return where a cache has the parts of the models of its scenes, of which `scene` is the folder of one."""
    return scene.parents[1] / "parts"


@dataclass(frozen=True)
class CompiledScene:
    """One task, ready to be simulated."""

    #: What a folder must hold beside `scene.json`.
    FILES: ClassVar[tuple[str, ...]] = (MODEL, "fast.npz", "states.npy")

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

    @functools.cached_property
    def shift_table(self) -> ShiftTable:
        """What a shifted scene can show beside the task's own.

        Raises:
            OSError: the scene is no shifted one.
        """
        return ShiftTable.from_json(json.loads((self.folder / SHIFT).read_text()))

    def model_content(self) -> bytes:
        """Return the model as the content of a `.mjb` file.

        Raises:
            OSError: parts are missing.
        """
        return shared_model(json.loads((self.folder / MODEL).read_text()), parts_folder(self.folder))

    def _read_model(self) -> mujoco.MjModel:
        return model_of(self.model_content())

    @functools.cached_property
    def sampled_states(self) -> np.ndarray:
        """Initial states, sampled as LIBERO does, (M, 1 + nq + nv) float64; M = 0 for most suites."""
        states = np.load(self.folder / "states.npy")
        states.setflags(write=False)
        return states
