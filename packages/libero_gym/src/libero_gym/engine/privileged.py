"""The simulator's state for a critic: one layout of numbers for all tasks, read from MuJoCo's arrays.

`python -m libero_gym.engine.privileged` prints the table of the layout for the docs.

Vectors are in the world's axes: x forward from the robot, y to its left, z up. Poses, velocities of bodies and contacts
are those of the last physics step's beginning, on which success is judged too; joints are at its end. Every number is
divided by a scale that brings it to about [-1, 1], and then clipped to [-3, 3].
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from libero_gym.scene.shift_table import is_distractor
from libero_gym.tasks.goals import UP_HEIGHT, Goal
from libero_gym.tasks.tables import Entity, Predicate, SceneTable

#: Places for bodies (objects and fixtures), for articulated joints and for predicates of the goal. LIBERO's tasks have
#: at most 11, 4 and 3.
BODIES, JOINTS, PREDICATES = 12, 4, 4
#: Bounds of every number.
LIMIT = 3.0
#: Scales: metres and metres per second, radians per second, the opening of a finger and its speed.
LENGTH, ANGULAR_SPEED, FINGER, FINGER_SPEED = 0.5, 3.0, 0.04, 0.1
#: Numbers of a rotation matrix (9,) by rows that are its x and y axes.
_AXES = [0, 3, 6, 1, 4, 7]
#: Infinite and very long time limits count as no limit.
_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Field:
    """A part of the layout."""

    name: str
    shape: tuple[int, ...]
    meaning: str

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return int(np.prod(self.shape))


FIELDS = (
    Field("arm_position", (7,), "joint angles of the arm, divided by pi"),
    Field("arm_velocity", (7,), "their velocities, divided by 3 rad/s"),
    Field("finger_position", (2,), "positions of the two fingers, divided by 0.04 m"),
    Field("finger_velocity", (2,), "their velocities, divided by 0.1 m/s"),
    Field("gripper_position", (3,), "from the arm's base to the point between the finger tips, divided by 0.5 m"),
    Field("gripper_rotation", (6,), "x and y axes of the hand"),
    Field("gripper_velocity", (6,), "velocity of that point, divided by 0.5 m/s, and of rotation, divided by 3 rad/s"),
    Field("body_present", (BODIES,), "1 where a place is taken by a body"),
    Field("body_position", (BODIES, 3), "from the point between the finger tips to the body, divided by 0.5 m"),
    Field("body_rotation", (BODIES, 6), "x and y axes of the body"),
    Field("body_velocity", (BODIES, 6), "velocity, divided by 0.5 m/s, and of rotation, divided by 3 rad/s"),
    Field("body_contact", (BODIES, 2), "1 where the pad of the left and of the right finger touches the body"),
    Field("joint_present", (JOINTS,), "1 where a place is taken by a joint of a drawer, a door or a knob"),
    Field("joint_position", (JOINTS,), "its position, -1 and 1 at its ends"),
    Field("joint_velocity", (JOINTS,), "its velocity, divided by its range a second"),
    Field("joint_part", (JOINTS, 3), "from the point between the finger tips to the moved part, divided by 0.5 m"),
    Field("goal_present", (PREDICATES,), "1 where a place is taken by a predicate of the goal"),
    Field("goal_holds", (PREDICATES,), "1 where it holds"),
    Field("goal_offset", (PREDICATES, 3), "from the object to its place, divided by 0.5 m; 0 for joints"),
    Field("goal_distance", (PREDICATES,), "length of that, or what is left to the joint's threshold by its range"),
    Field("steps_left", (1,), "share of the time limit that is left; 1 without a limit"),
)
SIZE = sum(field.size for field in FIELDS)


def layout() -> dict[str, slice]:
    """Return where each field lies in a `privileged_state` (P,); its shape is that of `FIELDS`."""
    slices, end = {}, 0
    for field in FIELDS:
        slices[field.name] = slice(end, end + field.size)
        end += field.size
    return slices


def table() -> str:
    """Return the table of the layout in Markdown."""
    places = {name: f"{place.start} to {place.stop - 1}" for name, place in layout().items()}
    places["steps_left"] = str(SIZE - 1)
    rows = [
        f"| {places[field.name]} | `{field.name}` | {' x '.join(map(str, field.shape))} | {field.meaning} |"
        for field in FIELDS
    ]
    return "\n".join(["| numbers | field | shape | meaning |", "|---|---|---|---|", *rows])


class PrivilegedState:
    """Reads one world's privileged state.

    The bodies of the goal come first, in the goal's order, then the other objects and fixtures in the scene's; joints
    likewise. What does not find a place is left out.

    Most numbers are (a - b) * scale + shift, with a and b somewhere in MuJoCo's arrays, which lie in one block of
    memory: two gathers read them all.
    """

    def __init__(self, table: SceneTable, goal: Goal, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """
        Args:
            table: of the scene.
            goal: of the task.
            model: the scene's.
            data: the world's, which is read.
        """
        self._goal, self._data, self._model = goal, data, model
        self._by_name = {entity.name: entity for entity in table.entities}
        entities = self._ordered(table)
        bodies = [entity for entity in entities if entity.body >= 0][:BODIES]
        addresses = list(dict.fromkeys(address for entity in entities for address in entity.joint_qpos))[:JOINTS]
        joints = [_joint_at(model, address) for address in addresses]
        #: The names of the bodies and of the joints in their places.
        self.body_names = tuple(entity.name for entity in bodies)
        self.joint_names = tuple(model.joint(joint).name for joint in joints)
        #: Of each geometry: the finger whose pad it is, from 1, and the place of its body, from 0.
        self._finger_of, self._place_of = np.zeros(model.ngeom, dtype=np.int8), np.full(model.ngeom, -1, dtype=np.int8)
        for number, pads in enumerate(table.robot.fingers, 1):
            self._finger_of[pads] = number
        for place, entity in enumerate(bodies):
            self._place_of[entity.contact_geoms] = place
        self._predicates = table.goal[:PREDICATES]

        self._memory = _Memory(data)
        self._values = np.zeros(SIZE)
        self._views = {
            field.name: self._values[place].reshape(field.shape)
            for field, place in zip(FIELDS, layout().values(), strict=True)
        }
        #: Of each number: where a and b are, and what follows.
        self._a, self._b = np.full(SIZE, self._memory.zero), np.full(SIZE, self._memory.zero)
        self._scale, self._shift = np.ones(SIZE), np.zeros(SIZE)
        self._plan(table, bodies, joints)
        self._plan_velocities(table, bodies)

    def read(self, elapsed_steps: int, limit: int, out: np.ndarray) -> None:
        """Write the privileged state of now.

        Args:
            elapsed_steps: control steps of the episode so far.
            limit: those that it may have.
            out: (P,) float32, receives it.
        """
        flat, values = self._memory.flat, self._values
        np.subtract(flat.take(self._a), flat.take(self._b), out=values)
        values *= self._scale
        values += self._shift
        # v(p) = v(c) + w x (p - c): MuJoCo keeps the velocity at the centre of mass of the body's kinematic tree.
        v, w1, p1, c1, w2, p2, c2 = flat.take(self._twists)
        values[self._velocities] = (v + w1 * (p1 - c1) - w2 * (p2 - c2)) / LENGTH
        self._read_contacts()
        holds = self._goal.satisfied(self._data)
        distances, offsets = self._views["goal_distance"], self._views["goal_offset"]
        for place, predicate in enumerate(self._predicates):
            self._views["goal_holds"][place] = holds[place]
            if predicate.name in ("on", "in", "up"):
                x, y, z = offsets[place].tolist()
                distances[place] = math.sqrt(x * x + y * y + z * z)
            else:
                distances[place] = self._joint_distance(predicate)
        self._views["steps_left"][0] = 1.0 if limit >= _NO_LIMIT else max(0.0, 1.0 - elapsed_steps / limit)
        np.clip(values, -LIMIT, LIMIT, out=out, casting="same_kind")

    def _ordered(self, table: SceneTable) -> list[Entity]:
        """Return the task's objects and fixtures: those of the goal first, then objects, then fixtures.

        What a shifted layout added is left out, so that places are the same with it and without.
        """
        named = [self._by_name[name] for atom in table.goal for name in atom.arguments]
        owners = [self._by_name.get(entity.parent) if entity.kind == "region" else entity for entity in named]
        own = [entity for entity in table.entities if not is_distractor(entity.name)]
        rest = [entity for kind in ("object", "fixture") for entity in own if entity.kind == kind]
        return list({entity.name: entity for entity in (*owners, *rest) if entity is not None}.values())

    def _put(self, name: str, row: int, a: Any, b: Any = None, scale: float = 1.0, shift: float = 0.0) -> None:
        """Say of a field's row what its numbers are: (a - b) / scale + shift."""
        field = next(field for field in FIELDS if field.name == name)
        width = field.size // field.shape[0] if len(field.shape) > 1 else len(a)
        begin = layout()[name].start + row * (width if len(field.shape) > 1 else 1)
        place = slice(begin, begin + len(a))
        self._a[place] = a
        if b is not None:
            self._b[place] = b
        self._scale[place], self._shift[place] = 1.0 / scale, shift

    def _plan(self, table: SceneTable, bodies: list[Entity], joints: list[int]) -> None:
        robot, at, model = table.robot, self._memory.at, self._model
        tip = at("site_xpos", robot.eef_site)
        base = at("xpos", int(model.body_rootid[robot.eef_body]))
        fingers = [int(model.jnt_dofadr[_joint_at(model, address)]) for address in robot.gripper_qpos]
        self._put("arm_position", 0, at("qpos", robot.arm_qpos), scale=np.pi)
        self._put("arm_velocity", 0, at("qvel", robot.arm_dof), scale=ANGULAR_SPEED)
        self._put("finger_position", 0, at("qpos", robot.gripper_qpos), scale=FINGER)
        self._put("finger_velocity", 0, at("qvel", fingers), scale=FINGER_SPEED)
        self._put("gripper_position", 0, tip, base, LENGTH)
        self._put("gripper_rotation", 0, at("xmat", robot.eef_body)[_AXES])
        for place, entity in enumerate(bodies):
            self._put("body_present", place, [self._memory.zero], shift=1.0)
            self._put("body_position", place, at("xpos", entity.body), tip, LENGTH)
            self._put("body_rotation", place, at("xmat", entity.body)[_AXES])
        for place, joint in enumerate(joints):
            (low, high), part = model.jnt_range[joint].tolist(), _part(model, int(model.jnt_bodyid[joint]))
            middle, half = (low + high) / 2, (high - low) / 2
            self._put("joint_present", place, [self._memory.zero], shift=1.0)
            self._put("joint_position", place, at("qpos", [model.jnt_qposadr[joint]]), scale=half, shift=-middle / half)
            self._put("joint_velocity", place, at("qvel", [model.jnt_dofadr[joint]]), scale=2 * half)
            self._put("joint_part", place, at("geom_xpos", part), tip, LENGTH)
        for place, predicate in enumerate(self._predicates):
            self._put("goal_present", place, [self._memory.zero], shift=1.0)
            body = at("xpos", self._by_name[predicate.arguments[0]].body)
            if predicate.name in ("on", "in"):
                target = self._by_name[predicate.arguments[1]]
                where = at("site_xpos", target.site) if target.kind == "region" else at("xpos", target.body)
                self._put("goal_offset", place, where, body, LENGTH)
            elif predicate.name == "up":  # to a height above the floor
                offset = layout()["goal_offset"].start + 3 * place + 2
                self._b[offset], self._scale[offset], self._shift[offset] = body[2], 1 / LENGTH, UP_HEIGHT / LENGTH

    def _plan_velocities(self, table: SceneTable, bodies: list[Entity]) -> None:
        """Say where the hand's and the bodies' velocities are; their angular parts need no more than a scale."""
        at, model = self._memory.at, self._model
        hand = table.robot.eef_body
        moving = [(hand, at("site_xpos", table.robot.eef_site), layout()["gripper_velocity"].start)]
        start = layout()["body_velocity"].start
        moving += [(entity.body, at("xpos", entity.body), start + 6 * place) for place, entity in enumerate(bodies)]
        twists, places = [], []
        for body, point, begin in moving:
            twist, centre = at("cvel", body), at("subtree_com", int(model.body_rootid[body]))
            for i in range(3):
                j, k = (i + 1) % 3, (i + 2) % 3
                twists.append([twist[3 + i], twist[j], point[k], centre[k], twist[k], point[j], centre[j]])
                places.append(begin + i)
            self._a[begin + 3 : begin + 6], self._scale[begin + 3 : begin + 6] = twist[:3], 1 / ANGULAR_SPEED
        self._twists, self._velocities = np.array(twists).T.copy(), np.array(places)

    def _read_contacts(self) -> None:
        touched = self._views["body_contact"]
        geoms = self._data.contact.geom
        fingers = self._finger_of.take(geoms)
        if not fingers.any():
            return
        places = self._place_of.take(geoms[:, ::-1])
        found = (fingers > 0) & (places >= 0)
        touched[places[found], fingers[found] - 1] = 1.0

    def _joint_distance(self, predicate: Predicate) -> float:
        """Return what is left to a predicate's threshold, by the joint's range: of any joint, or of all."""
        entity = self._by_name[predicate.arguments[0]]
        condition = entity.conditions[predicate.name]
        missing = []
        for address in entity.joint_qpos:
            position = float(self._data.qpos[address])
            low, high = self._model.jnt_range[_joint_at(self._model, address)].tolist()
            missing.append(0.0 if condition.holds(position) else abs(position - condition.value) / (high - low))
        return min(missing) if predicate.name in ("open", "turnon") else max(missing)


class _Memory:
    """MuJoCo's arrays of one world as one array."""

    _ARRAYS = ("qpos", "qvel", "xpos", "xmat", "cvel", "subtree_com", "site_xpos", "geom_xpos")

    def __init__(self, data: mujoco.MjData) -> None:
        self._arrays = {name: getattr(data, name) for name in self._ARRAYS}
        begin = min(array.ctypes.data for array in self._arrays.values())
        end = max(array.ctypes.data + array.nbytes for array in self._arrays.values())
        first = next(array for array in self._arrays.values() if array.ctypes.data == begin)
        size = (end - begin) // first.itemsize
        self.flat = np.lib.stride_tricks.as_strided(first.reshape(-1), (size,), (first.itemsize,), writeable=False)
        self._begin = begin
        #: Where a zero is: the world's own position.
        self.zero = int(self.at("xpos", 0)[0])

    def at(self, name: str, index: int | Sequence[int]) -> np.ndarray:
        """Return where a row of an array, or some numbers of a flat one, are."""
        array = self._arrays[name]
        start = (array.ctypes.data - self._begin) // array.itemsize
        if array.ndim == 1:
            return start + np.asarray(index)
        width = array.shape[1]
        return start + int(index) * width + np.arange(width)  # type: ignore[arg-type]


def _joint_at(model: mujoco.MjModel, address: int) -> int:
    """Return the joint whose position is at an address of `qpos`."""
    return int(np.flatnonzero(model.jnt_qposadr == address)[0])


def _part(model: mujoco.MjModel, body: int) -> int:
    """Return the geometry of a body that is nearest to the middle of all of its geometries."""
    first, count = int(model.body_geomadr[body]), int(model.body_geomnum[body])
    places = model.geom_pos[first : first + count]
    return first + int(np.linalg.norm(places - places.mean(axis=0), axis=1).argmin())


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
