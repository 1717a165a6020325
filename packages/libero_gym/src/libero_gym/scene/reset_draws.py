"""Fixtures where a given reset of a LIBERO environment puts them; see `libero_gym.protocols`."""

from __future__ import annotations

import mujoco
import numpy as np

from libero_gym.protocols import Draw
from libero_gym.scene.build import Scene
from libero_gym.scene.fixtures import FixturePoses
from libero_gym.scene.placement import Sampler
from libero_gym.tasks.tables import SceneTable


class ResetDraws:
    """The resets of one task's LIBERO environment, sampled in their order; those that were asked for are kept."""

    def __init__(self, scene: Scene, model: mujoco.MjModel, table: SceneTable) -> None:
        """
        Args:
            scene: of the task.
            model: its compiled scene; only read.
            table: of the scene.
        """
        self._scene, self._model, self._table = scene, model, table
        self._generators: dict[tuple[int, int], np.random.RandomState] = {}
        self._poses: dict[tuple[int, int], list[FixturePoses]] = {}

    def poses(self, draw: Draw) -> FixturePoses:
        """Return where the fixtures stand after a reset."""
        key = draw.seed, draw.first
        known = self._poses.setdefault(key, [])
        rng = self._generators.setdefault(key, np.random.RandomState(draw.seed))
        while draw.first + len(known) <= draw.last:
            known.append(self._next(rng, draw.first + len(known)))
        return known[draw.last - draw.first]

    def _next(self, rng: np.random.RandomState, reset: int) -> FixturePoses:
        # the environment's first model, whose samplers stay, is that of its constructor
        sampler = Sampler(self._scene, self._model, self._table, rng, models=reset + 1)
        sampler.sample(mujoco.MjData(self._model))
        bodies, positions, quaternions = [], [], []
        for fixture in self._table.fixtures:
            name = self._model.body(fixture.body).name
            placed = next(
                placed
                for placed in sampler.placed.values()
                if not placed.item.movable and placed.item.root_body == name
            )
            bodies.append(fixture.body)
            positions.append(placed.position)
            quaternions.append(placed.quaternion)
        return FixturePoses(
            np.array(bodies, dtype=np.int64), np.array(positions).reshape(-1, 3), np.array(quaternions).reshape(-1, 4)
        )
