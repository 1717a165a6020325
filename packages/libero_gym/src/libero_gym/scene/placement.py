"""Sample initial states of a scene as LIBERO does at a reset: the same draws in the same order.

Joints that a task begins with open, closed or turned on come first; then what is in the workspace's regions, those
in regions of objects, and those on other objects. Formulas: LIBERO 8f1084e, `envs/bddl_base_domain.py` and
`envs/regions/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.scene.build import Scene
from libero_gym.scene.scene_object import SceneObject
from libero_gym.scene.tables import HOME_QPOS
from libero_gym.tasks.definition import Region
from libero_gym.tasks.tables import SceneTable

#: Of the gripper's fingers at reset, metres.
_FINGERS = (0.020833, -0.020833)
#: How far above their place objects begin, metres.
_CLEARANCE = 0.01
_TRIES = 5000


@dataclass(frozen=True)
class Placed:
    """Where an object was put: position, and quaternion (w, x, y, z) as LIBERO writes it into the joint."""

    item: SceneObject
    position: np.ndarray
    quaternion: np.ndarray


def sample_states(scene: Scene, model: mujoco.MjModel, table: SceneTable, count: int) -> np.ndarray:
    """Sample initial states, number i with seed i.

    Returns:
        (count, 1 + nq + nv) float64: [time, qpos, qvel].

    Raises:
        SceneError: objects do not find room.
    """
    data = mujoco.MjData(model)
    states = np.empty((count, 1 + model.nq + model.nv))
    for seed in range(count):
        mujoco.mj_resetData(model, data)
        Sampler(scene, model, table, np.random.RandomState(seed)).sample(data)
        states[seed] = np.concatenate([[data.time], data.qpos, data.qvel])
    return states


class Sampler:
    """Samples one initial state."""

    def __init__(
        self, scene: Scene, model: mujoco.MjModel, table: SceneTable, rng: np.random.RandomState, *, models: int = 1
    ) -> None:
        """
        Args:
            scene: of the task.
            model: its compiled scene; only read.
            table: of the scene.
            rng: what is sampled with.
            models: how many models LIBERO's environment has built so far: it samples joints that often.
        """
        self._scene, self._model, self._table, self._rng, self._models = scene, model, table, rng, models
        self.placed: dict[str, Placed] = {}
        """Where objects and fixtures were put, by their names."""

    def sample(self, data: mujoco.MjData) -> None:
        """Write the state into `data.qpos`; fixtures' poses are not part of it."""
        self._rng.standard_normal(len(HOME_QPOS))  # LIBERO scales the arm's noise by 0
        data.qpos[self._table.robot.arm_qpos] = HOME_QPOS
        data.qpos[self._table.robot.gripper_qpos] = _FINGERS
        for _ in range(self._models):
            self._set_joints(data)
        mujoco.mj_kinematics(self._model, data)
        on_things = list(self._place_in_workspace())
        for name, region in on_things:
            self._place_in_object(data, name, region)
        for name, support in self._on_objects():
            self._place_on_top(name, support)
        for placed in self.placed.values():
            if placed.item.movable:
                joint = self._model.joint(placed.item.joints[-1])
                address = int(joint.qposadr[0])
                data.qpos[address : address + 7] = np.concatenate([placed.position, placed.quaternion])

    def _set_joints(self, data: mujoco.MjData) -> None:
        entities = {entity.name: entity for entity in self._table.entities}
        for atom in self._scene.definition.init:
            if atom.name in ("open", "close", "turnon", "turnoff"):
                entity = entities[atom.arguments[0]]
                item = self._scene.all_objects[entity.parent or entity.name]
                low, high = item.category.ranges[atom.name]
                data.qpos[entity.joint_qpos] = self._rng.uniform(low, high)

    def _place_in_workspace(self) -> Iterator[tuple[str, str]]:
        """Place what stands in the workspace; yield what begins in a region of an object, with the region."""
        workspace, inside = self._scene.workspace, []
        for atom in self._scene.definition.init:
            region = self._scene.definition.regions.get(atom.arguments[-1])
            if region is None or atom.name not in ("on", "in"):
                continue
            name = atom.arguments[0]
            if region.target in self._scene.all_objects:
                inside.append((atom.name, name, atom.arguments[1]))
            elif name in self._scene.fixtures:
                self._place_fixture(name, region)
            else:
                self._place_object(
                    self._scene.objects[name],
                    [(box[0], box[2]) for box in region.ranges],
                    [(box[1], box[3]) for box in region.ranges],
                    np.array(workspace.offset),
                    within=workspace.objects_within,
                    clearance=_CLEARANCE,
                    yaw=region.yaw,
                )
        # LIBERO places what is on a region before what is in one
        yield from ((name, region) for kind in ("on", "in") for found, name, region in inside if found == kind)

    def _place_fixture(self, name: str, region: Region) -> None:
        workspace, item = self._scene.workspace, self._scene.fixtures[name]
        box = region.ranges[self._rng.randint(len(region.ranges))]
        x, y, _ = workspace.offset
        position = np.array(
            [
                self._rng.uniform(box[0], box[2]) + x,
                self._rng.uniform(box[1], box[3]) + y,
                workspace.fixture_height(item.bottom, own=item.own),
            ]
        )
        self._put(item, position, self._yaw(region.yaw))

    def _place_in_object(self, data: mujoco.MjData, name: str, region: str) -> None:
        """Place an object on or in a region of an object."""
        atom = next(atom for atom in self._scene.definition.init if atom.arguments == (name, region))
        holder = self.placed[self._scene.regions[region].parent]
        body = data.body(holder.item.root_body)
        local = body.xmat.reshape(3, 3).T @ (data.site(region).xpos - body.xpos)
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, holder.quaternion)
        base = holder.position + turn.reshape(3, 3) @ local
        if atom.name == "on":
            width, depth = self._scene.regions[region].size[:2]
            base = base + np.array([0, 0, holder.item.top])
            x_ranges, y_ranges = [(-width / 2, width / 2)], [(-depth / 2, depth / 2)]
        else:
            x_ranges = y_ranges = [(0.0, 0.0)]
        self._place_object(self._scene.objects[name], x_ranges, y_ranges, base, within=atom.name == "on", clearance=0.0)

    def _on_objects(self) -> list[tuple[str, str]]:
        init, objects = self._scene.definition.init, self._scene.objects
        return [
            (atom.arguments[0], atom.arguments[1])
            for atom in init
            if atom.name == "on" and atom.arguments[1] in objects
        ]

    def _place_on_top(self, name: str, support: str) -> None:
        below = self.placed[support]
        base = below.position + np.array([0, 0, below.item.top])
        middle = [(0.0, 0.0)]
        self._place_object(
            self._scene.objects[name], middle, middle, base, within=False, clearance=_CLEARANCE, apart=False
        )

    def _place_object(
        self,
        item: SceneObject,
        x_ranges: list[tuple[float, float]],
        y_ranges: list[tuple[float, float]],
        base: np.ndarray,
        *,
        within: bool,
        clearance: float,
        apart: bool = True,
        yaw: tuple[float, ...] = (0.0, 0.0),
    ) -> None:
        """Try places in a region until one is free.

        Args:
            item: the object.
            x_ranges: bounds of each rectangle, metres from `base`.
            y_ranges: theirs in the other direction.
            base: (3,) where the region is, metres.
            within: whether all of the object has to be in the rectangle, not only its middle.
            clearance: above the region, metres.
            apart: whether it may touch nothing that was placed before.
            yaw: bounds of the rotation of an object of one's own about the vertical axis, radians; LIBERO's objects
                have theirs by category.
        """
        margin = item.radius if within else 0.0
        for _ in range(_TRIES):
            number = self._rng.randint(len(x_ranges))
            x, y = (
                self._rng.uniform(ranges[number][0] + margin, ranges[number][1] - margin) + base[axis]
                for axis, ranges in enumerate((x_ranges, y_ranges))
            )
            position = np.array([x, y, clearance + base[2] - item.bottom])
            if not (apart and any(_overlap(item, position, other) for other in self.placed.values())):
                self._put(item, position, self._yaw(yaw) if item.own else self._rotation(item))
                return
        raise SceneError(f"{item.name} finds no room in {_TRIES} tries; make its region larger")

    def _yaw(self, bounds: tuple[float, ...]) -> np.ndarray:
        """Sample a rotation about the vertical axis, (w, x, y, z)."""
        angle = self._rng.uniform(min(bounds), max(bounds))
        return np.array([np.cos(angle / 2), 0, 0, np.sin(angle / 2)])

    def _rotation(self, item: SceneObject) -> np.ndarray:
        """Sample a rotation. LIBERO writes (x, y, z, w) where MuJoCo reads (w, x, y, z), and its files have it so."""
        turns = []
        for axis, (low, high) in item.category.rotation.items():
            half = self._rng.uniform(min(low, high), max(low, high)) / 2
            turn = np.zeros(4)
            turn["xyz".index(axis)], turn[3] = np.sin(half), np.cos(half)
            turns.append(turn)
        if len(turns) == 1:
            return turns[0]
        whole = np.array([0.0, 0.0, 0.0, 1.0])
        for turn in turns:
            whole = _multiply(turn, whole)
        return whole

    def _put(self, item: SceneObject, position: np.ndarray, quaternion: np.ndarray) -> None:
        self.placed[item.name] = Placed(item, position, quaternion)


def _overlap(item: SceneObject, position: np.ndarray, other: Placed) -> bool:
    near = np.linalg.norm(position[:2] - other.position[:2]) <= other.item.radius + item.radius
    return bool(near and position[2] - other.position[2] <= other.item.top - item.bottom)


def _multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the product of quaternions (x, y, z, w), rounded to float32 as robosuite's is."""
    (x1, y1, z1, w1), (x0, y0, z0, w0) = first, second
    product = (
        x1 * w0 + y1 * z0 - z1 * y0 + w1 * x0,
        -x1 * z0 + y1 * w0 + z1 * x0 + w1 * y0,
        x1 * y0 - y1 * x0 + z1 * w0 + w1 * z0,
        -x1 * x0 - y1 * y0 - z1 * z0 + w1 * w0,
    )
    return np.array(product, dtype=np.float32).astype(np.float64)
