"""The subgoal of a predicate `open`, `close`, `turnon` or `turnoff`: move a drawer, a door or a knob along its joint.

The gripper grasps the moving part and follows its joint, or pushes it from behind.

Axes: P points. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm, home_rotation
from libero_gym.expert.grasps import OPENING, Grasp, distinct_grasps, find_grasps
from libero_gym.expert.rotations import axis_angle_matrix, pointing_down, tilt, yaw_of
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.skills import CLOSING_STEPS, OPENING_STEPS, RETREAT, Candidate, reach, up
from libero_gym.tasks.tables import Entity, Threshold

TILTS = (1.57, 1.25, 0.9, 0.6, 0.35, 0.0)
"""Of the gripper towards where the part moves, so that a finger fits behind a handle."""
OPENINGS = (OPENING, 0.045)
SLIDE_STEP, HINGE_STEP = 0.03, 0.22
"""How far ahead of the joint the gripper is commanded in a step."""
FOLLOW_STEPS = 70
EXTRA_STEPS = 4
"""Steps that go on after the condition holds, so that it holds for good."""
PUSH_DISTANCE = 0.05
"""How far behind the part a push begins."""


@dataclass(frozen=True)
class Joint:
    """A joint of a fixture, and the direction in which it has to move."""

    index: int
    body: int
    sign: float
    hinge: bool

    @classmethod
    def of(cls, model: mujoco.MjModel, address: int, condition: Threshold) -> Joint:
        """Make it of the joint at an address of qpos, which a condition wants moved."""
        index = int(np.flatnonzero(model.jnt_qposadr == address)[0])
        sign = 1.0 if condition.op in (">", ">=") else -1.0
        hinge = bool(model.jnt_type[index] == mujoco.mjtJoint.mjJNT_HINGE)
        return cls(index, int(model.jnt_bodyid[index]), sign, hinge)

    def direction(self, data: mujoco.MjData, point: np.ndarray) -> np.ndarray:
        """Return the unit vector (3,) along which a point (3,) of the part moves."""
        axis = data.xaxis[self.index]
        tangent = np.cross(axis, point - data.xanchor[self.index]) if self.hinge else axis
        return self.sign * tangent / max(float(np.linalg.norm(tangent)), 1e-9)

    def pose_ahead(
        self, data: mujoco.MjData, position: np.ndarray, rotation: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return where a pose (3,), (3, 3) on the part is when the joint has moved a step further."""
        axis = data.xaxis[self.index] * self.sign
        if not self.hinge:
            return position + SLIDE_STEP * axis, rotation
        turn, anchor = axis_angle_matrix(axis, HINGE_STEP), data.xanchor[self.index]
        return anchor + turn @ (position - anchor), turn @ rotation

    def displaced(self, data: mujoco.MjData, points: np.ndarray, change: float) -> np.ndarray:
        """Return points (P, 3) of the part after a change of the joint's position."""
        axis = data.xaxis[self.index]
        if not self.hinge:
            return points + change * axis
        anchor = data.xanchor[self.index]
        return anchor + (points - anchor) @ axis_angle_matrix(axis, change).T


class Articulate:
    """Open, close or turn a fixture's joint until its condition holds."""

    def __init__(self, entity: Entity, name: str, geometry: SceneGeometry, *, minimal: bool = False) -> None:
        """`minimal`: also try to go no further than necessary, because an obstacle may block the rest."""
        self._entity, self._name, self._geometry = entity, name, geometry
        self._minimal = minimal
        self._condition = entity.conditions[name]

    def __str__(self) -> str:
        return f"{self._name} {self._entity.name}"

    def achieved(self, world: World) -> bool:
        holds = [self._condition.holds(world.data.qpos[address]) for address in self._entity.joint_qpos]
        return any(holds) if self._name in ("open", "turnon") else all(holds)

    def swept_volume(self, world: World) -> np.ndarray:
        """Return where the moving parts (P, 3) will be once it is achieved."""
        parts = [np.zeros((0, 3))]
        for address in self._entity.joint_qpos:
            joint = Joint.of(world.model, address, self._condition)
            points = self._geometry.points_of_geoms(world, self._geometry.geoms_of(joint.body))
            parts.append(joint.displaced(world.data, points, self._condition.value - float(world.data.qpos[address])))
        return np.concatenate(parts)

    def candidates(self, world: World) -> list[Candidate]:
        candidates: list[Candidate] = []
        for address in self._entity.joint_qpos:
            if self._name in ("close", "turnoff") and self._condition.holds(world.data.qpos[address]):
                continue
            joint = Joint.of(world.model, address, self._condition)
            pulls, pushes = self._pulls(world, joint), self._pushes(world, joint)
            candidates += pushes + pulls if self._name == "close" else pulls + pushes
        return candidates

    def _pulls(self, world: World, joint: Joint) -> list[Candidate]:
        """Return candidates that grasp the handle of a drawer, or any part of a door or knob."""
        geoms = self._geometry.geoms_of(joint.body)
        points = self._geometry.points_of_geoms(world, geoms)
        obstacles = self._geometry.points_without(world, geoms)
        forward = joint.direction(world.data, points.mean(0))
        graspable = points
        if not joint.hinge:
            # what stands out furthest is a handle
            extent = points @ forward
            is_handle = extent > extent.max() - 0.025
            graspable, obstacles = points[is_handle], np.concatenate([obstacles, points[~is_handle]])
        horizontal = forward * [1, 1, 0]
        yaw = float(np.arctan2(horizontal[1], horizontal[0]))
        found: list[Grasp] = []
        for angle in (0.0,) if joint.hinge else TILTS:
            for opening in OPENINGS:
                grasps = find_grasps(
                    graspable,
                    obstacles,
                    centre=graspable.mean(0),
                    home_yaw=yaw_of(home_rotation(world)),
                    depths=(0.004, 0.012, 0.020, 0.030),
                    yaws=None if joint.hinge else np.array([yaw]),
                    tilt=tilt(horizontal, angle),
                    opening=opening,
                )
                found += distinct_grasps(grasps, 2 if not joint.hinge else 6)
        full = [self._pull(joint, grasp, EXTRA_STEPS) for grasp in found]
        minimal = [self._pull(joint, grasp, 0) for grasp in found] if self._minimal else []
        return [*full[:1], *minimal[:1], *full[1:], *minimal[1:]]

    def _pull(self, joint: Joint, grasp: Grasp, extra_steps: int) -> Candidate:
        def candidate(arm: Arm) -> Iterator[np.ndarray]:
            yield from reach(arm, grasp)
            arm.opening = None
            yield from arm.hold(CLOSING_STEPS)
            yield from self._follow(arm, joint, extra_steps)
            arm.opening = OPENING
            yield from arm.hold(OPENING_STEPS)
            rotation = arm.rotation
            yield from arm.move_to(arm.position - RETREAT * rotation[:, 2], rotation, tolerance=0.02, max_steps=25)
            yield from arm.move_to(
                arm.position + up(RETREAT), rotation, tolerance=0.02, pass_through=True, max_steps=60
            )

        return candidate

    def _pushes(self, world: World, joint: Joint) -> list[Candidate]:
        """Return candidates that push the part's back with closed fingers, the highest point first."""
        data = world.data
        points = self._geometry.points_of_geoms(world, self._geometry.geoms_of(joint.body))
        by_distance = np.linalg.norm(points - data.xanchor[joint.index], axis=1).argsort()[::-1]
        contacts = []
        for point in points[by_distance[: len(points) // 3]] if joint.hinge else points:
            forward = joint.direction(data, point)
            ahead = (points - point) @ forward
            # on the part's back, no point of it is behind this point, close to its line
            near_line = np.linalg.norm((points - point) - np.outer(ahead, forward), axis=1) < 0.015
            if (ahead[near_line] < -0.01).any():
                continue
            contacts.append((float(point[2]), point, forward))
        # high points first: the hand is above the fingers
        contacts.sort(key=lambda item: -item[0])
        chosen: list[tuple[np.ndarray, np.ndarray]] = []
        for _, point, forward in contacts:
            if all(np.linalg.norm(point - other) > 0.03 for other, _ in chosen):
                chosen.append((point, forward))
        angles = (0.0, 1.25) if joint.hinge else (1.4, 0.9, 0.0)
        return [
            self._push(joint, point, forward, angle) for angle in angles for point, forward in _evenly_spaced(chosen, 3)
        ]

    def _push(self, joint: Joint, point: np.ndarray, forward: np.ndarray, angle: float) -> Candidate:
        horizontal = forward * [1, 1, 0]
        horizontal = horizontal / max(float(np.linalg.norm(horizontal)), 1e-9)

        def candidate(arm: Arm) -> Iterator[np.ndarray]:
            arm.opening = None
            # the fingers side by side, across the push, and pointing into it as far as the hand is tilted
            across = pointing_down(float(np.arctan2(horizontal[0], -horizontal[1])))
            rotation = arm.nearest_equivalent(tilt(-horizontal, angle) @ across)
            start = point - PUSH_DISTANCE * horizontal
            above = np.array([*start[:2], max(arm.position[2], start[2] + 0.12)])
            yield from arm.move_to(above, rotation, tolerance=0.02, pass_through=True, max_steps=80)
            yield from arm.move_to(start, rotation, tolerance=0.01, precise=True)
            yield from self._follow(arm, joint, EXTRA_STEPS)
            rotation = arm.rotation
            back = arm.position - 0.04 * joint.direction(arm.world.data, arm.position)
            yield from arm.move_to(back, rotation, tolerance=0.02, max_steps=15)
            yield from arm.move_to(arm.position + up(RETREAT), arm.home, tolerance=0.03, max_steps=40)

        return candidate

    def _follow(self, arm: Arm, joint: Joint, extra_steps: int) -> Iterator[np.ndarray]:
        """Yield actions along the joint until the condition has held for more than `extra_steps`."""
        steps_held = 0
        rotation = arm.rotation
        for _ in range(FOLLOW_STEPS):
            if self.achieved(arm.world):
                steps_held += 1
                if steps_held > extra_steps:
                    return
            position, turned = joint.pose_ahead(arm.world.data, arm.position, arm.rotation)
            yield arm.action_towards(position, turned if joint.hinge else rotation)


def _evenly_spaced(items: list[tuple[np.ndarray, np.ndarray]], count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return at most `count` of a list, from its beginning to its end."""
    if not items:
        return []
    chosen = {round(k * (len(items) - 1) / max(count - 1, 1)) for k in range(count)}
    return [items[i] for i in sorted(chosen)]
