"""Where a task's objects stand at first, over all published initial states: what a shifted layout must keep free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.tables import Entity, SceneTable

#: Fixtures are sampled anew at every reset: how far they may be from where they are taken to be, metres.
FIXTURE_MARGIN = 0.02
#: How far the free area goes beyond what stands on the table or floor, metres.
_AROUND = 0.08
_SIGNS = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, 8).T


@dataclass(frozen=True)
class Box:
    """A rectangle in each of M initial states, metres, world frame; M = 1 of what does not move."""

    low: np.ndarray
    """(M, 2), x and y."""
    high: np.ndarray

    def moved(self, offset: np.ndarray) -> Box:
        """Return it moved by (2,) metres."""
        return Box(self.low + offset, self.high + offset)

    def wider(self, margin: float) -> Box:
        """Return it with so many metres more on each side."""
        return Box(self.low - margin, self.high + margin)

    def within(self, other: Box) -> Box:
        """Return the part of it that is in another box."""
        return Box(np.maximum(self.low, other.low), np.minimum(self.high, other.high))

    def around(self) -> Box:
        """Return the smallest rectangle around it in all states."""
        return Box(self.low.min(axis=0, keepdims=True), self.high.max(axis=0, keepdims=True))

    def gaps(self, other: Box) -> np.ndarray:
        """Return how far another box is in each state, (M,) metres; below 0 where they overlap."""
        return np.asarray(np.maximum(self.low - other.high, other.low - self.high).max(axis=-1))

    def distance(self, point: np.ndarray) -> float:
        """Return how far a point (2,) is in any state, metres; 0 inside."""
        outside = np.maximum(0, np.maximum(self.low - point, point - self.high))
        return float(np.linalg.norm(outside, axis=-1).min())


@dataclass(frozen=True)
class Footprints:
    """What the objects and fixtures of a task cover."""

    boxes: dict[str, Box]
    """By name; of an object in each of the states, of a fixture where it may be."""
    opened: tuple[Box, ...]
    """What fixtures cover with their drawers and doors open."""
    standing: tuple[str, ...]
    """Objects that begin on the table or floor itself."""
    loads: dict[str, tuple[str, ...]]
    """What begins on or in an object, and on or in that."""
    goal: tuple[Box, ...]
    """Parts of the table or floor that the goal names."""
    area: Box
    """In which objects may be put."""
    surface: Box
    """The table; without end on a floor."""

    @classmethod
    def measure(
        cls, model: mujoco.MjModel, table: SceneTable, definition: TaskDefinition, states: np.ndarray
    ) -> Footprints:
        """Measure a task's objects.

        Args:
            model: of the task's own scene; the poses of its fixtures are written.
            table: of the scene.
            definition: of the task.
            states: (M, 1 + nq + nv) published initial states.
        """
        middle_fixtures(model, table)
        data = mujoco.MjData(model)
        entities = [entity for entity in table.entities if entity.kind != "region"]
        geoms = {entity.name: _geoms(model, entity.body) for entity in entities}
        found: dict[str, list[Box]] = {entity.name: [] for entity in entities}
        for state in states:
            data.qpos[:] = state[1 : 1 + model.nq]
            mujoco.mj_kinematics(model, data)
            for entity in entities:
                found[entity.name].append(_box(model, data, geoms[entity.name]))
        boxes = {
            name: Box(np.concatenate([box.low for box in of]), np.concatenate([box.high for box in of]))
            for name, of in found.items()
        }
        for entity in entities:
            if entity.kind == "fixture":
                boxes[entity.name] = boxes[entity.name].around().wider(FIXTURE_MARGIN)
        opened = tuple(_opened(model, data, entities, geoms))
        sites = {
            entity.name: _site(data, entity)
            for entity in table.entities
            if entity.kind == "region" and not entity.parent
        }
        named = {argument for predicate in table.goal for argument in predicate.arguments}
        standing, loads = _supports(definition)
        parts = [*(boxes[name].around() for name in standing), *sites.values()]
        whole = Box(np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts]))
        surface = _surface(model, data, table)
        area = surface.within(whole.around().wider(_AROUND))
        goal = tuple(sites[name] for name in sites if name in named)
        return cls(boxes, opened, standing, loads, goal, area, surface)


def _site(data: mujoco.MjData, region: Entity) -> Box:
    centre, half = data.site_xpos[region.site, :2], np.array(region.size[:2])
    return Box((centre - half)[None], (centre + half)[None])


def middle_fixtures(model: mujoco.MjModel, table: SceneTable) -> None:
    """Put the fixtures into the middles of their first regions, in the model."""
    for fixture in table.fixtures:
        angle = sum(fixture.angle) / 2
        model.body_pos[fixture.body] = [np.mean(fixture.x_ranges[0]), np.mean(fixture.y_ranges[0]), fixture.z]
        model.body_quat[fixture.body] = [np.cos(angle / 2), 0, 0, np.sin(angle / 2)]


def _supports(definition: TaskDefinition) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Return what begins on the table or floor itself, and what is on or in each object, directly or not."""
    below: dict[str, str] = {}
    workspace = set(definition.fixtures) - {atom.arguments[0] for atom in definition.init}
    for atom in definition.init:
        if atom.name in ("on", "in") and atom.arguments[0] in definition.objects:
            region = definition.regions.get(atom.arguments[1])
            below[atom.arguments[0]] = region.target if region is not None else atom.arguments[1]
    standing = tuple(name for name, support in below.items() if support in workspace)

    def above(name: str) -> tuple[str, ...]:
        found = [load for load, support in below.items() if support == name]
        return tuple(loaded for load in found for loaded in (load, *above(load)))

    return standing, {name: above(name) for name in definition.objects}


def _geoms(model: mujoco.MjModel, root: int) -> np.ndarray:
    """Return the geometries of a body and of those below it."""
    bodies = {root}
    for body in range(root + 1, model.nbody):
        if int(model.body_parentid[body]) in bodies:
            bodies.add(body)
    return np.flatnonzero(np.isin(model.geom_bodyid, list(bodies)))


def _box(model: mujoco.MjModel, data: mujoco.MjData, geoms: np.ndarray) -> Box:
    corners = model.geom_aabb[geoms, None, :3] + _SIGNS * model.geom_aabb[geoms, None, 3:]
    turned = np.einsum("gij,gcj->gci", data.geom_xmat[geoms].reshape(-1, 3, 3), corners)
    points = (data.geom_xpos[geoms, None] + turned)[..., :2].reshape(-1, 2)
    return Box(points.min(axis=0, keepdims=True), points.max(axis=0, keepdims=True))


def _opened(
    model: mujoco.MjModel, data: mujoco.MjData, entities: list[Entity], geoms: dict[str, np.ndarray]
) -> Iterator[Box]:
    """Yield what drawers and doors cover at both ends of their ranges."""
    for end in range(2):
        for entity in entities:
            for address in entity.joint_qpos:
                joint = int(np.flatnonzero(model.jnt_qposadr == address)[0])
                data.qpos[address] = model.jnt_range[joint, end]
        mujoco.mj_kinematics(model, data)
        yield from (
            _box(model, data, geoms[entity.name]).wider(FIXTURE_MARGIN) for entity in entities if entity.joint_qpos
        )


def _surface(model: mujoco.MjModel, data: mujoco.MjData, table: SceneTable) -> Box:
    """Return the table: the widest box that no object and no robot has."""
    owned = {int(geom) for entity in table.entities if entity.body >= 0 for geom in _geoms(model, entity.body)}
    robot = set(_geoms(model, int(model.body_rootid[table.robot.eef_body])).tolist())
    tops = [
        _box(model, data, np.array([geom]))
        for geom in np.flatnonzero((model.geom_contype > 0) & (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX))
        if int(geom) not in owned | robot and model.geom_bodyid[geom] != 0
    ]
    if not tops:
        return Box(np.full((1, 2), -np.inf), np.full((1, 2), np.inf))
    return max(tops, key=lambda box: float(np.prod(box.high - box.low)))
