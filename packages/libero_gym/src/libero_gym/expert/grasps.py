"""Where a parallel gripper that points down can hold something, found from the points of its surface.

A grasp is a place between the finger tips and a direction in which the fingers close. It holds where a part of the
thing that is not too wide is between the open fingers, and nothing at all is where the fingers and the hand have to go.
The same search finds a bowl's rim, a box's narrow side, a can's top, a mug's wall or handle and a drawer's handle.

Axes: P points. Lengths are metres, world frame, z up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OPENING = 0.078
"""Between the open fingers' pads."""
TIP_THICKNESS, FINGER_THICKNESS, FINGER_SLOPE, FINGER_HALF_WIDTH = 0.0145, 0.026, 0.27, 0.0105
"""Of a finger, in the direction in which it closes (at the tip, at most, and how it grows from the tip upwards) and
across; from the Panda gripper's collision geometries."""
TIP_BELOW = 0.0095
"""From the place between the pads down to the finger tips."""
PALM_ABOVE = 0.036
"""From there up to the hand."""
HAND_HALF_LENGTH, HAND_HALF_WIDTH, HAND_HEIGHT = 0.102, 0.035, 0.14
WRIST_RADIUS, WRIST_ABOVE, WRIST_HEIGHT = 0.06, 0.11, 0.15
"""Of the flange and the last link, above the hand."""
MARGIN = 0.003
SIDE = 0.6
"""What a metre towards the preferred side is worth: of a round thing's rim, the same part is taken every time."""
ANGLES = 16
"""Directions that are tried, over half a turn."""
STEP = 0.008
"""Distance of neighbouring places that are tried."""
CLEARANCE = -0.001
"""Of the finger tips above what the thing stands on; below 0: they may touch it."""


@dataclass(frozen=True)
class Grasp:
    """A way to hold a thing from above."""

    position: np.ndarray
    """(3,), between the finger tips."""
    rotation: np.ndarray
    """(3, 3) of the gripper; columns: where the fingers close, across, where they point."""
    opening: float
    """Between the pads on the way there."""
    score: float
    """Higher is better."""


def find_grasps(
    thing: np.ndarray,
    others: np.ndarray,
    *,
    centre: np.ndarray,
    home_yaw: float,
    depths: tuple[float, ...] = (0.030, 0.020, 0.012, 0.006, 0.004),
    yaws: np.ndarray | None = None,
    lean: np.ndarray | None = None,
    opening: float = OPENING,
) -> list[Grasp]:
    """All grasps of a thing that nothing is in the way of, best first.

    Args:
        thing: (P, 3) points of its surface.
        others: (P, 3) points of everything else but the robot.
        centre: (3,) of the thing's mass; grasps near it are preferred.
        home_yaw: where the wrist is at rest; directions near it are preferred.
        depths: how far below the top of the part the place between the pads may be.
        yaws: directions to try; None: all.
        lean: (3, 3) rotation by which the gripper leans from pointing straight down; `yaws` are before it.
        opening: between the pads on the way there.
    """
    upright = np.eye(3) if lean is None else lean
    thing, others, centre = thing @ upright, others @ upright, centre @ upright
    preferred = np.array([np.cos(home_yaw), np.sin(home_yaw)])
    near = others[(np.abs(others[:, :2] - centre[:2]) < 0.25).all(1)] if len(others) else others
    found: list[Grasp] = []
    angles = np.arange(ANGLES) * np.pi / ANGLES - np.pi / 2 if yaws is None else yaws
    for yaw in angles:
        along = np.array([np.cos(yaw), np.sin(yaw)])
        across = np.array([-np.sin(yaw), np.cos(yaw)])
        mine = np.stack([thing[:, :2] @ along, thing[:, :2] @ across, thing[:, 2]], 1)
        rest = np.stack([near[:, :2] @ along, near[:, :2] @ across, near[:, 2]], 1) if len(near) else mine[:0]
        turn = abs((yaw - home_yaw + np.pi / 2) % np.pi - np.pi / 2)
        for s in np.arange(mine[:, 1].min(), mine[:, 1].max() + STEP, STEP):
            strip = mine[np.abs(mine[:, 1] - s) < FINGER_HALF_WIDTH]
            if len(strip) < 3:
                continue
            rest_strip = rest[np.abs(rest[:, 1] - s) < WRIST_RADIUS]
            mine_strip = mine[np.abs(mine[:, 1] - s) < WRIST_RADIUS]
            wide = np.concatenate([rest_strip, mine_strip])
            for t in np.arange(strip[:, 0].min(), strip[:, 0].max() + STEP, STEP):
                grasp = _at(strip, wide, t, s, depths, opening)
                if grasp is None:
                    continue
                z, width, middle = grasp
                xy = (t if width < 0.02 else middle) * along + s * across
                off = float(np.linalg.norm(xy - centre[:2]))
                side = float((xy - centre[:2]) @ preferred)
                score = SIDE * side - 3.0 * off - 0.15 * turn - 0.5 * abs(z - centre[2]) - 1.0 * abs(middle - t)
                rotation = upright @ np.stack([[*along, 0.0], [along[1], -along[0], 0.0], [0.0, 0.0, -1.0]], 1)
                found.append(Grasp(upright @ np.array([*xy, z]), rotation, opening, score))
    return sorted(found, key=lambda grasp: -grasp.score)


def _at(
    strip: np.ndarray, wide: np.ndarray, t: float, s: float, depths: tuple[float, ...], opening: float
) -> tuple[float, float, float] | None:
    """Height, width and middle of what is between fingers around (t, s), or None if they cannot go there."""
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
        aside, height = np.abs(wide[:, 1] - s), wide[:, 2] - z
        hand = (apart < HAND_HALF_LENGTH) & (aside < HAND_HALF_WIDTH) & _within(height, PALM_ABOVE, HAND_HEIGHT)
        wrist = (apart < WRIST_RADIUS) & (aside < WRIST_RADIUS) & _within(height, WRIST_ABOVE, WRIST_HEIGHT)
        if fingers.any() or hand.any() or wrist.any():
            continue
        # what the thing stands on must be below the tips between the fingers, too
        below = wide[(apart < opening / 2) & (np.abs(wide[:, 1] - s) < FINGER_HALF_WIDTH)]
        if len(below) and z - TIP_BELOW < below[:, 2].min() - 0.02:
            continue
        return float(z), float(high - low), float(middle)
    return None


def _within(height: np.ndarray, low: float, extent: float) -> np.ndarray:
    return (height > low) & (height < low + extent)
