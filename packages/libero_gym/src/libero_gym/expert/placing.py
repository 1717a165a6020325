"""Where in a region a thing is put, and how it is turned for that.

Axes: P points. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

import numpy as np

EDGE = 0.015
"""How far within a region's edge a thing's body is put."""
BESIDE = 0.014
"""Between things that share a region."""
SHAPELESS = 0.8
"""A footprint whose one side is at least this much of the other is not worth turning."""


def spots(footprint: np.ndarray, half: np.ndarray, number: int, count: int) -> list[np.ndarray]:
    """(2,) each: where from a region's middle to put one of several things, its own place first.

    Args:
        footprint: (P, 2) points of the thing, turned as it will be.
        half: (2,) half-sizes of the region.
        number: which of the things that share the region, from 0.
        count: how many share it.
    """
    if count < 2:
        return [np.zeros(2)]
    room = np.maximum(half - EDGE, 0.0)
    extent = np.ptp(footprint, axis=0)
    found = []
    # side by side where that takes least room
    for axis in np.argsort(extent - room):
        apart = min(float(extent[axis]) + BESIDE, 2 * float(room[axis]) / (count - 1))
        for side in (1.0, -1.0):
            spot = np.zeros(2)
            spot[axis] = side * (number - 0.5 * (count - 1)) * apart
            found.append(spot)
    return found


def spins(footprint: np.ndarray, half: np.ndarray, yaw: float, home_yaw: float) -> list[float]:
    """Turns about the vertical that make a thing fit a region, the best first; [0] if it fits, or if none helps.

    Args:
        footprint: (P, 2) points of the thing.
        half: (2,) half-sizes of the region, which is along the world's axes.
        yaw: of the gripper.
        home_yaw: of the gripper at rest, which is not turned far from there.
    """
    middle = footprint.mean(0)
    relative = footprint - middle
    values, vectors = np.linalg.eigh(relative.T @ relative)
    if np.sqrt(values[0] / max(values[1], 1e-12)) > SHAPELESS or _beyond(relative, half) <= 0:
        return [0.0]
    long = float(np.arctan2(vectors[1, 1], vectors[0, 1]))
    wanted = 0.0 if half[0] > half[1] else np.pi / 2
    turn = (wanted - long + np.pi / 2) % np.pi - np.pi / 2
    if _beyond(turned(relative, turn), half) > _beyond(relative, half) - 0.005:
        return [0.0]
    found = [turn, turn - np.pi if turn > 0 else turn + np.pi]
    return sorted(found, key=lambda angle: abs(_wrapped(yaw + angle - home_yaw)))


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """(P, 2 or 3) points turned about the vertical through the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    result = np.array(points, dtype=float)
    result[..., 0] = cos * points[..., 0] - sin * points[..., 1]
    result[..., 1] = sin * points[..., 0] + cos * points[..., 1]
    return result


def _beyond(relative: np.ndarray, half: np.ndarray) -> float:
    """How far a footprint stands out of a region in the middle of which it is."""
    return float((np.ptp(relative, axis=0) / 2 - half).max())


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
