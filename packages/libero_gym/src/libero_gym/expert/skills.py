"""Motion primitives of the gripper with an object: reach, pick, place, drag.

Each yields actions that depend on the simulator's state. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import numpy as np

from libero_gym.expert.arm import Arm
from libero_gym.expert.grasps import HAND_HALF_LENGTH, OPENING, PALM_ABOVE, TIP_BELOW, Grasp
from libero_gym.expert.path_planning import plan_path
from libero_gym.expert.rotations import pointing_down, rotate_yaw
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.tasks.tables import Entity

Candidate = Callable[[Arm], Iterator[np.ndarray]]
"""A motion that may achieve a subgoal: actions for the arm of any world in the state that it was planned for."""

APPROACH = 0.09
"""Height of the pre-grasp pose above a grasp."""
CLOSING_STEPS, OPENING_STEPS = 9, 5
RETREAT = 0.10
DRAG_STEPS, DRAG_AHEAD, MAX_DRAG_AHEAD = 140, 0.03, 0.12
DRAG_ATTEMPTS, SLIP = 3, 0.045
"""How often the fingers are set onto the object, and how far from their place on it they count as slipped off."""
STALLED_DRAG = 0.008
"""Less progress in a step makes the arm pull harder."""
CORNER_TOLERANCE, INSIDE_REGION = 0.03, 0.014
"""How near to a waypoint the path goes on to the next; how far within a region's edge a path ends."""


def reach(arm: Arm, grasp: Grasp) -> Iterator[np.ndarray]:
    """Bring the open fingers around a grasp, from its pre-grasp pose."""
    arm.opening = grasp.opening
    back = -grasp.rotation[:, 2] * (APPROACH + arm.variation.lift)
    above = grasp.position + back
    far = np.linalg.norm(above[:2] - arm.position[:2]) > 0.05
    yield from arm.move_to(
        np.array([*above[:2], max(above[2], arm.position[2] if far else above[2])]),
        grasp.rotation,
        tolerance=0.02,
        pass_through=True,
    )
    yield from arm.move_to(above, grasp.rotation, tolerance=0.01)
    yield from arm.move_to(grasp.position, grasp.rotation, tolerance=0.004, precise=True, speed=0.8, max_steps=45)


def pick(arm: Arm, grasp: Grasp, lift: float, drag: np.ndarray) -> Iterator[np.ndarray]:
    """Close around a grasp, drag it by `drag` (2,) from under what is above it, and raise it by `lift`."""
    yield from reach(arm, grasp)
    arm.opening = None
    yield from arm.hold(CLOSING_STEPS)
    if drag.any():
        yield from arm.move_to(arm.position + np.array([*drag, 0.008]), tolerance=0.015, max_steps=40, precise=True)
    yield from arm.move_to(arm.position + up(lift), tolerance=0.02, max_steps=40)


def place(arm: Arm, release: np.ndarray, travel_height: float, yaw_change: float = 0.0) -> Iterator[np.ndarray]:
    """Carry a held object and release it.

    Args:
        release: position (3,) of the gripper when it opens.
        travel_height: of the gripper on the way.
        yaw_change: turn about the vertical on the way.
    """
    position, rotation = arm.position, arm.rotation
    if position[2] < travel_height - 0.01:
        yield from arm.move_to(
            np.array([*position[:2], travel_height]), rotation, tolerance=0.01, pass_through=True, keep_fingers=True
        )
    rotation = rotate_yaw(rotation.T, yaw_change).T
    above = np.array([*release[:2], max(travel_height, release[2])])
    yield from arm.move_to(above, rotation, tolerance=0.012, keep_fingers=True)
    yield from arm.move_to(release, rotation, tolerance=0.005, precise=True, speed=0.6, max_steps=50, keep_fingers=True)
    arm.opening = OPENING
    yield from arm.hold(OPENING_STEPS)
    yield from arm.move_to(arm.position + up(RETREAT), tolerance=0.02, max_steps=25, keep_fingers=True)


def drag_candidate(obj: Entity, region: Entity, geometry: SceneGeometry, press: float, along: bool) -> Candidate:
    """Return the motion that presses closed fingers onto a flat object and drags it over the table into a region.

    Args:
        obj: what is dragged, round its obstacles.
        region: where it goes.
        geometry: of the scene.
        press: how far below the object's surface the finger tips are commanded.
        along: whether the hand lies along the path or across it.
    """

    def candidate(arm: Arm) -> Iterator[np.ndarray]:
        for _ in range(DRAG_ATTEMPTS):
            slipped = yield from drag_once(arm)
            if not slipped:
                return

    def drag_once(arm: Arm) -> Generator[np.ndarray, None, bool]:
        """Drag until the end of the path; return whether the fingers slipped off the object."""
        data = arm.world.data
        points = geometry.points_of(arm.world, obj)
        # from the body, whose position decides success, to the middle of the touched surface
        offset = points[:, :2].mean(0) - data.xpos[obj.body][:2]
        near = points[np.linalg.norm(points[:, :2] - points[:, :2].mean(0), axis=1) < 0.03]
        height = float((near if len(near) else points)[:, 2].max()) + TIP_BELOW - press
        waypoints = _drag_path(arm, obj, region, geometry, points)
        target = waypoints[0]
        forward = _unit(target - data.xpos[obj.body][:2])
        yaw = np.arctan2(forward[1], forward[0]) if along else np.arctan2(forward[0], -forward[1])
        rotation = arm.nearest_equivalent(pointing_down(float(yaw)))
        contact = np.array([*(data.xpos[obj.body][:2] + offset), height])
        arm.opening = None
        yield from arm.move_to(contact + up(0.12), rotation, tolerance=0.02, pass_through=True)
        yield from arm.move_to(contact, rotation, tolerance=0.008, precise=True, max_steps=30)
        last_distance, ahead, slipped = np.inf, DRAG_AHEAD, False
        for _ in range(DRAG_STEPS):
            position = data.xpos[obj.body][:2]
            if np.linalg.norm(target - position) < (0.012 if len(waypoints) == 1 else CORNER_TOLERANCE):
                waypoints = waypoints[1:]
                if not waypoints:
                    break
                target, last_distance = waypoints[0], np.inf
            slipped = bool(np.linalg.norm(arm.position[:2] - position - offset) > SLIP)
            if slipped:
                break
            # ahead of the object, not of the fingers: where they slip they wait for it; further where it is held up
            distance = float(np.linalg.norm(target - position))
            stalled = last_distance - distance < STALLED_DRAG
            ahead = ahead + 0.006 if stalled else max(DRAG_AHEAD, ahead - 0.003)
            last_distance = distance
            pulled = position + offset + min(ahead, MAX_DRAG_AHEAD) * _unit(target - position)
            yield arm.action_towards(np.array([*pulled, height]), rotation)
        retreat = up(0.04 if slipped else RETREAT)
        yield from arm.move_to(arm.position + retreat, rotation, tolerance=0.02, max_steps=25)
        return slipped

    return candidate


def _drag_path(arm: Arm, obj: Entity, region: Entity, geometry: SceneGeometry, points: np.ndarray) -> list[np.ndarray]:
    """Return waypoints (2,) of a flat object's body into a region."""
    data = arm.world.data
    start, middle = data.xpos[obj.body][:2].copy(), data.site_xpos[region.site][:2].copy()
    half = np.abs(data.site_xmat[region.site].reshape(3, 3) @ np.array(region.size))[:2]
    margin = np.maximum(half - INSIDE_REGION, 0.0)
    fractions = (0.0, 0.5, -0.5, 1.0, -1.0)
    ends = sorted((np.array([x, y]) for x in fractions for y in fractions), key=lambda end: float(np.linalg.norm(end)))
    obstacles = geometry.obstacles_of(arm.world, obj)
    bottom, top = float(points[:, 2].min()), float(points[:, 2].max())
    low = obstacles[(obstacles[:, 2] > bottom + 0.004) & (obstacles[:, 2] < top + 0.01)]
    high = obstacles[obstacles[:, 2] > top + PALM_ABOVE]
    radius = float(np.linalg.norm(points[:, :2] - start, axis=1).max())
    return plan_path(
        start,
        [middle + margin * end for end in ends],
        [(low[:, :2], radius + 0.006), (high[:, :2], HAND_HALF_LENGTH)],
    )


def up(height: float) -> np.ndarray:
    """Return the displacement (3,) upwards."""
    return np.array([0.0, 0.0, height])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
