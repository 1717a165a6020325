"""The staged reward: how far an episode has come towards its goal, in [0, 1), for learning from nothing.

Every predicate of the goal is a subgoal, worth the same. A subgoal that moves an object has four stages, each with a
share of it: reach the object, hold it between both finger pads, lift it, bring it to its place. A subgoal that turns or
slides a joint has two. A later stage counts only while the stages before it hold, so that pushing a bowl about earns
nothing.

The shares are ours; the idea (reach, grasp, lift, hover, with 1 - tanh of distances) is that of robosuite's shaped
rewards. It is not part of LIBERO: never report a result with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from libero_gym.tasks.goals import UP_HEIGHT, Goal
from libero_gym.tasks.tables import Entity, SceneTable

#: Shares of a subgoal that moves an object; they add up to less than 1, which only success reaches.
REACH, GRASP, LIFT, PLACE = 0.4, 0.1, 0.2, 0.25
#: Shares of a subgoal on a joint.
REACH_JOINT, MOVE_JOINT = 0.4, 0.55
#: Distance scale of 1 - tanh(scale * d), per metre: 0.24 at 20 cm, 0.54 at 10 cm, 0.76 at 5 cm.
REACH_SCALE, PLACE_SCALE = 5.0, 3.0
#: Height above the initial one at which an object counts as lifted, metres.
LIFT_HEIGHT = 0.05

Subgoal = Callable[[mujoco.MjData], float]


class Progress:
    """Progress of one episode; made anew at every reset, because it measures from the initial state."""

    def __init__(
        self,
        table: SceneTable,
        goal: Goal,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        initial: Sequence[float] | None = None,
    ) -> None:
        """
        Args:
            table: of the scene.
            goal: of the task.
            model: the scene's.
            data: the state that progress is measured from, unless `initial` is given.
            initial: what an earlier `Progress` of this task measured from.

        Raises:
            ValueError: `initial` is not of this task.
        """
        #: Heights (metres) and joint positions (metres or radians) that progress is measured from.
        self.initial: list[float] = []
        self._given = initial
        self._goal = goal
        self._eef_site = table.robot.eef_site
        self._entities = {entity.name: entity for entity in table.entities}
        self._pads = np.zeros(model.ngeom, dtype=np.int8)
        for bit, pads in enumerate(table.robot.fingers):
            self._pads[pads] = 1 << bit
        self._subgoals: list[Subgoal] = []
        for atom in table.goal:
            entities = [self._entities[name] for name in atom.arguments]
            if atom.name in ("on", "in"):
                self._subgoals.append(self._pick_and_place(entities[0], _place(entities[1]), model, data))
            elif atom.name == "up":
                body = entities[0].body
                self._subgoals.append(
                    self._pick_and_place(entities[0], lambda d, b=body: [*d.xpos[b, :2], UP_HEIGHT], model, data)
                )
            else:
                self._subgoals.append(self._articulate(entities[0], atom.name, model, data))
        if initial is not None and len(initial) != len(self.initial):
            raise ValueError(f"{len(initial)} initial values for a task with {len(self.initial)}")

    def value(self, data: mujoco.MjData) -> float:
        """Return progress now, in [0, 1): the mean over subgoals; a predicate that holds is worth its whole share."""
        done = self._goal.satisfied(data)
        shares = [1.0 if holds else subgoal(data) for holds, subgoal in zip(done, self._subgoals, strict=True)]
        return min(sum(shares) / len(shares), 1.0 - 1e-6)

    def _measured(self, present: float) -> float:
        """Return the next initial value: as it was given, or the present one."""
        number = len(self.initial)
        known = self._given is not None and number < len(self._given)
        self.initial.append(float(self._given[number] if known else present))  # type: ignore[index]
        return self.initial[-1]

    def _pick_and_place(
        self, entity: Entity, place: Callable[..., ArrayLike], model: mujoco.MjModel, data: mujoco.MjData
    ) -> Subgoal:
        body, initial_height = entity.body, self._measured(data.xpos[entity.body, 2])
        is_entity = np.zeros(model.ngeom, dtype=bool)
        is_entity[entity.contact_geoms] = True

        def subgoal(data: mujoco.MjData) -> float:
            position = data.xpos[body]
            total = REACH * _near(data.site_xpos[self._eef_site], position, REACH_SCALE)
            if self._holding(data, is_entity):
                lift = min(max(float(position[2]) - initial_height, 0.0) / LIFT_HEIGHT, 1.0)
                total += GRASP + LIFT * lift
                if lift > 0.5:
                    total += PLACE * _near(position, place(data), PLACE_SCALE)
            return total

        return subgoal

    def _articulate(self, entity: Entity, condition: str, model: mujoco.MjModel, data: mujoco.MjData) -> Subgoal:
        goal = entity.conditions[condition].value
        joints = entity.joint_qpos
        initial = [self._measured(data.qpos[joint]) for joint in joints]
        addresses = list(model.jnt_qposadr)
        bodies = [int(model.jnt_bodyid[addresses.index(joint)]) for joint in joints]

        def subgoal(data: mujoco.MjData) -> float:
            eef = data.site_xpos[self._eef_site]
            shares = []
            for joint, first, body in zip(joints, initial, bodies, strict=True):
                moved = (float(data.qpos[joint]) - first) / (goal - first) if goal != first else 1.0
                reach = REACH_JOINT * _near(eef, data.xipos[body], REACH_SCALE)
                shares.append(reach + MOVE_JOINT * min(max(moved, 0.0), 1.0))
            return max(shares)

        return subgoal

    def _holding(self, data: mujoco.MjData, is_entity: np.ndarray) -> bool:
        first, second = data.contact.geom[:, 0], data.contact.geom[:, 1]
        touched = np.bitwise_or.reduce(self._pads[first[is_entity[second]]], initial=0)
        touched |= np.bitwise_or.reduce(self._pads[second[is_entity[first]]], initial=0)
        return bool(touched == 3)


def _near(a: ArrayLike, b: ArrayLike, scale: float) -> float:
    """1 - tanh(scale * |a - b|): 1 at the place, 0 far away."""
    return float(1.0 - np.tanh(scale * np.linalg.norm(np.subtract(a, b))))


def _place(target: Entity) -> Callable[[mujoco.MjData], np.ndarray]:
    if target.kind == "region":
        return lambda data: data.site_xpos[target.site]
    return lambda data: data.xpos[target.body]
