"""Grasp candidates of a parallel gripper, found from the points of an object's surface.

A grasp is a position between the finger tips and a closing direction of the fingers. It is feasible where a part of the
object that is not too wide is between the open fingers, and no obstacle is where the fingers and the hand have to go.
The same search finds a bowl's rim, a box's narrow side, a can's top, a mug's wall or handle and a drawer's handle.

Axes: P points. Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OPENING = 0.078
"""Distance between the open fingers' pads."""
TIP_THICKNESS, FINGER_THICKNESS, FINGER_SLOPE, FINGER_HALF_WIDTH = 0.0145, 0.026, 0.27, 0.0105
"""Of a finger along its closing direction (at the tip, at most, and its growth per metre from the tip upwards) and
across; from the Panda gripper's collision geometries."""
TIP_BELOW = 0.0095
"""From the position between the pads down to the finger tips."""
PALM_ABOVE = 0.036
"""From there up to the hand."""
HAND_HALF_LENGTH, HAND_HALF_WIDTH, HAND_HEIGHT = 0.102, 0.035, 0.14
WRIST_RADIUS, WRIST_ABOVE, WRIST_HEIGHT = 0.06, 0.11, 0.15
"""Of the flange and the last link, above the hand."""
MARGIN = 0.003
SIDE_WEIGHT = 0.6
"""Score of a metre towards the preferred side: a round object is grasped at the same part of its rim every time."""
ANGLES = 16
"""Closing directions that are tried, over half a turn."""
STEP = 0.008
"""Between neighbouring positions that are tried."""
CLEARANCE = -0.001
"""Of the finger tips above the object's support; below 0: they may touch it."""


@dataclass(frozen=True)
class Grasp:
    """A pose of the gripper that holds an object."""

    position: np.ndarray
    """(3,), between the finger tips."""
    rotation: np.ndarray
    """(3, 3) of the gripper, see `rotations`."""
    opening: float
    """Distance between the pads during the approach."""
    score: float
    """Higher is better."""


def find_grasps(
    points: np.ndarray,
    obstacles: np.ndarray,
    *,
    centre: np.ndarray,
    home_yaw: float,
    depths: tuple[float, ...] = (0.030, 0.020, 0.012, 0.006, 0.004),
    yaws: np.ndarray | None = None,
    tilt: np.ndarray | None = None,
    opening: float = OPENING,
) -> list[Grasp]:
    """Return all collision-free grasps of an object, best first.

    Args:
        points: (P, 3) of its surface.
        obstacles: (P, 3) points of everything else but the robot.
        centre: (3,) of the object's mass; grasps near it are preferred.
        home_yaw: of the wrist at rest; closing directions near it are preferred.
        depths: how far below the top of the grasped part the pads' middle may be.
        yaws: closing directions to try, radians; None: all.
        tilt: (3, 3) rotation of the gripper from pointing straight down; applied after `yaws`.
        opening: distance between the pads during the approach.
    """
    tilt = np.eye(3) if tilt is None else tilt
    points, obstacles, centre = points @ tilt, obstacles @ tilt, centre @ tilt
    preferred = np.array([np.cos(home_yaw), np.sin(home_yaw)])
    near = obstacles[(np.abs(obstacles[:, :2] - centre[:2]) < 0.25).all(1)] if len(obstacles) else obstacles
    found: list[Grasp] = []
    angles = np.arange(ANGLES) * np.pi / ANGLES - np.pi / 2 if yaws is None else yaws
    for yaw in angles:
        along = np.array([np.cos(yaw), np.sin(yaw)])
        across = np.array([-np.sin(yaw), np.cos(yaw)])
        own = np.stack([points[:, :2] @ along, points[:, :2] @ across, points[:, 2]])
        other = np.stack([near[:, :2] @ along, near[:, :2] @ across, near[:, 2]])
        scene = np.concatenate([other, own], 1)
        own, scene = (cloud[:, np.argsort(cloud[0])] for cloud in (own, scene))
        turn = abs((yaw - home_yaw + np.pi / 2) % np.pi - np.pi / 2)
        for s in np.arange(own[1].min(), own[1].max() + STEP, STEP):
            strip = own[:, np.abs(own[1] - s) < FINGER_HALF_WIDTH]
            if strip.shape[1] < 3:
                continue
            row = _Row.at(s, strip, scene)
            for t in np.arange(strip[0, 0], strip[0, -1] + STEP, STEP):
                pinch = _pinch_at(row, t, depths, opening)
                if pinch is None:
                    continue
                z, width, middle = pinch
                xy = (t if width < 0.02 else middle) * along + s * across
                distance = float(np.linalg.norm(xy - centre[:2]))
                side = float((xy - centre[:2]) @ preferred)
                score = (
                    SIDE_WEIGHT * side - 3.0 * distance - 0.15 * turn - 0.5 * abs(z - centre[2]) - 1.0 * abs(middle - t)
                )
                rotation = tilt @ np.stack([[*along, 0.0], [along[1], -along[0], 0.0], [0.0, 0.0, -1.0]], 1)
                found.append(Grasp(tilt @ np.array([*xy, z]), rotation, opening, score))
    return sorted(found, key=lambda grasp: -grasp.score)


@dataclass(frozen=True)
class _Points:
    """Points of a strip along the closing direction, sorted, so that those around a position are a slice."""

    along: np.ndarray
    """(P,), ascending."""
    up: np.ndarray
    """(P,) heights."""

    def around(self, t: float, reach: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return where the points nearer to `t` than `reach` are, how far from it, and their heights, (P,) each."""
        # a little more than that, and then exactly
        low, high = np.searchsorted(self.along, (t - reach - 1e-9, t + reach + 1e-9))
        along, up = self.along[low:high], self.up[low:high]
        apart = np.abs(along - t)
        near = apart < reach
        return (along, apart, up) if near.all() else (along[near], apart[near], up[near])


@dataclass(frozen=True)
class _Row:
    """What decides about grasps at one place across the closing direction, wherever along it they are."""

    object: _Points
    """Of the object, between the sides of the fingers; the others are of the whole scene."""
    wrist: _Points
    hand: _Points
    fingers: _Points
    """Where they go at some position along."""
    between: _Points
    """Between their sides."""

    @classmethod
    def at(cls, s: float, strip: np.ndarray, scene: np.ndarray) -> _Row:
        """Return those of the points `strip` and `scene`, (3, P): along, ascending, across and up."""
        (along, across, up), kept = scene, []
        # the widest first, of which the others are a part
        for half in (WRIST_RADIUS, HAND_HALF_WIDTH, FINGER_HALF_WIDTH + MARGIN, FINGER_HALF_WIDTH):
            inside = np.abs(across - s) < half
            along, across, up = along[inside], across[inside], up[inside]
            kept.append(_Points(along, up))
        return cls(_Points(strip[0], strip[2]), *kept)


def _pinch_at(row: _Row, t: float, depths: tuple[float, ...], opening: float) -> tuple[float, float, float] | None:
    """Return height, width and middle of what fingers around `t` would close on, or None if they cannot go there.

    Args:
        row: points around the place across the closing direction.
        t: position along it.
        depths: see `find_grasps`.
        opening: see `find_grasps`.
    """
    along, _, up = row.object.around(t, opening / 2 - MARGIN)
    if len(along) < 3:
        return None
    top = up.max()
    space: _Space | None = None
    for depth in depths:
        z = top - depth
        held = along[(up > z - 0.006) & (up < z + 0.014)]
        if len(held) < 2:
            continue
        low, high = held.min(), held.max()
        if high - low > opening - 4 * MARGIN:
            continue
        middle = (low + high) / 2
        if abs(middle - t) > STEP:
            continue
        space = space or _Space.around(row, t, opening)
        if space.is_free(z, opening):
            return float(z), float(high - low), float(middle)
    return None


@dataclass(frozen=True)
class _Space:
    """Heights, (P,) each, of the points where fingers and hand around one position go at some height."""

    finger_apart: np.ndarray
    """From the position along the closing direction."""
    finger_up: np.ndarray
    hand: np.ndarray
    wrist: np.ndarray
    support: float
    """Of the lowest point between the fingers; -inf: there is none."""

    @classmethod
    def around(cls, row: _Row, t: float, opening: float) -> _Space:
        _, apart, up = row.fingers.around(t, opening / 2 + FINGER_THICKNESS)
        beside = apart > opening / 2 - MARGIN
        below = row.between.around(t, opening / 2)[2]
        return cls(
            apart[beside],
            up[beside],
            row.hand.around(t, HAND_HALF_LENGTH)[2],
            row.wrist.around(t, WRIST_RADIUS)[2],
            float(below.min()) if len(below) else -np.inf,
        )

    def is_free(self, z: float, opening: float) -> bool:
        """Whether fingers, from their tips up, and the hand above them are in nothing at height `z` of the pads."""
        # a finger grows thicker from its tip upwards
        thickness = np.minimum(TIP_THICKNESS + FINGER_SLOPE * np.maximum(self.finger_up - z, 0.0), FINGER_THICKNESS)
        fingers = (self.finger_apart < opening / 2 + thickness) & (self.finger_up > z - TIP_BELOW - CLEARANCE)
        return not (
            fingers.any()
            or _within(self.hand - z, PALM_ABOVE, HAND_HEIGHT).any()
            or _within(self.wrist - z, WRIST_ABOVE, WRIST_HEIGHT).any()
            # the support must be below the tips between the fingers, too
            or z - TIP_BELOW < self.support - 0.02
        )


def _within(height: np.ndarray, low: float, extent: float) -> np.ndarray:
    return (height > low) & (height < low + extent)


def distinct_grasps(grasps: list[Grasp], count: int = 12) -> list[Grasp]:
    """Return the first `count` grasps that differ from each other in position or closing direction."""
    chosen: list[Grasp] = []
    for grasp in grasps:
        if all(
            np.linalg.norm(grasp.position - other.position) > 0.015
            or abs(grasp.rotation[:, 0] @ other.rotation[:, 0]) < 0.94
            for other in chosen
        ):
            chosen.append(grasp)
        if len(chosen) >= count:
            break
    return chosen
