"""Putting something into a compartment that has a roof: in through its open side, held so that the hand stays outside.

Lengths are metres, world frame, z up. Inwards is the horizontal direction from the open side to the opposite one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from libero_gym.expert.arm import Arm
from libero_gym.expert.grasps import HAND_HALF_LENGTH, HAND_HALF_WIDTH, OPENING, Grasp
from libero_gym.expert.skills import OPENING_STEPS, RETREAT, up

ROOFED = 0.6
"""Share of a region that is under something before it counts as roofed."""
CELL = 0.02
"""Of the grid by which that is counted."""
BEFORE = 0.03
"""Between the thing and the open side when it is lowered in front of it."""
EDGE = 0.006
"""How far within the region the thing's body stays."""
ABOVE_FLOOR = 0.008
TIP_OUTSIDE = 0.02
"""How far outside the finger tips stay when they point inwards."""
TURN_AWAY, TURN_PARTS = 0.06, 4
"""How far from its place above the open side the hand turns, and in how many parts."""


@dataclass(frozen=True)
class Compartment:
    """A roofed region of a fixture and its open side."""

    centre: np.ndarray
    """(3,) of the region."""
    half: np.ndarray
    """(3,) half-sizes of the region, along the axes of the world."""
    inwards: np.ndarray
    """(3,), of length 1."""
    front: float
    """Of the fixture's open side, along `inwards`."""
    floor: float
    """Height of what a thing in it stands on."""
    roof: float
    """Height of the underside of what is above."""

    @classmethod
    def of(cls, centre: np.ndarray, half: np.ndarray, points: np.ndarray, table: float) -> Compartment | None:
        """The compartment of a region, or None if it is open above or has no open side.

        Args:
            centre: (3,) of the region.
            half: (3,), its half-sizes along the axes of the world.
            points: (P, 3) of the fixture that it belongs to.
            table: height on which things stand where the fixture has no floor.
        """
        inner = points[(np.abs(points[:, :2] - centre[:2]) < 0.85 * half[:2]).all(1)]
        over = inner[inner[:, 2] > centre[2] + 0.3 * half[2]]
        cells = np.unique(np.floor((over[:, :2] - centre[:2]) / CELL), axis=0)
        if len(cells) < ROOFED * np.prod(2 * half[:2] / CELL):
            return None
        under = inner[inner[:, 2] < centre[2] - 0.3 * half[2]]
        floor = max(float(under[:, 2].max()), table) if len(under) else table
        level = np.abs(points[:, 2] - centre[2]) < 0.5 * half[2]
        for axis in (1, 0):
            for sign in (1.0, -1.0):
                inwards = np.zeros(3)
                inwards[axis] = sign
                off = points - centre
                before = (off @ inwards < 0) & (np.abs(off[:, 1 - axis]) < 0.6 * half[1 - axis])
                if not (level & before).any():
                    beside = np.abs(off[:, 1 - axis]) > half[1 - axis]  # an open door
                    front = float((points[~beside] @ inwards).min())
                    return cls(centre, half, inwards, front, floor, float(over[:, 2].min()))
        return None

    def outside(self, grasp: Grasp, body: np.ndarray, points: np.ndarray) -> bool:
        """Whether a thing whose body is at `body` (3,) fits in as it stands, with the hand of a grasp outside."""
        if np.ptp(points[:, 2]) + 2 * ABOVE_FLOOR > self.roof - self.floor:
            return False
        most = self.front - _hand(grasp.rotation, self.inwards)
        return most + float((body - grasp.position) @ self.inwards) > self._least

    @property
    def _least(self) -> float:
        """How far along `inwards` a body has to be at least."""
        return float(self.centre @ self.inwards - self.half @ np.abs(self.inwards)) + EDGE


def into(
    arm: Arm, body: np.ndarray, points: np.ndarray, place: Compartment, *, tip: bool, over: float
) -> Iterator[np.ndarray]:
    """Bring what is held into a compartment and let it go.

    Args:
        body: (3,), where the held thing's body is.
        points: (P, 3) of its surface.
        place: where it goes.
        tip: turn the hand to point inwards, and the thing with it; otherwise the hand keeps pointing down, outside.
        over: height at which the lowest part of the thing travels.
    """
    here, upright = arm.position, arm.rotation
    inwards = place.inwards
    rotation = arm.nearest(_pointing(inwards)) if tip else upright
    turn = rotation @ upright.T
    held, offset = (points - here) @ turn.T, turn @ (body - here)
    # along the way in: as near to the region's middle as the hand's staying outside allows
    middle = float(place.centre @ inwards)
    deep = float(place.half @ np.abs(inwards)) - EDGE
    hand = TIP_OUTSIDE if tip else _hand(upright, inwards)
    most = place.front - hand + float(offset @ inwards)
    along = float(np.clip(min(most, middle), middle - deep, middle + deep))
    aside = np.array([-inwards[1], inwards[0], 0.0])
    goal = aside * float(place.centre @ aside) + inwards * along - offset
    goal[2] = place.floor + ABOVE_FLOOR - float(held[:, 2].min())
    # in front of the open side, and above that
    before = goal + inwards * (place.front - BEFORE - float((held @ inwards).max()) - float(goal @ inwards))
    above = before.copy()
    above[2] = max(before[2], over - float(held[:, 2].min()), here[2])
    yield from arm.go(np.array([*here[:2], above[2]]), upright, tolerance=0.01, through=True, as_is=True)
    away = above - (TURN_AWAY * inwards if tip else 0.0)
    yield from arm.go(away, upright, tolerance=0.02, as_is=True)
    if tip:
        # in parts, slowly: what is held must not swing
        for part in np.linspace(0.0, 1.0, TURN_PARTS + 1)[1:]:
            yield from arm.go(away, _between(upright, rotation, float(part)), tolerance=0.02, steps=20, as_is=True)
    yield from arm.go(above, rotation, tolerance=0.015, as_is=True)
    yield from arm.go(before, rotation, tolerance=0.008, exact=True, as_is=True)
    yield from arm.go(goal, rotation, tolerance=0.006, exact=True, speed=0.6, as_is=True)
    arm.opening = OPENING
    yield from arm.hold(OPENING_STEPS)
    if tip:
        yield from arm.go(arm.position - RETREAT * inwards, rotation, tolerance=0.02, steps=25, as_is=True)
    yield from arm.go(arm.position + up(RETREAT), arm.home, tolerance=0.03, steps=30)


def _hand(rotation: np.ndarray, inwards: np.ndarray) -> float:
    """From the place between the finger tips to the hand's side, along `inwards`."""
    across = abs(float(rotation[:, 0] @ inwards))
    return across * HAND_HALF_LENGTH + (1 - across) * HAND_HALF_WIDTH + 0.006


def _between(first: np.ndarray, second: np.ndarray, part: float) -> np.ndarray:
    """(3, 3): part of the way from one rotation to another."""
    quaternion, vector, matrix = np.zeros(4), np.zeros(3), np.zeros(9)
    mujoco.mju_mat2Quat(quaternion, (second @ first.T).flatten())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    angle = float(np.linalg.norm(vector))
    mujoco.mju_axisAngle2Quat(quaternion, vector / max(angle, 1e-9), part * angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3) @ first


def _pointing(inwards: np.ndarray) -> np.ndarray:
    """(3, 3): pointing inwards with the fingers side by side."""
    close = np.cross([0.0, 0.0, 1.0], inwards)
    return np.stack([close, np.cross(inwards, close), inwards], 1)
