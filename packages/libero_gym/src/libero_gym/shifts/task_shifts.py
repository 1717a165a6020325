"""Apply the variants of an episode to a task: from their ids to what its world begins with and shows.

Variants --> TaskShifts.apply --> AppliedShift: which scene, its look, the arm's home, the first state,
                                                the sentence, the goal, and how images are spoiled
"""

from __future__ import annotations

import functools
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import mujoco
import numpy as np

from libero_gym.errors import SceneError
from libero_gym.scene.compiled import CompiledScene
from libero_gym.scene.shift_table import BACKGROUND, LAYOUT, is_distractor
from libero_gym.shifts import background, camera, language, layout, light, robot, swaps
from libero_gym.shifts.applied import NO_SHIFT, AppliedShift
from libero_gym.shifts.changes import Changes
from libero_gym.shifts.footprints import Footprints
from libero_gym.shifts.look import Look
from libero_gym.shifts.noise import ImageNoise
from libero_gym.shifts.request import AXES, SWAPS, Variant, Variants, variants_id
from libero_gym.shifts.resampled import resampled
from libero_gym.tasks.suites import Task

#: Applied shifts of a task that are remembered; each takes some 30 kB.
_REMEMBERED = 128
#: Keeps the variants' random numbers apart from all others.
_SALT = 0x5E1F


class LoadedScene(Protocol):
    """A scene with its model."""

    @property
    def scene(self) -> CompiledScene:
        """What was compiled."""

    @property
    def model(self) -> mujoco.MjModel:
        """Its model."""

    holder: object | None
    """What has written fixtures' poses into the model; None: they are written anew before a step."""

    def own_look(self) -> Look:
        """Return the look that it has without a shift."""


class TaskShifts:
    """Applies variants to one task."""

    def __init__(self, task: Task, states: np.ndarray, load: Callable[[str], LoadedScene]) -> None:
        """
        Args:
            task: the task.
            states: (M, 1 + nq + nv) its initial states for evaluation.
            load: returns the scene of a kind.
        """
        self._task, self._states, self._load = task, states, load
        self._made: OrderedDict[str, AppliedShift] = OrderedDict()

    def apply(self, variants: Variants) -> AppliedShift:
        """Return what variants change, the same in every process.

        Raises:
            SceneError: the task does not allow a swap; or its shifted scene cannot be compiled.
            AssetError: a bundle, which has no shifted scenes.
        """
        name = variants_id(variants)
        if name not in self._made:
            self._made[name] = self._apply(variants)
            self._load("").holder = None  # fixtures were moved
            if len(self._made) > _REMEMBERED:
                self._made.popitem(last=False)
        self._made.move_to_end(name)
        return self._made[name]

    @functools.cached_property
    def _prints(self) -> Footprints:
        base = self._load("")
        return Footprints.measure(base.model, base.scene.table, self._task.definition, self._states)

    def _apply(self, variants: Variants) -> AppliedShift:
        if not variants:
            return NO_SHIFT
        axes = {variant.axis for variant in variants}
        kind = LAYOUT if "layout" in axes else BACKGROUND if "background" in axes else ""
        loaded = self._load(kind)
        changes = Changes(loaded.own_look().copy())
        for variant in variants:
            self._change(changes, variant, loaded)
        moved = changes.home is not None or changes.exchanged or changes.offsets or kind == LAYOUT
        return AppliedShift(
            variants_id(variants),
            kind,
            changes.look if changes.looks_changed else None,
            None if changes.home is None else tuple(changes.home.tolist()),
            changes.instruction,
            changes.goal,
            changes.noise,
            self._state_of(changes, loaded) if moved else None,
        )

    def _change(self, changes: Changes, variant: Variant, loaded: LoadedScene) -> None:
        task, base = self._task, self._load("")
        rng = _generator(task, variant)
        table = base.scene.table
        match variant.axis:
            case "camera":
                camera.move(changes, loaded.model, variant.level, rng)
            case "light":
                light.change(changes, variant.level, rng)
            case "background":
                background.change(changes, loaded.scene.shift_table, variant.level, rng)
            case "layout":
                shifted, own = loaded.scene.shift_table, loaded.own_look()
                layout.change(changes, loaded.model, own, self._prints, shifted, table, variant.level, rng)
            case "robot":
                robot.move(changes, base.model, table.robot, variant.level, rng)
            case "language":
                language.change(changes, task.instruction, variant.level, rng)
            case "noise":
                changes.noise = ImageNoise.sample(variant.level, rng)
            case "object_swap":
                swaps.swap_object(changes, loaded.model, loaded.scene.table, rng)
            case "position_swap":
                swaps.swap_positions(changes, base.model, table, task, self._prints, self._states, rng)
            case "instruction_swap":
                swaps.swap_instruction(changes, task, rng)
            case _:
                swaps.swap_task(changes, base.model, table, task, self._states[0], rng)

    def _state_of(self, changes: Changes, loaded: LoadedScene) -> Callable[[np.ndarray], np.ndarray]:
        """Return what makes an initial state of the shifted scene from one of the task's own."""
        base = self._load("")
        if loaded.scene.table.robot != base.scene.table.robot:
            raise SceneError(f"the shifted scene of {self._task.name} has another robot than its own")
        qpos_from, qvel_from = _addresses(base.model, loaded.model)
        table, shifted = base.scene.table, loaded.scene
        bodies = {entity.name: entity.body for entity in table.entities}
        offsets = [(*swaps.place_of(base.model, bodies[name]), offset) for name, offset in changes.offsets.items()]
        exchanged = None
        if changes.exchanged:
            first, second = (swaps.place_of(base.model, bodies[name]) for name in changes.exchanged)
            exchanged = [*first, *second], [*second, *first]
        arm, home = table.robot.arm_qpos, np.array(table.robot.home_qpos)
        added = shifted.shift_table.distractors if any(is_distractor(e.name) for e in shifted.table.entities) else []
        # numbers alone: what is made here must keep no model alive
        nq, shifted_nq, shifted_nv = base.model.nq, loaded.model.nq, loaded.model.nv

        def made(state: np.ndarray) -> np.ndarray:
            own_qpos, own_qvel = state[1 : 1 + nq].copy(), state[1 + nq :]
            for x, y, offset in offsets:
                own_qpos[[x, y]] += offset
            if exchanged:
                own_qpos[exchanged[0]] = own_qpos[exchanged[1]]
            if changes.home is not None:
                own_qpos[arm] += changes.home - home
            qpos, qvel = np.zeros(shifted_nq), np.zeros(shifted_nv)
            qpos[qpos_from[1]], qvel[qvel_from[1]] = own_qpos[qpos_from[0]], own_qvel[qvel_from[0]]
            for number, distractor in enumerate(added):
                qpos[distractor.qpos : distractor.qpos + 7] = _pose(
                    distractor.z, distractor.turn, changes.placed.get(distractor.name), number
                )
            return np.concatenate([state[:1], qpos, qvel])

        return made


def _generator(task: Task, variant: Variant) -> np.random.Generator:
    """Return a variant's random numbers: from the task, the axis, the level and the variant alone."""
    name = zlib.crc32(f"{task.suite}/{task.name}".encode())
    axis, again = (*AXES, *SWAPS).index(variant.axis), resampled(task, variant)
    return np.random.default_rng([_SALT, name, axis, variant.level, variant.seed, again])


def _pose(z: float, turn: list[float], place: np.ndarray | None, number: int) -> np.ndarray:
    """Return an added object's position and quaternion, (7,): where it was placed, or out of the scene."""
    if place is None:
        return np.array([float(number), 0.0, layout.OUT_OF_SCENE, *turn])
    yaw, whole = np.array([np.cos(place[2] / 2), 0.0, 0.0, np.sin(place[2] / 2)]), np.zeros(4)
    mujoco.mju_mulQuat(whole, yaw, np.array(turn))
    return np.array([place[0], place[1], z + 0.001, *whole])


def _addresses(
    base: mujoco.MjModel, shifted: mujoco.MjModel
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return where the joints of a task's own scene are in `qpos` and `qvel`, there and in the shifted scene."""
    positions: tuple[list[int], list[int]] = [], []
    velocities: tuple[list[int], list[int]] = [], []
    sizes = {mujoco.mjtJoint.mjJNT_FREE: (7, 6), mujoco.mjtJoint.mjJNT_BALL: (4, 3)}
    for joint in range(base.njnt):
        size = sizes.get(base.jnt_type[joint], (1, 1))
        other = shifted.joint(base.joint(joint).name).id
        for into, model, number in ((0, base, joint), (1, shifted, other)):
            positions[into].extend(range(model.jnt_qposadr[number], model.jnt_qposadr[number] + size[0]))
            velocities[into].extend(range(model.jnt_dofadr[number], model.jnt_dofadr[number] + size[1]))
    return (
        (np.array(positions[0]), np.array(positions[1])),
        (np.array(velocities[0]), np.array(velocities[1])),
    )
