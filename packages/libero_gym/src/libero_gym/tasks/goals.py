"""LIBERO's goal predicates, evaluated from index tables instead of names.

The conditions are those of LIBERO's `envs/object_states` and `envs/predicates`, with its constants. Two of them
surprise: `On` of a region of the table has no contact test, and `On` of an object wants their centres within 3 cm.
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.tasks.tables import Entity, SceneTable

Test = Callable[[mujoco.MjData], bool]

#: `On` an object: largest horizontal distance of the two bodies.
ON_DISTANCE = 0.03
#: `On` a region: the body's height above the region's upper face, lower and upper bound.
ON_REGION_BELOW, ON_REGION_ABOVE = 0.005, 0.10
#: `In` a region: how far below its lower face a body still counts.
IN_REGION_BELOW = 0.01
#: `Up`: height of the body above the floor.
UP_HEIGHT = 1.0


class Goal:
    """The conjunction of a task's predicates."""

    def __init__(self, table: SceneTable, model: mujoco.MjModel) -> None:
        """
        Raises:
            SceneError: the goal has a predicate that is not known here.
        """
        self._entities = {entity.name: entity for entity in table.entities}
        self._ngeom = model.ngeom
        self._tests = [self._test(atom.name, [self._entity(name) for name in atom.arguments]) for atom in table.goal]

    def holds(self, data: mujoco.MjData) -> bool:
        """Return whether all predicates hold."""
        return all(test(data) for test in self._tests)

    def satisfied(self, data: mujoco.MjData) -> list[bool]:
        """Return which predicates hold, in the goal's order."""
        return [test(data) for test in self._tests]

    def _entity(self, name: str) -> Entity:
        try:
            return self._entities[name]
        except KeyError:
            raise SceneError(f"the goal names {name!r}; the scene has {', '.join(self._entities)}") from None

    def _test(self, predicate: str, entities: list[Entity]) -> Test:
        match predicate, entities:
            case "on", [entity, support]:
                return (
                    self._on_region(entity, support) if support.kind == "region" else self._on_object(entity, support)
                )
            case "in", [entity, region] if region.kind == "region":
                return self._in_region(entity, region)
            case "open" | "close" | "turnon" | "turnoff", [entity] if predicate in entity.conditions:
                return _joint_condition(entity, predicate)
            case "up", [entity]:
                return lambda data: bool(data.xpos[entity.body, 2] >= UP_HEIGHT)
        arguments = ", ".join(entity.name for entity in entities)
        raise SceneError(
            f"the goal {predicate}({arguments}) is not known; known: on, in, open, close, turnon, turnoff, up"
        )

    def _on_object(self, entity: Entity, support: Entity) -> Test:
        touching = self._contact(entity, support)
        body, below = entity.body, support.body

        def test(data: mujoco.MjData) -> bool:
            upper, lower = data.xpos[body], data.xpos[below]
            return bool(
                lower[2] <= upper[2]
                and np.hypot(upper[0] - lower[0], upper[1] - lower[1]) < ON_DISTANCE
                and touching(data)
            )

        return test

    def _on_region(self, entity: Entity, region: Entity) -> Test:
        touching = self._contact(entity, self._entities[region.parent]) if region.parent else None
        size = np.array(region.size)

        def test(data: mujoco.MjData) -> bool:
            offset = data.site_xmat[region.site].reshape(3, 3) @ (data.xpos[entity.body] - data.site_xpos[region.site])
            above = size[2] - ON_REGION_BELOW < offset[2] < size[2] + ON_REGION_ABOVE
            return bool(above and (np.abs(offset[:2]) < size[:2]).all() and (touching is None or touching(data)))

        return test

    def _in_region(self, entity: Entity, region: Entity) -> Test:
        size = np.array(region.size)

        def test(data: mujoco.MjData) -> bool:
            half = np.abs(data.site_xmat[region.site].reshape(3, 3) @ size)
            offset = data.xpos[entity.body] - data.site_xpos[region.site]
            lower = -half
            lower[2] -= IN_REGION_BELOW
            return bool((offset > lower).all() and (offset < half).all())

        return test

    def _contact(self, first: Entity, second: Entity) -> Test:
        """Make the test whether a geometry of the first touches a geometry of the second."""
        side = np.zeros(self._ngeom, dtype=np.int8)
        side[first.contact_geoms] = 1
        side[second.contact_geoms] = 2

        def test(data: mujoco.MjData) -> bool:
            pairs = side[data.contact.geom]
            return bool((pairs.sum(axis=1) == 3).any())

        return test


def _joint_condition(entity: Entity, name: str) -> Test:
    """Make the test of joints: "open" and "turnon" hold when any meets its condition, the others when all do."""
    condition, joints = entity.conditions[name], entity.joint_qpos
    combine = any if name in ("open", "turnon") else all
    return lambda data: combine(condition.holds(data.qpos[joint]) for joint in joints)
