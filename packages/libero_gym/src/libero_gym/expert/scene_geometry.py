"""Point clouds of a scene: samples of the surfaces of a model's collision geometries, where they are now.

Axes: P points. Lengths are metres, world frame, z up.
"""

from __future__ import annotations

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.surface_sampling import sample_surface
from libero_gym.tasks.tables import Entity


class SceneGeometry:
    """Surface samples of every geometry that can collide, the robot's excepted; of any world that has this model."""

    def __init__(self, world: World) -> None:
        table, model = world.scene.table, world.model
        self.entities = {entity.name: entity for entity in table.entities}
        self._model = model
        self._geoms: dict[int, list[int]] = {}
        robot_root = model.body_rootid[table.robot.eef_body]
        rng = np.random.default_rng(0)
        self._local: dict[int, np.ndarray] = {}
        """Geometry -> (P, 3) in its own frame."""
        for geom in range(model.ngeom):
            collides = model.geom_contype[geom] or model.geom_conaffinity[geom]
            if collides and model.body_rootid[model.geom_bodyid[geom]] != robot_root:
                self._local[geom] = sample_surface(model, geom, rng)

    def points_of(self, world: World, entity: Entity) -> np.ndarray:
        """Return the points (P, 3) of an object or a fixture."""
        return self.points_of_geoms(world, self.geoms_of(entity.body))

    def obstacles_of(self, world: World, entity: Entity) -> np.ndarray:
        """Return the points (P, 3) of everything else but the robot."""
        return self.points_without(world, self.geoms_of(entity.body))

    def points_of_geoms(self, world: World, geoms: list[int]) -> np.ndarray:
        """Return the points (P, 3) of some geometries."""
        data = world.data
        parts = [
            self._local[geom] @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom]
            for geom in geoms
            if geom in self._local
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def points_without(self, world: World, geoms: list[int]) -> np.ndarray:
        """Return the points (P, 3) of everything but some geometries and the robot."""
        excluded = set(geoms)
        return self.points_of_geoms(world, [geom for geom in self._local if geom not in excluded])

    def geoms_of(self, body: int) -> list[int]:
        """Return the geometries of a body and of its descendants."""
        if body not in self._geoms:
            self._geoms[body] = [
                geom for geom in self._local if self._is_below(int(self._model.geom_bodyid[geom]), body)
            ]
        return self._geoms[body]

    def largest_speed(self, world: World) -> float:
        """Return the speed of the fastest object, metres a second."""
        bodies = [entity.body for entity in self.entities.values() if entity.kind == "object"]
        if not bodies:
            return 0.0
        return float(np.linalg.norm(world.data.cvel[bodies, 3:], axis=1).max())

    def _is_below(self, body: int, ancestor: int) -> bool:
        while body != 0:
            if body == ancestor:
                return True
            body = int(self._model.body_parentid[body])
        return ancestor == 0
