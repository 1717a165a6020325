"""Taking a thing out of the way first, where it would be in the way of what is done next.

Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm
from libero_gym.expert.grasps import OPENING, Grasp, find_grasps
from libero_gym.expert.jobs import Bring, Job
from libero_gym.expert.joints import Turn
from libero_gym.expert.sight import Sight
from libero_gym.expert.skills import CLOSING_STEPS, OPENING_STEPS, Way, reach, spread, up
from libero_gym.tasks.tables import Entity

RAISE = 0.03
"""How far a thing is raised to be put elsewhere on what it stands on."""
GAP = 0.012
"""Between a thing and what it is put down beside."""
HAND_GAP = 0.05
"""Between a thing and what it was in the way of, so that the hand fits between."""
REACH_X, REACH_Y = (-0.30, 0.16), (-0.32, 0.32)
"""Where a thing may be put, in the robot's reach."""
DISTANCES = np.arange(0.04, 0.25, 0.01)
DIRECTIONS = np.arange(16) * np.pi / 8
IN_THE_WAY = 0.05
"""A thing that is nearer to where something moves to is not easily taken afterwards."""
MOVED = 0.03
"""A thing that has come so far has been moved."""


def clearing(world: World, jobs: Sequence[Job], sight: Sight) -> list[Job]:
    """Jobs to do first, so that nothing that is taken later is under a drawer or behind a door by then."""
    zones = [job.swept(world) for job in jobs if isinstance(job, Turn) and not job.done(world)]
    zone = np.concatenate([points[:, :2] for points in zones]) if zones else np.zeros((0, 2))
    found: list[Job] = []
    for job in jobs:
        if isinstance(job, Bring) and not job.done(world):
            gaps = [_gap(zone, point) for point in sight.thing(world, job.thing)[:, :2]]
            if min(gaps, default=np.inf) < IN_THE_WAY:
                found.append(Aside(world, job.thing, zone, sight))
    return found


class Aside:
    """Take a thing and put it down nearby, away from where it is in the way."""

    def __init__(self, world: World, thing: Entity, zone: np.ndarray, sight: Sight) -> None:
        """`zone`: (P, 2) points that nothing of the thing shall be near to; it is taken from where it is in `world`."""
        self._thing, self._zone, self._sight = thing, zone, sight
        self._start = world.data.xpos[thing.body][:2].copy()

    def __str__(self) -> str:
        return f"{self._thing.name} out of the way"

    def done(self, world: World) -> bool:
        return bool(np.linalg.norm(world.data.xpos[self._thing.body][:2] - self._start) > MOVED)

    def ways(self, world: World) -> list[Way]:
        data, sight = world.data, self._sight
        points, others = sight.thing(world, self._thing), sight.others(world, self._thing)
        home = Arm.still(world).home
        grasps = find_grasps(
            points,
            others,
            centre=data.xipos[self._thing.body],
            home_yaw=float(np.arctan2(home[1, 0], home[0, 0])),
        )
        spots = self._spots(points, others)
        return [self._way(grasp, spot) for spot in spots[:2] for grasp in spread(grasps, 2)]

    def _spots(self, points: np.ndarray, others: np.ndarray) -> list[np.ndarray]:
        """(2,) each: by how much to move the thing, the least first."""
        footprint = points[:, :2]
        middle = 0.5 * (footprint.min(0) + footprint.max(0))
        radius = float(np.linalg.norm(footprint - middle, axis=1).max())
        # what is as high as the thing, or over it
        rest = others[others[:, 2] > points[:, 2].min() + 0.004][:, :2]
        found: list[tuple[float, np.ndarray]] = []
        for distance in DISTANCES:
            for angle in DIRECTIONS:
                move = distance * np.array([np.cos(angle), np.sin(angle)])
                x, y = middle + move
                if not (REACH_X[0] < x < REACH_X[1] and REACH_Y[0] < y < REACH_Y[1]):
                    continue
                gap = _gap(rest, middle + move) - radius - GAP
                away = _gap(self._zone, middle + move) - radius - HAND_GAP
                if gap > 0 and away > 0:
                    found.append((float(distance), move))
        found.sort(key=lambda item: item[0])
        chosen: list[np.ndarray] = []
        for _, move in found:
            if all(np.linalg.norm(move - other) > 0.06 for other in chosen):
                chosen.append(move)
        return chosen

    def _way(self, grasp: Grasp, move: np.ndarray) -> Way:
        def way(arm: Arm) -> Iterator[np.ndarray]:
            yield from reach(arm, grasp)
            arm.opening = None
            yield from arm.hold(CLOSING_STEPS)
            low = arm.position
            rotation = arm.rotation
            yield from arm.go(low + up(RAISE), rotation, tolerance=0.015, through=True, steps=20)
            yield from arm.go(low + np.array([*move, RAISE]), rotation, tolerance=0.012, steps=40)
            yield from arm.go(low + np.array([*move, 0.004]), rotation, tolerance=0.008, exact=True, steps=20)
            arm.opening = OPENING
            yield from arm.hold(OPENING_STEPS)
            yield from arm.go(arm.position + up(0.08), rotation, tolerance=0.02, through=True, steps=25)

        return way


def _gap(points: np.ndarray, place: np.ndarray) -> float:
    return float(np.linalg.norm(points - place, axis=1).min()) if len(points) else np.inf
