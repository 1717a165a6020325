"""What the expert sees of a world: where things are, as points of their surfaces."""

from __future__ import annotations

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.geometry import Surfaces
from libero_gym.tasks.tables import Entity


class Sight:
    """Points of things, obstacles and supports of any world with one model."""

    def __init__(self, world: World) -> None:
        table = world.scene.table
        self.entities = {entity.name: entity for entity in table.entities}
        self._surfaces = Surfaces(world.model, table.robot.eef_body)
        self._geoms: dict[int, list[int]] = {}

    def thing(self, world: World, entity: Entity) -> np.ndarray:
        """(P, 3) points of an object or a fixture."""
        return self._surfaces.of_geoms(world.data, self._of(entity.body))

    def others(self, world: World, entity: Entity) -> np.ndarray:
        """(P, 3) points of everything else but the robot."""
        return self._surfaces.others(world.data, self._of(entity.body))

    def geoms(self, world: World, geoms: list[int]) -> np.ndarray:
        """(P, 3) points of some geometries."""
        return self._surfaces.of_geoms(world.data, geoms)

    def without(self, world: World, geoms: list[int]) -> np.ndarray:
        """(P, 3) points of everything but some geometries and the robot."""
        return self._surfaces.others(world.data, geoms)

    def fastest(self, world: World) -> float:
        """Speed of the fastest object, metres a second."""
        bodies = [entity.body for entity in self.entities.values() if entity.kind == "object"]
        if not bodies:
            return 0.0
        return float(np.linalg.norm(world.data.cvel[bodies, 3:], axis=1).max())

    def geoms_of_body(self, body: int) -> list[int]:
        """Geometries of a body and of what hangs on it."""
        return self._of(body)

    def _of(self, body: int) -> list[int]:
        if body not in self._geoms:
            self._geoms[body] = self._surfaces.geoms_of(body)
        return self._geoms[body]
