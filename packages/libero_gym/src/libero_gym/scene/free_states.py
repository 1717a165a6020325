"""Sample initial states in which nothing overlaps: LIBERO's sampler, and MuJoCo's collisions as the judge.

    seed i --> Sampler --> lifted out of the floor --> contacts, with fixtures where they were sampled and at the
                 ^                                        |             ends of their ranges
                 +-------------- sampled again -----------+-- overlaps                     --> state number i

LIBERO keeps circles apart, which says nothing of long objects, of the robot's hand, or of a fixture that is placed
after an object. Its own tasks were made by hand so that this is enough, but for those on the floor, where upright
bottles begin 2 cm in it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.scene.build import Scene
from libero_gym.scene.placement import Sampler
from libero_gym.tasks.tables import SceneTable

#: Depth of a contact that counts as overlap, metres; what rests on a surface sinks in by less than half a millimetre.
OVERLAP = 0.002
#: How an object is lifted out of the workspace: gap that is left, metres, and rounds of looking and lifting.
_GAP, _ROUNDS = 0.001, 4
#: Samples of a state before the scene counts as too full, and samples in which an object finds no room at all.
_ATTEMPTS, _FULL = 100, 3


_WORKSPACE = "the workspace"


def sample_free_states(scene: Scene, model: mujoco.MjModel, table: SceneTable, count: int) -> np.ndarray:
    """Sample initial states without overlaps, number i from seed i alone.

    Returns:
        (count, 1 + nq + nv) float64: [time, qpos, qvel].

    Raises:
        SceneError: objects do not find room, or overlap in every sample.
    """
    model = copy.copy(model)
    data = mujoco.MjData(model)
    states = np.empty((count, 1 + model.nq + model.nv))
    overlaps = Overlaps(scene, model, table)
    for seed in range(count):
        states[seed] = _free_state(scene, model, data, table, overlaps, seed)
    return states


def _free_state(
    scene: Scene, model: mujoco.MjModel, data: mujoco.MjData, table: SceneTable, overlaps: Overlaps, seed: int
) -> np.ndarray:
    met: Counter[tuple[str, str]] = Counter()
    full = 0
    for attempt in range(_ATTEMPTS):
        mujoco.mj_resetData(model, data)
        # the first sample is what LIBERO would take
        sampler = Sampler(scene, model, table, np.random.RandomState([seed, attempt] if attempt else seed))
        try:
            sampler.sample(data)
        except SceneError:
            full += 1
            if full == _FULL:
                raise
            continue
        overlaps.lift(data)
        found = overlaps.of(data, sampler)
        if not found:
            return np.concatenate([[data.time], data.qpos, data.qvel])
        met.update(found)
    pairs = "; ".join(f"{first} and {second} in {number}" for (first, second), number in met.most_common(3))
    raise SceneError(
        f"of {_ATTEMPTS} samples of an initial state none is free of overlaps ({pairs}); make regions larger, or move "
        "them apart"
    )


class Overlaps:
    """Finds what overlaps in a state, by MuJoCo's collisions."""

    def __init__(self, scene: Scene, model: mujoco.MjModel, table: SceneTable) -> None:
        """
        Args:
            scene: of the task.
            model: the poses of its fixtures are written.
            table: of the scene.
        """
        self._model, self._table = model, table
        names = {entity.body: entity.name for entity in table.entities if entity.kind != "region"}
        robot = int(model.body_rootid[table.robot.eef_body])
        self._owner = [_owner(model, int(body), names, robot) for body in model.geom_bodyid]
        self._movable = set(scene.objects)
        self._heights = {name: int(model.joint(item.joints[-1]).qposadr[0]) + 2 for name, item in scene.objects.items()}
        regions = scene.regions
        self._below = {
            atom.arguments[0]: regions[last].parent if last in regions else last
            for atom in scene.definition.init
            if atom.name in ("on", "in") and (last := atom.arguments[-1])
        }
        """What an object begins on or in; empty for the workspace."""
        self._inside = {
            (atom.arguments[0], scene.regions[atom.arguments[1]].parent)
            for atom in scene.definition.init
            if atom.name in ("on", "in") and atom.arguments[1] in scene.regions
        }

    def lift(self, data: mujoco.MjData) -> None:
        """Lift objects out of the table or floor that they begin in, and what is on or in them with them."""
        for _ in range(_ROUNDS):
            mujoco.mj_fwdPosition(self._model, data)
            depths: dict[str, float] = {}
            for (first, second), distance, frame in zip(
                data.contact.geom, data.contact.dist, data.contact.frame, strict=True
            ):
                owners = {self._owner[first], self._owner[second]}
                upwards = abs(float(frame[2]))
                if distance < -_GAP / 2 and upwards > 0.5 and _WORKSPACE in owners and owners & self._movable:
                    (name,) = owners - {_WORKSPACE}
                    depths[name] = max(depths.get(name, 0.0), -float(distance) / upwards + _GAP)
            if not depths:
                return
            for name, depth in depths.items():
                for lifted in self._with_load(name):
                    data.qpos[self._heights[lifted]] += depth

    def _with_load(self, name: str) -> list[str]:
        """Return an object and all that is on or in it."""
        loads = [load for load, below in self._below.items() if below == name]
        return [name, *(lifted for load in loads for lifted in self._with_load(load))]

    def of(self, data: mujoco.MjData, sampler: Sampler) -> set[tuple[str, str]]:
        """Return the pairs that overlap with fixtures where they were sampled, or at the ends of their ranges."""
        for placed in sampler.placed.values():
            if not placed.item.movable:
                body = self._model.body(placed.item.root_body)
                body.pos, body.quat = placed.position, placed.quaternion
        found = self.now(data)
        for positions, quaternions in self._ends():
            for fixture, position, quaternion in zip(self._table.fixtures, positions, quaternions, strict=True):
                self._model.body_pos[fixture.body], self._model.body_quat[fixture.body] = position, quaternion
            # what is in or on a fixture stands where that was sampled
            found |= {pair for pair in self.now(data) if pair not in self._inside and pair[::-1] not in self._inside}
        return found

    def now(self, data: mujoco.MjData) -> set[tuple[str, str]]:
        """Return the pairs that overlap as the model and the state are, a movable object in each."""
        mujoco.mj_fwdPosition(self._model, data)
        found = set()
        for (first, second), distance in zip(data.contact.geom, data.contact.dist, strict=True):
            pair = sorted((self._owner[first], self._owner[second]))
            if distance < -OVERLAP and pair[0] != pair[1] and self._movable & set(pair):
                found.add((pair[0], pair[1]))
        return found

    def _ends(self) -> Iterator[tuple[list[list[float]], list[list[float]]]]:
        """Yield poses of all fixtures, at corners of their regions, turned as far as they may be."""
        if not self._table.fixtures:
            return
        regions = max(len(fixture.x_ranges) for fixture in self._table.fixtures)
        for number in range(regions):
            for x, y, turn in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
                positions, quaternions = [], []
                for fixture in self._table.fixtures:
                    region = number % len(fixture.x_ranges)
                    angle = fixture.angle[turn]
                    positions.append([fixture.x_ranges[region][x], fixture.y_ranges[region][y], fixture.z])
                    quaternions.append([float(np.cos(angle / 2)), 0.0, 0.0, float(np.sin(angle / 2))])
                yield positions, quaternions


def _owner(model: mujoco.MjModel, body: int, names: dict[int, str], robot: int) -> str:
    """Return the object or fixture that a body is a part of, "the robot", or "the workspace"."""
    while body:
        if body in names:
            return names[body]
        if body == robot:
            return "the robot"
        body = int(model.body_parentid[body])
    return _WORKSPACE
