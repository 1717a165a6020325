"""The staged reward: how far an episode has come towards its goal, in [0, 1), for learning from nothing.

Every predicate of the goal is one job, worth the same. A job that moves a thing has four stages, each with a share of
the job: reach it, hold it between both finger pads, lift it, bring it to where it belongs. A job that turns or slides a
joint has two. A later stage counts only while the stages before it hold, so that pushing a bowl about earns nothing.

The shares are ours; the idea (reach, grasp, lift, hover, with 1 - tanh of distances) is that of robosuite's shaped
rewards. It is not part of LIBERO: never report a result with it.
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from libero_gym.tasks.goals import UP_HEIGHT, Goal
from libero_gym.tasks.tables import Entity, SceneTable

#: Shares of a job that moves a thing; they add up to less than 1, which only success reaches.
REACH, GRASP, LIFT, PLACE = 0.4, 0.1, 0.2, 0.25
#: Shares of a job on a joint.
REACH_JOINT, MOVE_JOINT = 0.4, 0.55
#: Distance scale of 1 - tanh(scale * d), per metre: 0.24 at 20 cm, 0.54 at 10 cm, 0.76 at 5 cm.
REACH_SCALE, PLACE_SCALE = 5.0, 3.0
#: Height above the start at which a thing counts as lifted, metres.
LIFT_HEIGHT = 0.05

Job = Callable[[mujoco.MjData], float]


class Progress:
    """Progress of one episode; made anew at every reset, because it measures from the start."""

    def __init__(self, table: SceneTable, goal: Goal, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        self._goal = goal
        self._eef_site = table.robot.eef_site
        self._entities = {entity.name: entity for entity in table.entities}
        self._pads = np.zeros(model.ngeom, dtype=np.int8)
        for bit, pads in enumerate(table.robot.fingers):
            self._pads[pads] = 1 << bit
        self._jobs: list[Job] = []
        for atom in table.goal:
            entities = [self._entities[name] for name in atom.arguments]
            if atom.name in ("on", "in"):
                self._jobs.append(self._bring(entities[0], _place(entities[1]), model, data))
            elif atom.name == "up":
                body = entities[0].body
                self._jobs.append(self._bring(entities[0], lambda d, b=body: [*d.xpos[b, :2], UP_HEIGHT], model, data))
            else:
                self._jobs.append(self._move_joint(entities[0], atom.name, model, data))

    def value(self, data: mujoco.MjData) -> float:
        """Progress now, in [0, 1): the mean over jobs, where a predicate that holds is worth its whole share."""
        done = self._goal.satisfied(data)
        shares = [1.0 if holds else job(data) for holds, job in zip(done, self._jobs, strict=True)]
        return min(sum(shares) / len(shares), 1.0 - 1e-6)

    def _bring(self, thing: Entity, place: Callable[..., ArrayLike], model: mujoco.MjModel, data: mujoco.MjData) -> Job:
        body, start = thing.body, float(data.xpos[thing.body, 2])
        is_thing = np.zeros(model.ngeom, dtype=bool)
        is_thing[thing.contact_geoms] = True

        def job(data: mujoco.MjData) -> float:
            position = data.xpos[body]
            total = REACH * _near(data.site_xpos[self._eef_site], position, REACH_SCALE)
            if self._holding(data, is_thing):
                lift = min(max(float(position[2]) - start, 0.0) / LIFT_HEIGHT, 1.0)
                total += GRASP + LIFT * lift
                if lift > 0.5:
                    total += PLACE * _near(position, place(data), PLACE_SCALE)
            return total

        return job

    def _move_joint(self, entity: Entity, condition: str, model: mujoco.MjModel, data: mujoco.MjData) -> Job:
        goal = entity.conditions[condition].value
        joints = entity.joint_qpos
        start = [float(data.qpos[joint]) for joint in joints]
        addresses = list(model.jnt_qposadr)
        bodies = [int(model.jnt_bodyid[addresses.index(joint)]) for joint in joints]

        def job(data: mujoco.MjData) -> float:
            eef = data.site_xpos[self._eef_site]
            shares = []
            for joint, first, body in zip(joints, start, bodies, strict=True):
                moved = (float(data.qpos[joint]) - first) / (goal - first) if goal != first else 1.0
                reach = REACH_JOINT * _near(eef, data.xipos[body], REACH_SCALE)
                shares.append(reach + MOVE_JOINT * min(max(moved, 0.0), 1.0))
            return max(shares)

        return job

    def _holding(self, data: mujoco.MjData, is_thing: np.ndarray) -> bool:
        first, second = data.contact.geom[:, 0], data.contact.geom[:, 1]
        touched = np.bitwise_or.reduce(self._pads[first[is_thing[second]]], initial=0)
        touched |= np.bitwise_or.reduce(self._pads[second[is_thing[first]]], initial=0)
        return bool(touched == 3)


def _near(a: ArrayLike, b: ArrayLike, scale: float) -> float:
    """1 - tanh(scale * |a - b|): 1 at the place, 0 far away."""
    return float(1.0 - np.tanh(scale * np.linalg.norm(np.subtract(a, b))))


def _place(target: Entity) -> Callable[[mujoco.MjData], np.ndarray]:
    if target.kind == "region":
        return lambda data: data.site_xpos[target.site]
    return lambda data: data.xpos[target.body]
