"""Move an object first where a later motion would cover it or run into it.

Axes: P points. Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm, home_rotation
from libero_gym.expert.articulation import Articulate
from libero_gym.expert.grasps import OPENING, Grasp, distinct_grasps, find_grasps
from libero_gym.expert.pick_place import PickPlace
from libero_gym.expert.rotations import yaw_of
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.skills import CLOSING_STEPS, OPENING_STEPS, Candidate, reach, up
from libero_gym.expert.subgoals import Subgoal
from libero_gym.tasks.tables import Entity

RAISE = 0.03
"""How far an object is raised to be carried over what it stands on."""
GAP = 0.012
"""Between an object and its neighbours where it is put down."""
HAND_GAP = 0.05
"""Between an object and the swept volume that it left, so that the hand fits between."""
REACH_X, REACH_Y = (-0.30, 0.16), (-0.32, 0.32)
"""Where an object may be put, in the robot's reach."""
DISTANCES = np.arange(0.04, 0.25, 0.01)
DIRECTIONS = np.arange(16) * np.pi / 8
TOO_NEAR = 0.05
"""An object that is nearer to a swept volume is hard to grasp afterwards."""
MOVED = 0.03
"""An object that has come so far has been relocated."""


def relocations(world: World, subgoals: Sequence[Subgoal], geometry: SceneGeometry) -> list[Subgoal]:
    """Return subgoals to achieve first, so that no object to pick ends under a drawer or behind a door."""
    articulated = [subgoal for subgoal in subgoals if isinstance(subgoal, Articulate) and not subgoal.achieved(world)]
    swept = [subgoal.swept_volume(world)[:, :2] for subgoal in articulated]
    keep_out = np.concatenate(swept) if swept else np.zeros((0, 2))
    found: list[Subgoal] = []
    for subgoal in subgoals:
        if isinstance(subgoal, PickPlace) and not subgoal.achieved(world):
            gaps = [_gap(keep_out, point) for point in geometry.points_of(world, subgoal.obj)[:, :2]]
            if min(gaps, default=np.inf) < TOO_NEAR:
                found.append(Relocate(world, subgoal.obj, keep_out, geometry))
    return found


class Relocate:
    """Pick an object and put it down nearby, out of a region that has to stay free."""

    def __init__(self, world: World, obj: Entity, keep_out: np.ndarray, geometry: SceneGeometry) -> None:
        """`keep_out`: (P, 2) points that the object must not be near to; it is moved from where it is in `world`."""
        self._obj, self._keep_out, self._geometry = obj, keep_out, geometry
        self._initial = world.data.xpos[obj.body][:2].copy()

    def __str__(self) -> str:
        return f"{self._obj.name} out of the way"

    def achieved(self, world: World) -> bool:
        return bool(np.linalg.norm(world.data.xpos[self._obj.body][:2] - self._initial) > MOVED)

    def candidates(self, world: World) -> list[Candidate]:
        points = self._geometry.points_of(world, self._obj)
        obstacles = self._geometry.obstacles_of(world, self._obj)
        home_yaw = yaw_of(home_rotation(world))
        grasps = find_grasps(points, obstacles, centre=world.data.xipos[self._obj.body], home_yaw=home_yaw)
        return [
            self._candidate(grasp, move)
            for move in self._free_moves(points, obstacles)[:2]
            for grasp in distinct_grasps(grasps, 2)
        ]

    def _free_moves(self, points: np.ndarray, obstacles: np.ndarray) -> list[np.ndarray]:
        """Return displacements (2,) of the object to free places, the shortest first."""
        footprint = points[:, :2]
        middle = 0.5 * (footprint.min(0) + footprint.max(0))
        radius = float(np.linalg.norm(footprint - middle, axis=1).max())
        # what is as high as the object, or over it
        neighbours = obstacles[obstacles[:, 2] > points[:, 2].min() + 0.004][:, :2]
        found: list[tuple[float, np.ndarray]] = []
        for distance in DISTANCES:
            for angle in DIRECTIONS:
                move = distance * np.array([np.cos(angle), np.sin(angle)])
                x, y = middle + move
                if not (REACH_X[0] < x < REACH_X[1] and REACH_Y[0] < y < REACH_Y[1]):
                    continue
                gap = _gap(neighbours, middle + move) - radius - GAP
                hand_gap = _gap(self._keep_out, middle + move) - radius - HAND_GAP
                if gap > 0 and hand_gap > 0:
                    found.append((float(distance), move))
        found.sort(key=lambda item: item[0])
        chosen: list[np.ndarray] = []
        for _, move in found:
            if all(np.linalg.norm(move - other) > 0.06 for other in chosen):
                chosen.append(move)
        return chosen

    def _candidate(self, grasp: Grasp, move: np.ndarray) -> Candidate:
        def candidate(arm: Arm) -> Iterator[np.ndarray]:
            yield from reach(arm, grasp)
            arm.opening = None
            yield from arm.hold(CLOSING_STEPS)
            low = arm.position
            rotation = arm.rotation
            yield from arm.move_to(low + up(RAISE), rotation, tolerance=0.015, pass_through=True, max_steps=20)
            yield from arm.move_to(low + np.array([*move, RAISE]), rotation, tolerance=0.012, max_steps=40)
            yield from arm.move_to(
                low + np.array([*move, 0.004]), rotation, tolerance=0.008, precise=True, max_steps=20
            )
            arm.opening = OPENING
            yield from arm.hold(OPENING_STEPS)
            yield from arm.move_to(arm.position + up(0.08), rotation, tolerance=0.02, pass_through=True, max_steps=25)

        return candidate


def _gap(points: np.ndarray, position: np.ndarray) -> float:
    """Return the distance of a position (2,) from the nearest of some points (P, 2)."""
    return float(np.linalg.norm(points - position, axis=1).min()) if len(points) else np.inf
