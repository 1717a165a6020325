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
        own = np.stack([points[:, :2] @ along, points[:, :2] @ across, points[:, 2]], 1)
        other = np.stack([near[:, :2] @ along, near[:, :2] @ across, near[:, 2]], 1) if len(near) else own[:0]
        turn = abs((yaw - home_yaw + np.pi / 2) % np.pi - np.pi / 2)
        for s in np.arange(own[:, 1].min(), own[:, 1].max() + STEP, STEP):
            strip = own[np.abs(own[:, 1] - s) < FINGER_HALF_WIDTH]
            if len(strip) < 3:
                continue
            wide = np.concatenate([cloud[np.abs(cloud[:, 1] - s) < WRIST_RADIUS] for cloud in (other, own)])
            for t in np.arange(strip[:, 0].min(), strip[:, 0].max() + STEP, STEP):
                pinch = _pinch_at(strip, wide, t, s, depths, opening)
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


def _pinch_at(
    strip: np.ndarray, wide: np.ndarray, t: float, s: float, depths: tuple[float, ...], opening: float
) -> tuple[float, float, float] | None:
    """Return height, width and middle of what fingers around (t, s) would close on, or None if they cannot go there.

    Args:
        strip: (P, 3) points of the object between the fingers' sides; axes: closing direction, across, up.
        wide: (P, 3) points of the scene within the wrist's radius of `s`.
        t: position along the closing direction.
        s: position across it.
        depths: see `find_grasps`.
        opening: see `find_grasps`.
    """
    between = strip[np.abs(strip[:, 0] - t) < opening / 2 - MARGIN]
    if len(between) < 3:
        return None
    top = between[:, 2].max()
    for depth in depths:
        z = top - depth
        held = between[(between[:, 2] > z - 0.006) & (between[:, 2] < z + 0.014)]
        if len(held) < 2:
            continue
        low, high = held[:, 0].min(), held[:, 0].max()
        if high - low > opening - 4 * MARGIN:
            continue
        middle = (low + high) / 2
        if abs(middle - t) > STEP:
            continue
        # fingers, from the tips up; the hand above them
        apart = np.abs(wide[:, 0] - t)
        # a finger grows thicker from its tip upwards
        thickness = np.minimum(TIP_THICKNESS + FINGER_SLOPE * np.maximum(wide[:, 2] - z, 0.0), FINGER_THICKNESS)
        fingers = (
            (apart > opening / 2 - MARGIN)
            & (apart < opening / 2 + thickness)
            & (np.abs(wide[:, 1] - s) < FINGER_HALF_WIDTH + MARGIN)
            & (wide[:, 2] > z - TIP_BELOW - CLEARANCE)
        )
        lateral, height = np.abs(wide[:, 1] - s), wide[:, 2] - z
        hand = (apart < HAND_HALF_LENGTH) & (lateral < HAND_HALF_WIDTH) & _within(height, PALM_ABOVE, HAND_HEIGHT)
        wrist = (apart < WRIST_RADIUS) & (lateral < WRIST_RADIUS) & _within(height, WRIST_ABOVE, WRIST_HEIGHT)
        if fingers.any() or hand.any() or wrist.any():
            continue
        # the support must be below the tips between the fingers, too
        below = wide[(apart < opening / 2) & (np.abs(wide[:, 1] - s) < FINGER_HALF_WIDTH)]
        if len(below) and z - TIP_BELOW < below[:, 2].min() - 0.02:
            continue
        return float(z), float(high - low), float(middle)
    return None


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
