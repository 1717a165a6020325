"""Insert an object into a compartment that has a roof: through its open side, held so that the hand stays outside.

Axes: P points. Lengths are metres, world frame, z up. Inwards is the horizontal direction from the open side to the
opposite one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from libero_gym.expert.arm import Arm
from libero_gym.expert.grasps import HAND_HALF_LENGTH, HAND_HALF_WIDTH, OPENING, Grasp
from libero_gym.expert.rotations import interpolate, pointing_along
from libero_gym.expert.skills import OPENING_STEPS, RETREAT, up

ROOFED = 0.6
"""Fraction of a region under a roof, above which it counts as roofed."""
CELL = 0.02
"""Of the grid by which that is measured."""
FRONT_GAP = 0.03
"""Between the object and the open side when it is lowered in front of it."""
EDGE = 0.006
"""How far within the region the object's body stays."""
ABOVE_FLOOR = 0.008
TIP_OUTSIDE = 0.02
"""How far outside the finger tips stay when they point inwards."""
TIP_DISTANCE, TIP_STEPS = 0.06, 4
"""How far from its place above the open side the hand tips the object, and in how many rotations."""


@dataclass(frozen=True)
class Compartment:
    """A roofed region of a fixture and its open side."""

    centre: np.ndarray
    """(3,) of the region."""
    half: np.ndarray
    """(3,) half-sizes of the region, along the world's axes."""
    inwards: np.ndarray
    """(3,), of length 1."""
    front: float
    """Of the fixture's open side, along `inwards`."""
    floor: float
    """Height of the surface on which an object in it stands."""
    ceiling: float
    """Height of the roof's underside."""

    @classmethod
    def of(cls, centre: np.ndarray, half: np.ndarray, points: np.ndarray, table: float) -> Compartment | None:
        """Return the compartment of a region, or None if it is open above or has no open side.

        Args:
            centre: (3,) of the region.
            half: (3,), its half-sizes along the world's axes.
            points: (P, 3) of the fixture that it belongs to.
            table: height on which objects stand where the fixture has no floor.
        """
        inner = points[(np.abs(points[:, :2] - centre[:2]) < 0.85 * half[:2]).all(1)]
        roof = inner[inner[:, 2] > centre[2] + 0.3 * half[2]]
        cells = np.unique(np.floor((roof[:, :2] - centre[:2]) / CELL), axis=0)
        if len(cells) < ROOFED * np.prod(2 * half[:2] / CELL):
            return None
        under = inner[inner[:, 2] < centre[2] - 0.3 * half[2]]
        floor = max(float(under[:, 2].max()), table) if len(under) else table
        level = np.abs(points[:, 2] - centre[2]) < 0.5 * half[2]
        for axis in (1, 0):
            for sign in (1.0, -1.0):
                inwards = np.zeros(3)
                inwards[axis] = sign
                offsets = points - centre
                in_front = (offsets @ inwards < 0) & (np.abs(offsets[:, 1 - axis]) < 0.6 * half[1 - axis])
                if not (level & in_front).any():
                    beside = np.abs(offsets[:, 1 - axis]) > half[1 - axis]  # an open door
                    front = float((points[~beside] @ inwards).min())
                    return cls(centre, half, inwards, front, floor, float(roof[:, 2].min()))
        return None

    def fits_upright(self, grasp: Grasp, body: np.ndarray, points: np.ndarray) -> bool:
        """Return whether an object fits in as it stands, with the hand of a grasp outside.

        Args:
            grasp: of the object.
            body: position (3,) of the object's body.
            points: (P, 3) of its surface.
        """
        if np.ptp(points[:, 2]) + 2 * ABOVE_FLOOR > self.ceiling - self.floor:
            return False
        deepest = self.front - _hand_extent(grasp.rotation, self.inwards)
        least = float(self.centre @ self.inwards - self.half @ np.abs(self.inwards)) + EDGE
        return deepest + float((body - grasp.position) @ self.inwards) > least


def insert(
    arm: Arm, body: np.ndarray, points: np.ndarray, compartment: Compartment, *, tip: bool, travel_height: float
) -> Iterator[np.ndarray]:
    """Bring a held object into a compartment and release it.

    Args:
        arm: holds the object.
        body: position (3,) of the object's body.
        points: (P, 3) of its surface.
        compartment: where it goes.
        tip: turn the hand to point inwards, and the object with it; otherwise the hand keeps pointing down, outside.
        travel_height: of the object's lowest point on the way.
    """
    position, upright = arm.position, arm.rotation
    inwards = compartment.inwards
    rotation = arm.nearest_equivalent(pointing_along(inwards)) if tip else upright
    turn = rotation @ upright.T
    held, offset = (points - position) @ turn.T, turn @ (body - position)
    bottom = float(held[:, 2].min())
    # depth: as near to the region's middle as the hand's staying outside allows
    middle = float(compartment.centre @ inwards)
    half_depth = float(compartment.half @ np.abs(inwards)) - EDGE
    deepest = compartment.front - (TIP_OUTSIDE if tip else _hand_extent(upright, inwards)) + float(offset @ inwards)
    depth = float(np.clip(min(deepest, middle), middle - half_depth, middle + half_depth))
    lateral = np.array([-inwards[1], inwards[0], 0.0])
    goal = lateral * float(compartment.centre @ lateral) + inwards * depth - offset
    goal[2] = compartment.floor + ABOVE_FLOOR - bottom
    # in front of the open side, and above that
    in_front = goal + inwards * (compartment.front - FRONT_GAP - float((held @ inwards).max()) - float(goal @ inwards))
    above = in_front.copy()
    above[2] = max(in_front[2], travel_height - bottom, position[2])
    yield from arm.move_to(
        np.array([*position[:2], above[2]]), upright, tolerance=0.01, pass_through=True, keep_fingers=True
    )
    away = above - (TIP_DISTANCE * inwards if tip else 0.0)
    yield from arm.move_to(away, upright, tolerance=0.02, keep_fingers=True)
    if tip:
        # gradually: a held object must not swing
        for fraction in np.linspace(0.0, 1.0, TIP_STEPS + 1)[1:]:
            turned = interpolate(upright, rotation, float(fraction))
            yield from arm.move_to(away, turned, tolerance=0.02, max_steps=20, keep_fingers=True)
    yield from arm.move_to(above, rotation, tolerance=0.015, keep_fingers=True)
    yield from arm.move_to(in_front, rotation, tolerance=0.008, precise=True, keep_fingers=True)
    yield from arm.move_to(goal, rotation, tolerance=0.006, precise=True, speed=0.6, keep_fingers=True)
    arm.opening = OPENING
    yield from arm.hold(OPENING_STEPS)
    if tip:
        back = arm.position - RETREAT * inwards
        yield from arm.move_to(back, rotation, tolerance=0.02, max_steps=25, keep_fingers=True)
    yield from arm.move_to(arm.position + up(RETREAT), arm.home, tolerance=0.03, max_steps=30)


def _hand_extent(rotation: np.ndarray, inwards: np.ndarray) -> float:
    """Return the distance from the finger tips to the hand's side along `inwards`."""
    across = abs(float(rotation[:, 0] @ inwards))
    return across * HAND_HALF_LENGTH + (1 - across) * HAND_HALF_WIDTH + 0.006
