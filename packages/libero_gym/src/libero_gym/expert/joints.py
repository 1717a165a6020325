"""Drawers, doors and knobs: grip the moving part and go with it, or push it from behind.

Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm, pointing_down
from libero_gym.expert.grasps import OPENING, Grasp, find_grasps
from libero_gym.expert.sight import Sight
from libero_gym.expert.skills import CLOSING_STEPS, OPENING_STEPS, RETREAT, Way, reach, spread, up
from libero_gym.tasks.tables import Entity, Threshold

LEANS = (1.57, 1.25, 0.9, 0.6, 0.35, 0.0)
"""How far the gripper leans towards where the part moves, so that a finger fits behind a handle."""
OPENINGS = (OPENING, 0.045)
SLIDE_STEP, TURN_STEP = 0.03, 0.22
"""How far ahead of the joint the gripper is sent in a step."""
FOLLOW_STEPS = 70
BEYOND = 4
"""Steps that go on after the condition holds, so that it holds for good."""
PUSH_BACK = 0.05
"""How far behind the part a push begins."""


@dataclass(frozen=True)
class Joint:
    """One joint of a fixture, and which way it has to go."""

    index: int
    address: int
    body: int
    sign: float
    hinge: bool

    @classmethod
    def of(cls, model: mujoco.MjModel, address: int, condition: Threshold) -> Joint:
        """The joint at an address of qpos, that a condition wants moved."""
        index = int(np.flatnonzero(model.jnt_qposadr == address)[0])
        sign = 1.0 if condition.op in (">", ">=") else -1.0
        hinge = bool(model.jnt_type[index] == mujoco.mjtJoint.mjJNT_HINGE)
        return cls(index, address, int(model.jnt_bodyid[index]), sign, hinge)

    def direction(self, data: mujoco.MjData, point: np.ndarray) -> np.ndarray:
        """(3,), of length 1: where a point of the part goes."""
        axis = data.xaxis[self.index]
        way = np.cross(axis, point - data.xanchor[self.index]) if self.hinge else axis
        return self.sign * way / max(float(np.linalg.norm(way)), 1e-9)

    def ahead(self, data: mujoco.MjData, position: np.ndarray, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a pose on the part is when the joint has gone a step further."""
        axis = data.xaxis[self.index] * self.sign
        if not self.hinge:
            return position + SLIDE_STEP * axis, rotation
        quaternion, turn = np.zeros(4), np.zeros(9)
        mujoco.mju_axisAngle2Quat(quaternion, axis, TURN_STEP)
        mujoco.mju_quat2Mat(turn, quaternion)
        matrix, anchor = turn.reshape(3, 3), data.xanchor[self.index]
        return anchor + matrix @ (position - anchor), matrix @ rotation

    def moved(self, data: mujoco.MjData, points: np.ndarray, change: float) -> np.ndarray:
        """(P, 3) points of the part after a change of the joint's position."""
        axis = data.xaxis[self.index]
        if not self.hinge:
            return points + change * axis
        quaternion, turn = np.zeros(4), np.zeros(9)
        mujoco.mju_axisAngle2Quat(quaternion, axis, change)
        mujoco.mju_quat2Mat(turn, quaternion)
        anchor = data.xanchor[self.index]
        return anchor + (points - anchor) @ turn.reshape(3, 3).T


class Turn:
    """Open, close or turn a fixture's joint until its condition holds."""

    def __init__(self, entity: Entity, name: str, sight: Sight, *, only_just: bool = False) -> None:
        """`only_just`: also ways that go no further than they must, because something else is in the way."""
        self._entity, self._name, self._sight = entity, name, sight
        self._only_just = only_just
        self._condition = entity.conditions[name]

    def __str__(self) -> str:
        return f"{self._name} {self._entity.name}"

    def done(self, world: World) -> bool:
        holds = [self._condition.holds(world.data.qpos[address]) for address in self._entity.joint_qpos]
        return any(holds) if self._name in ("open", "turnon") else all(holds)

    def swept(self, world: World) -> np.ndarray:
        """(P, 3): where the moving parts will be once it is done."""
        parts = [np.zeros((0, 3))]
        for address in self._entity.joint_qpos:
            joint = Joint.of(world.model, address, self._condition)
            points = self._sight.geoms(world, self._sight.geoms_of_body(joint.body))
            parts.append(joint.moved(world.data, points, self._condition.value - float(world.data.qpos[address])))
        return np.concatenate(parts)

    def ways(self, world: World) -> list[Way]:
        ways: list[Way] = []
        for address in self._entity.joint_qpos:
            if self._name in ("close", "turnoff") and self._condition.holds(world.data.qpos[address]):
                continue
            joint = Joint.of(world.model, address, self._condition)
            grips, pushes = self._grips(world, joint), self._pushes(world, joint)
            ways += pushes + grips if self._name == "close" else grips + pushes
        return ways

    def _grips(self, world: World, joint: Joint) -> list[Way]:
        data, geoms = world.data, self._sight.geoms_of_body(joint.body)
        points = self._sight.geoms(world, geoms)
        forward = joint.direction(data, points.mean(0))
        # what stands out furthest is a handle
        reached = points @ forward
        handle = points[reached > reached.max() - 0.025] if not joint.hinge else points
        others = np.concatenate([self._sight.without(world, geoms), points[reached <= reached.max() - 0.025]])
        arm = Arm.still(world)
        found: list[Grasp] = []
        flat = forward * [1, 1, 0]
        for lean in (0.0,) if joint.hinge else LEANS:
            yaw = float(np.arctan2(flat[1], flat[0]))
            for opening in OPENINGS:
                some = find_grasps(
                    handle,
                    self._sight.without(world, geoms) if joint.hinge else others,
                    centre=handle.mean(0),
                    home_yaw=float(np.arctan2(arm.home[1, 0], arm.home[0, 0])),
                    depths=(0.004, 0.012, 0.020, 0.030),
                    yaws=None if joint.hinge else np.array([yaw]),
                    lean=leaning(flat, lean),
                    opening=opening,
                )
                found += spread(some, 2 if not joint.hinge else 6)
        far = [self._grip(joint, grasp, BEYOND) for grasp in found]
        near = [self._grip(joint, grasp, 0) for grasp in found] if self._only_just else []
        return [*far[:1], *near[:1], *far[1:], *near[1:]]

    def _grip(self, joint: Joint, grasp: Grasp, beyond: int) -> Way:
        def way(arm: Arm) -> Iterator[np.ndarray]:
            yield from reach(arm, grasp)
            arm.opening = None
            yield from arm.hold(CLOSING_STEPS)
            yield from self._follow(arm, joint, beyond)
            arm.opening = OPENING
            yield from arm.hold(OPENING_STEPS)
            rotation = arm.rotation
            yield from arm.go(arm.position - RETREAT * rotation[:, 2], rotation, tolerance=0.02, steps=25)
            yield from arm.go(arm.position + up(RETREAT), rotation, tolerance=0.02, through=True, steps=60)

        return way

    def _pushes(self, world: World, joint: Joint) -> list[Way]:
        data, geoms = world.data, self._sight.geoms_of_body(joint.body)
        points = self._sight.geoms(world, geoms)
        far = points[np.linalg.norm(points - data.xanchor[joint.index], axis=1).argsort()[::-1][: len(points) // 3]]
        candidates = far if joint.hinge else points
        starts = []
        for point in candidates:
            forward = joint.direction(data, point)
            behind = (points - point) @ forward
            # the part's own back: nothing of it is behind the point, close to its line
            line = np.linalg.norm((points - point) - np.outer(behind, forward), axis=1) < 0.015
            if (behind[line] < -0.01).any():
                continue
            starts.append((float(point[2]), point, forward))
        # high points first: the hand is above the fingers
        starts.sort(key=lambda item: -item[0])
        chosen: list[tuple[np.ndarray, np.ndarray]] = []
        for _, point, forward in starts:
            if all(np.linalg.norm(point - other) > 0.03 for other, _ in chosen):
                chosen.append((point, forward))
        leans = (0.0, 1.25) if joint.hinge else (1.4, 0.9, 0.0)
        return [self._push(joint, point, forward, lean) for lean in leans for point, forward in _evenly(chosen, 3)]

    def _push(self, joint: Joint, point: np.ndarray, forward: np.ndarray, lean: float) -> Way:
        flat = forward * [1, 1, 0]
        flat = flat / max(float(np.linalg.norm(flat)), 1e-9)

        def way(arm: Arm) -> Iterator[np.ndarray]:
            arm.opening = None
            # the fingers side by side, across the push, and pointing into it as far as the hand leans
            rotation = arm.nearest(leaning(-flat, lean) @ pointing_down(float(np.arctan2(flat[0], -flat[1]))))
            start = point - PUSH_BACK * flat
            high = max(arm.position[2], start[2] + 0.12)
            yield from arm.go(np.array([*start[:2], high]), rotation, tolerance=0.02, through=True, steps=80)
            yield from arm.go(start, rotation, tolerance=0.01, exact=True)
            yield from self._follow(arm, joint, BEYOND)
            rotation = arm.rotation
            back = arm.position - 0.04 * joint.direction(arm.world.data, arm.position)
            yield from arm.go(back, rotation, tolerance=0.02, steps=15)
            yield from arm.go(arm.position + up(RETREAT), arm.home, tolerance=0.03, steps=40)

        return way

    def _follow(self, arm: Arm, joint: Joint, beyond: int) -> Iterator[np.ndarray]:
        after = 0
        rotation = arm.rotation
        for _ in range(FOLLOW_STEPS):
            data = arm.world.data
            if self.done(arm.world):
                after += 1
                if after > beyond:
                    return
            target, turned = joint.ahead(data, arm.position, arm.rotation)
            yield arm.to(target, turned if joint.hinge else rotation)


def _evenly(items: list[tuple[np.ndarray, np.ndarray]], most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """At most so many of a list, from its beginning to its end."""
    if not items:
        return []
    chosen = {round(k * (len(items) - 1) / max(most - 1, 1)) for k in range(most)}
    return [items[i] for i in sorted(chosen)]


def leaning(forward: np.ndarray, angle: float) -> np.ndarray:
    """(3, 3): leans the hand towards `forward` (horizontal), so that the fingers point down and against it."""
    axis = np.cross([0.0, 0.0, 1.0], forward / max(float(np.linalg.norm(forward)), 1e-9))
    quaternion, matrix = np.zeros(4), np.zeros(9)
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)
