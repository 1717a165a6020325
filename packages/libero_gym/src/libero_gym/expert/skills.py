"""What the gripper can do with a thing: take it, put it down, push it.

Each is a stream of actions that looks at the simulator's state.

Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import numpy as np

from libero_gym.expert.arm import Arm, pointing_down
from libero_gym.expert.grasps import HAND_HALF_LENGTH, OPENING, PALM_ABOVE, TIP_BELOW, Grasp
from libero_gym.expert.paths import way_round
from libero_gym.expert.placing import turned
from libero_gym.expert.sight import Sight
from libero_gym.tasks.tables import Entity

Way = Callable[[Arm], Iterator[np.ndarray]]
"""A way to do something: actions for the arm of any world like the one that it was planned in."""

APPROACH = 0.09
"""How far above a grasp it is approached from."""
CLOSING_STEPS, OPENING_STEPS = 9, 5
RETREAT = 0.10
DRAG_STEPS, DRAG_AHEAD, DRAG_MOST = 140, 0.03, 0.12
DRAG_TRIES, DRAG_SLIP = 3, 0.045
"""How often the fingers are set onto the thing, and how far from their place on it they have slipped off, metres."""
DRAG_SLOW = 0.008
"""Less progress in a step makes the arm pull harder, metres."""
DRAG_CORNER, DRAG_INSIDE = 0.03, 0.014
"""How near to a way-point the next is headed for; how far within a region's edge a way ends."""


def reach(arm: Arm, grasp: Grasp) -> Iterator[np.ndarray]:
    """Bring the open fingers around what is to be held."""
    arm.opening = grasp.opening
    back = -grasp.rotation[:, 2] * (APPROACH + arm.variation.lift)
    above = grasp.position + back
    far = np.linalg.norm(above[:2] - arm.position[:2]) > 0.05
    yield from arm.go(
        np.array([*above[:2], max(above[2], arm.position[2] if far else above[2])]),
        grasp.rotation,
        tolerance=0.02,
        through=True,
    )
    yield from arm.go(above, grasp.rotation, tolerance=0.01)
    yield from arm.go(grasp.position, grasp.rotation, tolerance=0.004, exact=True, speed=0.8, steps=45)


def take(arm: Arm, grasp: Grasp, lift: float, drag: np.ndarray) -> Iterator[np.ndarray]:
    """Close around a grasp, drag it by `drag` (2,) from under something, and raise it by `lift`."""
    yield from reach(arm, grasp)
    arm.opening = None
    yield from arm.hold(CLOSING_STEPS)
    if drag.any():
        yield from arm.go(arm.position + np.array([*drag, 0.008]), tolerance=0.015, steps=40, exact=True)
    yield from arm.go(arm.position + up(lift), tolerance=0.02, steps=40)


def put(arm: Arm, release: np.ndarray, over: float, spin: float = 0.0) -> Iterator[np.ndarray]:
    """Carry what is held to a place and let it go.

    Args:
        release: (3,), of the gripper when it opens.
        over: height at which the gripper travels.
        spin: by how much it turns about the vertical on the way, radians.
    """
    here, upright = arm.position, arm.rotation
    if here[2] < over - 0.01:
        yield from arm.go(np.array([*here[:2], over]), upright, tolerance=0.01, through=True, as_is=True)
    upright = turned(upright.T, spin).T
    yield from arm.go(np.array([*release[:2], max(over, release[2])]), upright, tolerance=0.012, as_is=True)
    yield from arm.go(release, upright, tolerance=0.005, exact=True, speed=0.6, steps=50, as_is=True)
    arm.opening = OPENING
    yield from arm.hold(OPENING_STEPS)
    yield from arm.go(arm.position + up(RETREAT), tolerance=0.02, steps=25, as_is=True)


def drag_to(thing: Entity, region: Entity, sight: Sight, press: float, along: bool) -> Way:
    """Press closed fingers onto the middle of a flat thing and drag it over the table into a region, round what is in
    the way.

    Args:
        press: how far below the thing's surface the finger tips are sent, metres.
        along: whether the hand lies along the way or across it.
    """

    def way(arm: Arm) -> Iterator[np.ndarray]:
        for _ in range(DRAG_TRIES):
            slipped = yield from once(arm)
            if not slipped:
                return

    def once(arm: Arm) -> Generator[np.ndarray, None, bool]:
        """One drag; whether the fingers slipped off the thing."""
        data = arm.world.data
        points = sight.thing(arm.world, thing)
        # from the body, by which the goal goes, to the middle of what is touched
        off = points[:, :2].mean(0) - data.xpos[thing.body][:2]
        near = points[np.linalg.norm(points[:, :2] - points[:, :2].mean(0), axis=1) < 0.03]
        height = float((near if len(near) else points)[:, 2].max()) + TIP_BELOW - press
        stops = _drag_path(arm, thing, region, sight, points)
        target = stops[0]
        forward = _unit(target - data.xpos[thing.body][:2])
        yaw = np.arctan2(forward[1], forward[0]) if along else np.arctan2(forward[0], -forward[1])
        rotation = arm.nearest(pointing_down(float(yaw)))
        start = np.array([*(data.xpos[thing.body][:2] + off), height])
        arm.opening = None
        yield from arm.go(start + up(0.12), rotation, tolerance=0.02, through=True)
        yield from arm.go(start, rotation, tolerance=0.008, exact=True, steps=30)
        last, pull, slipped = np.inf, DRAG_AHEAD, False
        for _ in range(DRAG_STEPS):
            here = data.xpos[thing.body][:2]
            if np.linalg.norm(target - here) < (0.012 if len(stops) == 1 else DRAG_CORNER):
                stops = stops[1:]
                if not stops:
                    break
                target, last = stops[0], np.inf
            slipped = bool(np.linalg.norm(arm.position[:2] - here - off) > DRAG_SLIP)
            if slipped:
                break
            # ahead of the thing, not of the fingers: where they slip they wait for it; further where it is held up
            left = float(np.linalg.norm(target - here))
            pull = pull + 0.006 if last - left < DRAG_SLOW else max(DRAG_AHEAD, pull - 0.003)
            last = left
            yield arm.to(np.array([*(here + off + min(pull, DRAG_MOST) * _unit(target - here)), height]), rotation)
        yield from arm.go(arm.position + up(0.04 if slipped else RETREAT), rotation, tolerance=0.02, steps=25)
        return slipped

    return way


def _drag_path(arm: Arm, thing: Entity, region: Entity, sight: Sight, points: np.ndarray) -> list[np.ndarray]:
    """Way-points (2,) of a flat thing's body into a region."""
    data = arm.world.data
    start, middle = data.xpos[thing.body][:2].copy(), data.site_xpos[region.site][:2].copy()
    half = np.abs(data.site_xmat[region.site].reshape(3, 3) @ np.array(region.size))[:2]
    room = np.maximum(half - DRAG_INSIDE, 0.0)
    shares = (0.0, 0.5, -0.5, 1.0, -1.0)
    ends = sorted((np.array([a, b]) for a in shares for b in shares), key=lambda end: float(np.linalg.norm(end)))
    others = sight.others(arm.world, thing)
    bottom, top = float(points[:, 2].min()), float(points[:, 2].max())
    low = others[(others[:, 2] > bottom + 0.004) & (others[:, 2] < top + 0.01)]
    high = others[others[:, 2] > top + PALM_ABOVE]
    radius = float(np.linalg.norm(points[:, :2] - start, axis=1).max())
    return way_round(
        start,
        [middle + room * end for end in ends],
        [(low[:, :2], radius + 0.006), (high[:, :2], HAND_HALF_LENGTH)],
    )


def up(height: float) -> np.ndarray:
    """(3,) so far up."""
    return np.array([0.0, 0.0, height])


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def spread(grasps: list[Grasp], most: int = 12) -> list[Grasp]:
    """The best grasps that differ from each other."""
    chosen: list[Grasp] = []
    for grasp in grasps:
        if all(
            np.linalg.norm(grasp.position - other.position) > 0.015
            or abs(grasp.rotation[:, 0] @ other.rotation[:, 0]) < 0.94
            for other in chosen
        ):
            chosen.append(grasp)
        if len(chosen) >= most:
            break
    return chosen
