"""A goal's predicates as jobs, and the ways to do each.

Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Protocol

import numpy as np

from libero_gym.engine.world import World
from libero_gym.expert.arm import Arm
from libero_gym.expert.grasps import Grasp, find_grasps
from libero_gym.expert.joints import Turn, leaning
from libero_gym.expert.placing import EDGE, spins, spots, turned
from libero_gym.expert.shelves import Compartment, into
from libero_gym.expert.sight import Sight
from libero_gym.expert.skills import Way, drag_to, put, spread, take
from libero_gym.tasks.tables import Entity

LIFT = 0.06
STRAIGHT, LEAN = 7, 0.4
"""Ways that are tried before those with a leaning hand, and how far it leans, radians."""
HELD = 0.03
"""A thing that is further from the place between the finger tips is not held."""
CARRY_CLEARANCE = 0.03
RELEASE_ABOVE = 0.006
DRAG_CLEARANCE = 0.004
INSIDE_VARIANTS = ((False, 0.004), (False, -0.025), (True, -0.025))
"""Of putting something into something: low or from above the rim, and how far from what is over the open part."""


DRAGS = ((0.010, False), (0.010, True), (0.006, True), (0.014, True))
"""Of dragging a flat thing: how hard to press, metres, and whether the hand lies along the way."""
INCLINED = 0.35
"""Of the hand from pointing straight down, where it does not fit otherwise, radians."""
EIGHT_WAYS = [np.array([np.cos(angle), np.sin(angle)]) for angle in np.arange(8) * np.pi / 4]


class Job(Protocol):
    """One predicate of a goal."""

    def done(self, world: World) -> bool:
        """Whether the predicate holds."""

    def ways(self, world: World) -> list[Way]:
        """Ways to make it hold from where the world is, best first."""


def jobs_of(world: World, sight: Sight) -> list[Job]:
    """A goal's jobs in the order in which they can be done: what has to be open first, what is closed last."""
    table = world.scene.table
    sharing: dict[str, list[int]] = {}
    for index, atom in enumerate(table.goal):
        if atom.name == "on":
            sharing.setdefault(atom.arguments[1], []).append(index)
    places = [sight.entities[atom.arguments[1]] for atom in table.goal if len(atom.arguments) > 1]
    used = {name for place in places for name in (place.name, place.parent)}
    before: list[Job] = []
    first: list[Job] = []
    middle: list[Job] = []
    last: list[Job] = []
    for index, atom in enumerate(table.goal):
        entities = [sight.entities[name] for name in atom.arguments]
        if atom.name in ("on", "in"):
            place = entities[1]
            if atom.name == "in" and "open" in place.conditions and place.joint_qpos:
                first.append(Turn(place, "open", sight, only_just=True))
            those = sharing.get(place.name, [index])
            share = (those.index(index), len(those)) if index in those else (0, 1)
            middle.append(Bring(index, entities[0], place, sight, inside=atom.name == "in", share=share))
        elif atom.name in ("open", "turnon"):
            first.append(Turn(entities[0], atom.name, sight))
        elif atom.name in ("close", "turnoff"):
            # what nothing is put into is closed before something above it is opened
            (last if entities[0].name in used else before).append(Turn(entities[0], atom.name, sight))
    return [*before, *first, *middle, *last]


class Bring:
    """Take a thing and put it on or into something."""

    def __init__(
        self,
        index: int,
        thing: Entity,
        place: Entity,
        sight: Sight,
        *,
        inside: bool,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """
        Args:
            index: of the predicate in the goal.
            thing: what is taken.
            place: where it is put.
            sight: of the world.
            inside: whether it is put into it.
            share: which of how many things that are put onto the same place.
        """
        self._share = share
        self._index = index
        self._inside = inside
        self._sight = sight
        self.thing, self.place = thing, place

    def __str__(self) -> str:
        return f"{self.thing.name} to {self.place.name}"

    def done(self, world: World) -> bool:
        return world.goal.satisfied(world.data)[self._index]

    def ways(self, world: World) -> list[Way]:
        data, sight = world.data, self._sight
        body = self.thing.body
        points = sight.thing(world, self.thing)
        arm = Arm.still(world)
        others = sight.others(world, self.thing)
        home_yaw = float(np.arctan2(arm.home[1, 0], arm.home[0, 0]))
        grasps = find_grasps(points, others, centre=data.xipos[body], home_yaw=home_yaw)
        if not grasps:
            # what stands beside it is in the way of the hand, if that is not inclined
            for direction in EIGHT_WAYS:
                lean = leaning(np.array([*direction, 0.0]), INCLINED)
                grasps += find_grasps(points, others, centre=data.xipos[body], home_yaw=home_yaw, lean=lean)
            grasps.sort(key=lambda grasp: -grasp.score)
        above = others[others[:, 2] > points[:, 2].max() - 0.005]
        chosen = [(grasp, self._drag(grasp, points, above)) for grasp in spread(grasps)]
        # a short drag first
        chosen.sort(key=lambda item: float(np.linalg.norm(item[1])))
        compartment = self._compartment(world)
        if compartment is not None:
            # by a part that stays outside, or with the hand pointing inwards
            outside = [grasp for grasp in grasps if compartment.outside(grasp, data.xpos[body], points)]
            beside = [self._way_in(grasp, np.zeros(2), compartment, tip=False) for grasp in spread(outside)]
            room = compartment.roof - compartment.floor
            # tipped, it is as high as it was deep across the fingers
            flat = [each for each in chosen if np.ptp(points @ each[0].rotation[:, 1]) < room]
            behind = [self._way_in(*each, compartment, tip=True) for each in flat]
            return [way for pair in zip_longest(beside, behind) for way in pair if way is not None]
        variants = INSIDE_VARIANTS if self._inside else ((False, 0.0),)
        # every grasp once before the first is tried in another way
        ways = [self._way(*each, low, margin) for low, margin in variants for each in chosen[:4]]
        others_first = range(1, 4 if self._share[1] > 1 else 2 if self._inside else 1)
        ways += [self._way(*each, *variants[0], other=other) for other in others_first for each in chosen[:2]]
        ways += [self._way(*each, *variants[0]) for each in chosen[4:]]
        if self.place.kind == "region" and not self.place.parent and not self._inside:
            drags = [drag_to(self.thing, self.place, sight, *drag) for drag in DRAGS]
            ways = [*ways[:2], *drags, *ways[2:]]
        return [*ways[:STRAIGHT], *self._leaning_ways(world, variants[0]), *ways[STRAIGHT:]]

    def _leaning_ways(self, world: World, variant: tuple[bool, float]) -> list[Way]:
        """With a hand that leans a little: where the arm would touch something else if it did not."""
        data, sight, home = world.data, self._sight, Arm.still(world).home
        points, others = sight.thing(world, self.thing), sight.others(world, self.thing)
        found = []
        for direction in EIGHT_WAYS[::2]:
            grasps = find_grasps(
                points,
                others,
                centre=data.xipos[self.thing.body],
                home_yaw=float(np.arctan2(home[1, 0], home[0, 0])),
                yaws=np.arange(4) * np.pi / 4,
                lean=leaning(np.array([*direction, 0.0]), LEAN),
            )
            found += spread(grasps, 1)
        found.sort(key=lambda grasp: -grasp.score)
        return [self._way(grasp, np.zeros(2), *variant) for grasp in found]

    def _compartment(self, world: World) -> Compartment | None:
        """Where the thing goes, if that has a roof."""
        if not self._inside or self.place.kind != "region" or self.place.joint_qpos:
            return None
        centre, half, sight = world.data.site_xpos[self.place.site].copy(), self._half(world), self._sight
        geoms = sight.geoms_of_body(int(world.model.site_bodyid[self.place.site]))
        return Compartment.of(centre, half, sight.geoms(world, geoms), centre[2] - half[2])

    def _way_in(self, grasp: Grasp, drag: np.ndarray, compartment: Compartment, *, tip: bool) -> Way:
        def way(arm: Arm) -> Iterator[np.ndarray]:
            world, sight = arm.world, self._sight
            yield from take(arm, grasp, LIFT, drag)
            if self._slipped(arm):
                return
            points = sight.thing(world, self.thing)
            over = _height_over(sight.others(world, self.thing), points, arm.position, compartment.centre[:2])
            body = world.data.xpos[self.thing.body].copy()
            yield from into(arm, body, points, compartment, tip=tip, over=over - 0.1)

        return way

    def _slipped(self, arm: Arm) -> bool:
        """Whether the thing is not in the hand that was to take it."""
        points = self._sight.thing(arm.world, self.thing)
        return bool(np.linalg.norm(points - arm.position, axis=1).min() > HELD)

    def _drag(self, grasp: Grasp, points: np.ndarray, above: np.ndarray) -> np.ndarray:
        """(2,): how to drag the thing from under what is above it, in the direction in which the fingers close: they
        push it then, and cannot slip along it."""
        along = grasp.rotation[:2, 0]
        return _out_from_under(points, above, DRAG_CLEARANCE, [along, -along])

    def _way(self, grasp: Grasp, drag: np.ndarray, low: bool, margin: float, other: int = 0) -> Way:
        """`other`: not the best spot or turn of the thing, but one after it."""

        def way(arm: Arm) -> Iterator[np.ndarray]:
            world, sight = arm.world, self._sight
            yield from take(arm, grasp, LIFT, drag)
            if self._slipped(arm):
                return
            held = world.data.xpos[self.thing.body] - arm.position
            relative = sight.thing(world, self.thing) - arm.position
            spin = 0.0
            if self._inside:
                yaw, home = (float(np.arctan2(each[1, 0], each[0, 0])) for each in (arm.rotation, arm.home))
                turns = spins(relative[:, :2], self._half(world)[:2], yaw, home)
                spin = turns[other % len(turns)]
            held, relative = turned(held, spin), turned(relative, spin)
            bottom = float(relative[:, 2].min())
            target, top, ceiling = self._target(world)
            others = sight.others(world, self.thing)
            if self._inside:
                # where the way down is free: the open part of a drawer
                footprint = relative - [*(held[:2] - target), 0.0]
                if spin:
                    # a narrow place: not the body, the whole thing goes into its middle
                    off = target - 0.5 * (footprint[:, :2].min(0) + footprint[:, :2].max(0))
                    room = np.maximum(self._half(world)[:2] - EDGE, 0.0)
                    target = target + np.clip(off, -room, room)
                else:
                    target = target + _out_from_under(
                        footprint, others[others[:, 2] > self._rim(world) + 0.005], margin, EIGHT_WAYS
                    )
            elif self.place.kind == "region":
                choice = spots(relative[:, :2], self._half(world)[:2], *self._share)
                target = target + choice[other % len(choice)]
            if low:
                ceiling = -np.inf
            points = relative + arm.position
            over = _height_over(others, points, arm.position, target - held[:2]) - bottom + CARRY_CLEARANCE
            release = np.array([*(target - held[:2]), max(top - bottom + RELEASE_ABOVE, ceiling)])
            yield from put(arm, release, max(over, release[2] + 0.02), spin)

        return way

    def _half(self, world: World) -> np.ndarray:
        """(3,) half-sizes of a region along the world's axes."""
        if self.place.kind != "region":
            return np.zeros(3)
        return np.abs(world.data.site_xmat[self.place.site].reshape(3, 3) @ np.array(self.place.size))

    def _rim(self, world: World) -> float:
        """Height of the upper edge of what a thing is put into."""
        body = int(world.model.site_bodyid[self.place.site])
        points = self._sight.geoms(world, self._sight.geoms_of_body(body))
        return float(points[:, 2].max()) if len(points) else float(world.data.site_xpos[self.place.site][2])

    def _target(self, world: World) -> tuple[np.ndarray, float, float]:
        """Where the thing's body goes (2,), the height of what it rests on, and the least height of the gripper."""
        data = world.data
        if self.place.kind == "region":
            centre = data.site_xpos[self.place.site]
            half = np.abs(data.site_xmat[self.place.site].reshape(3, 3) @ np.array(self.place.size))
            if self._inside:
                return centre[:2].copy(), centre[2] - half[2], min(centre[2] + half[2] - 0.03, self._rim(world))
            return centre[:2].copy(), centre[2] + half[2], -np.inf
        points = self._sight.thing(world, self.place)
        centre = data.xpos[self.place.body][:2].copy()
        near = points[np.linalg.norm(points[:, :2] - centre, axis=1) < 0.03]
        return centre, float((near if len(near) else points)[:, 2].max()), -np.inf


def _out_from_under(
    thing: np.ndarray, above: np.ndarray, margin: float, directions: Sequence[np.ndarray]
) -> np.ndarray:
    """(2,): the shortest way in one of some directions to move a thing to where none of the points `above` is over it,
    or nearer than `margin`; zero if none is, or if there is no such way."""
    above = above[:, :2]
    low, high = thing[:, :2].min(0) - margin, thing[:, :2].max(0) + margin
    for distance in np.arange(0.0, 0.16, 0.01):
        for direction in directions:
            moved = distance * direction
            if not ((above > low + moved) & (above < high + moved)).all(1).any():
                return moved
    return np.zeros(2)


def _height_over(others: np.ndarray, thing: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """The height of the highest thing near the straight way between two places, for a thing as broad as `thing`."""
    reach = 0.5 * float(np.ptp(thing[:, :2], axis=0).max()) + 0.03
    way = end - start[:2]
    length = float(np.linalg.norm(way))
    along = way / length if length > 1e-6 else np.array([1.0, 0.0])
    relative = others[:, :2] - start[:2]
    forward = relative @ along
    aside = np.abs(relative @ np.array([-along[1], along[0]]))
    near = (aside < reach) & (forward > -0.02) & (forward < length + reach)
    return float(others[near, 2].max()) if near.any() else float(others[:, 2].min())
