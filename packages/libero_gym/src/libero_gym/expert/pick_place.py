"""The subgoal of a predicate `on` or `in`: pick an object and place it on or in another, or drag it there.

Axes: P points. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm, home_rotation
from libero_gym.expert.compartments import Compartment, insert
from libero_gym.expert.grasps import Grasp, distinct_grasps, find_grasps
from libero_gym.expert.placement_poses import EDGE, placement_offsets, placement_yaws
from libero_gym.expert.rotations import rotate_yaw, tilt, yaw_of
from libero_gym.expert.scene_geometry import SceneGeometry
from libero_gym.expert.skills import Candidate, drag_candidate, pick, place
from libero_gym.tasks.tables import Entity

LIFT = 0.06
UPRIGHT_CANDIDATES, TILT = 7, 0.4
"""Candidates that are tried before those with a tilted hand, and how far it is tilted."""
STEEP_TILT = 0.35
"""Of the hand where no upright grasp fits."""
HELD = 0.03
"""An object that is further from the place between the finger tips is not held."""
CARRY_CLEARANCE = 0.03
RELEASE_ABOVE = 0.006
DRAG_CLEARANCE = 0.004
ON_VARIANTS = ((False, 0.0),)
IN_VARIANTS = ((False, 0.004), (False, -0.025), (True, -0.025))
"""Of placing on or in a destination: whether to go below its rim, and the margin to what is over its open part."""
PRESSES = ((0.010, False), (0.010, True), (0.006, True), (0.014, True))
"""Of dragging a flat object: how hard to press, metres, and whether the hand lies along the path."""
DIRECTIONS = [np.array([np.cos(angle), np.sin(angle)]) for angle in np.arange(8) * np.pi / 4]


class PickPlace:
    """Pick an object and place it on or in a destination."""

    def __init__(
        self,
        index: int,
        obj: Entity,
        destination: Entity,
        geometry: SceneGeometry,
        *,
        inside: bool,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """
        Args:
            index: of the predicate in the goal.
            obj: the object to pick.
            destination: the region or object to place it on or in.
            geometry: of the scene.
            inside: place it in the destination, not on it.
            share: position of this object among those placed on the same destination, and their number.
        """
        self._share = share
        self._index = index
        self._inside = inside
        self._geometry = geometry
        self.obj, self.destination = obj, destination

    def __str__(self) -> str:
        return f"{self.obj.name} to {self.destination.name}"

    def achieved(self, world: World) -> bool:
        return world.goal.satisfied(world.data)[self._index]

    def candidates(self, world: World) -> list[Candidate]:
        points = self._geometry.points_of(world, self.obj)
        obstacles = self._geometry.obstacles_of(world, self.obj)
        grasps = self._grasps(world, points, obstacles)
        above = obstacles[obstacles[:, 2] > points[:, 2].max() - 0.005]
        chosen = [(grasp, self._drag(grasp, points, above)) for grasp in distinct_grasps(grasps)]
        # a short drag first
        chosen.sort(key=lambda item: float(np.linalg.norm(item[1])))
        compartment = self._compartment(world)
        if compartment is not None:
            # by a part that stays outside, or with the hand pointing inwards
            body = world.data.xpos[self.obj.body]
            outside = distinct_grasps([grasp for grasp in grasps if compartment.fits_upright(grasp, body, points)])
            level = [self._insertion(grasp, np.zeros(2), compartment, tip=False) for grasp in outside]
            height = compartment.ceiling - compartment.floor
            # tipped, it is as high as it was deep across the fingers
            flat = [(grasp, drag) for grasp, drag in chosen if np.ptp(points @ grasp.rotation[:, 1]) < height]
            tipped = [self._insertion(grasp, drag, compartment, tip=True) for grasp, drag in flat]
            pairs = zip_longest(level, tipped)
            return [candidate for pair in pairs for candidate in pair if candidate is not None]
        variants = IN_VARIANTS if self._inside else ON_VARIANTS
        # every grasp once before the first is tried with another variant
        candidates = [
            self._candidate(grasp, drag, low, margin) for low, margin in variants for grasp, drag in chosen[:4]
        ]
        alternatives = range(1, 4 if self._share[1] > 1 else 2 if self._inside else 1)
        candidates += [
            self._candidate(grasp, drag, *variants[0], alternative=alternative)
            for alternative in alternatives
            for grasp, drag in chosen[:2]
        ]
        candidates += [self._candidate(grasp, drag, *variants[0]) for grasp, drag in chosen[4:]]
        if self.destination.kind == "region" and not self.destination.parent and not self._inside:
            drags = [drag_candidate(self.obj, self.destination, self._geometry, *press) for press in PRESSES]
            candidates = [*candidates[:2], *drags, *candidates[2:]]
        tilted = self._tilted_candidates(world, points, obstacles, variants[0])
        return [*candidates[:UPRIGHT_CANDIDATES], *tilted, *candidates[UPRIGHT_CANDIDATES:]]

    def _grasps(self, world: World, points: np.ndarray, obstacles: np.ndarray) -> list[Grasp]:
        """Return grasps from straight above; where an obstacle leaves none, with a tilted hand."""
        centre, home_yaw = world.data.xipos[self.obj.body], yaw_of(home_rotation(world))
        grasps = find_grasps(points, obstacles, centre=centre, home_yaw=home_yaw)
        if not grasps:
            for direction in DIRECTIONS:
                rotation = tilt(np.array([*direction, 0.0]), STEEP_TILT)
                grasps += find_grasps(points, obstacles, centre=centre, home_yaw=home_yaw, tilt=rotation)
            grasps.sort(key=lambda grasp: -grasp.score)
        return grasps

    def _tilted_candidates(
        self, world: World, points: np.ndarray, obstacles: np.ndarray, variant: tuple[bool, float]
    ) -> list[Candidate]:
        """Return candidates with a hand that is tilted a little: for where the upright arm would touch an obstacle."""
        found = []
        for direction in DIRECTIONS[::2]:
            grasps = find_grasps(
                points,
                obstacles,
                centre=world.data.xipos[self.obj.body],
                home_yaw=yaw_of(home_rotation(world)),
                yaws=np.arange(4) * np.pi / 4,
                tilt=tilt(np.array([*direction, 0.0]), TILT),
            )
            found += distinct_grasps(grasps, 1)
        found.sort(key=lambda grasp: -grasp.score)
        return [self._candidate(grasp, np.zeros(2), *variant) for grasp in found]

    def _compartment(self, world: World) -> Compartment | None:
        """Return where the object goes, if that is roofed and is no drawer."""
        if not self._inside or self.destination.kind != "region" or self.destination.joint_qpos:
            return None
        centre, half = world.data.site_xpos[self.destination.site].copy(), self._half_sizes(world)
        return Compartment.of(centre, half, self._destination_points(world), centre[2] - half[2])

    def _insertion(self, grasp: Grasp, drag: np.ndarray, compartment: Compartment, *, tip: bool) -> Candidate:
        def candidate(arm: Arm) -> Iterator[np.ndarray]:
            world, geometry = arm.world, self._geometry
            yield from pick(arm, grasp, LIFT, drag)
            points = geometry.points_of(world, self.obj)
            if not _is_held(arm, points):
                return
            obstacles = geometry.obstacles_of(world, self.obj)
            height = _obstacle_height(obstacles, points, arm.position, compartment.centre[:2])
            body = world.data.xpos[self.obj.body].copy()
            yield from insert(arm, body, points, compartment, tip=tip, travel_height=height - 0.1)

        return candidate

    def _drag(self, grasp: Grasp, points: np.ndarray, above: np.ndarray) -> np.ndarray:
        """Return how to drag the object (2,) from under what is above it, in the direction in which the fingers close:
        they push it then, and cannot slip along it."""
        along = grasp.rotation[:2, 0]
        return _out_from_under(points, above, DRAG_CLEARANCE, [along, -along])

    def _candidate(self, grasp: Grasp, drag: np.ndarray, low: bool, margin: float, alternative: int = 0) -> Candidate:
        """Return the motion that picks by a grasp and places.

        Args:
            grasp: of the object.
            drag: (2,), see `_drag`.
            low: see IN_VARIANTS.
            margin: see IN_VARIANTS.
            alternative: rank of the placement pose; 0 is the best.
        """

        def candidate(arm: Arm) -> Iterator[np.ndarray]:
            world, geometry = arm.world, self._geometry
            yield from pick(arm, grasp, LIFT, drag)
            points = geometry.points_of(world, self.obj)
            if not _is_held(arm, points):
                return
            body = world.data.xpos[self.obj.body] - arm.position
            relative = points - arm.position
            yaw_change = 0.0
            if self._inside:
                yaws = placement_yaws(
                    relative[:, :2], self._half_sizes(world)[:2], yaw_of(arm.rotation), yaw_of(arm.home)
                )
                yaw_change = yaws[alternative % len(yaws)]
            body, relative = rotate_yaw(body, yaw_change), rotate_yaw(relative, yaw_change)
            bottom = float(relative[:, 2].min())
            target, support, min_height = self._target(world)
            obstacles = geometry.obstacles_of(world, self.obj)
            if self._inside:
                # where the descent is free: the open part of a drawer
                footprint = relative - [*(body[:2] - target), 0.0]
                if yaw_change:
                    # a narrow place: not the body, the whole object goes into its middle
                    offset = target - 0.5 * (footprint[:, :2].min(0) + footprint[:, :2].max(0))
                    bound = np.maximum(self._half_sizes(world)[:2] - EDGE, 0.0)
                    target = target + np.clip(offset, -bound, bound)
                else:
                    above_rim = obstacles[obstacles[:, 2] > self._rim_height(world) + 0.005]
                    target = target + _out_from_under(footprint, above_rim, margin, DIRECTIONS)
            elif self.destination.kind == "region":
                offsets = placement_offsets(relative[:, :2], self._half_sizes(world)[:2], *self._share)
                target = target + offsets[alternative % len(offsets)]
            if low:
                min_height = -np.inf
            points = relative + arm.position
            release_xy = target - body[:2]
            clear = _obstacle_height(obstacles, points, arm.position, release_xy) - bottom + CARRY_CLEARANCE
            release = np.array([*release_xy, max(support - bottom + RELEASE_ABOVE, min_height)])
            yield from place(arm, release, max(clear, release[2] + 0.02), yaw_change)

        return candidate

    def _half_sizes(self, world: World) -> np.ndarray:
        """Return half-sizes (3,) of a region along the world's axes; zero of an object."""
        if self.destination.kind != "region":
            return np.zeros(3)
        return np.abs(world.data.site_xmat[self.destination.site].reshape(3, 3) @ np.array(self.destination.size))

    def _destination_points(self, world: World) -> np.ndarray:
        """Return points (P, 3) of the body that a region belongs to."""
        body = int(world.model.site_bodyid[self.destination.site])
        return self._geometry.points_of_geoms(world, self._geometry.geoms_of(body))

    def _rim_height(self, world: World) -> float:
        """Return the height of the upper edge of what contains the object."""
        points = self._destination_points(world)
        return float(points[:, 2].max()) if len(points) else float(world.data.site_xpos[self.destination.site][2])

    def _target(self, world: World) -> tuple[np.ndarray, float, float]:
        """Return where the object's body goes (2,), the height of its support, and the least height of the gripper."""
        data = world.data
        if self.destination.kind == "region":
            centre, half = data.site_xpos[self.destination.site], self._half_sizes(world)
            if self._inside:
                min_height = min(centre[2] + half[2] - 0.03, self._rim_height(world))
                return centre[:2].copy(), centre[2] - half[2], min_height
            return centre[:2].copy(), centre[2] + half[2], -np.inf
        points = self._geometry.points_of(world, self.destination)
        centre = data.xpos[self.destination.body][:2].copy()
        near = points[np.linalg.norm(points[:, :2] - centre, axis=1) < 0.03]
        return centre, float((near if len(near) else points)[:, 2].max()), -np.inf


def _is_held(arm: Arm, points: np.ndarray) -> bool:
    """Return whether an object with points (P, 3) is between the fingers."""
    return not np.linalg.norm(points - arm.position, axis=1).min() > HELD


def _out_from_under(
    points: np.ndarray, above: np.ndarray, margin: float, directions: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the shortest displacement (2,) of an object to where no obstacle is over it or nearer than `margin`.

    Args:
        points: (P, 3) of the object.
        above: (P, 3) of obstacles.
        margin: metres.
        directions: (2,) each, of unit length.

    Returns:
        Zero if nothing is over it, or if there is no such displacement.
    """
    above = above[:, :2]
    low, high = points[:, :2].min(0) - margin, points[:, :2].max(0) + margin
    for distance in np.arange(0.0, 0.16, 0.01):
        for direction in directions:
            displacement = distance * direction
            if not ((above > low + displacement) & (above < high + displacement)).all(1).any():
                return displacement
    return np.zeros(2)


def _obstacle_height(obstacles: np.ndarray, points: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Return the height of the highest obstacle near the straight line to `end`, for an object as broad as `points`."""
    radius = 0.5 * float(np.ptp(points[:, :2], axis=0).max()) + 0.03
    line = end - start[:2]
    length = float(np.linalg.norm(line))
    along = line / length if length > 1e-6 else np.array([1.0, 0.0])
    relative = obstacles[:, :2] - start[:2]
    forward = relative @ along
    lateral = np.abs(relative @ np.array([-along[1], along[0]]))
    near = (lateral < radius) & (forward > -0.02) & (forward < length + radius)
    return float(obstacles[near, 2].max()) if near.any() else float(obstacles[:, 2].min())
