"""Placement candidates: where in a region to place a held object, and how to turn it.

Axes: P points. Lengths are metres, angles radians, world frame, z up.
"""

from __future__ import annotations

import numpy as np

from libero_gym.expert.rotations import rotate_yaw

EDGE = 0.015
"""How far within a region's edge an object's body is placed."""
GAP = 0.014
"""Between objects that share a region."""
MAX_ASPECT = 0.8
"""A footprint whose short side is a larger fraction of its long side is not worth turning."""


def placement_offsets(footprint: np.ndarray, half: np.ndarray, number: int, count: int) -> list[np.ndarray]:
    """Return offsets (2,) from a region's middle for an object that shares it with others, the best first.

    Args:
        footprint: (P, 2) points of the object, turned as it will be.
        half: (2,) half-sizes of the region.
        number: position of the object among those that share the region, from 0.
        count: how many objects share it.
    """
    if count < 2:
        return [np.zeros(2)]
    margin = np.maximum(half - EDGE, 0.0)
    extent = np.ptp(footprint, axis=0)
    offsets = []
    # side by side where that takes the least space
    for axis in np.argsort(extent - margin):
        spacing = min(float(extent[axis]) + GAP, 2 * float(margin[axis]) / (count - 1))
        for side in (1.0, -1.0):
            offset = np.zeros(2)
            offset[axis] = side * (number - 0.5 * (count - 1)) * spacing
            offsets.append(offset)
    return offsets


def placement_yaws(footprint: np.ndarray, half: np.ndarray, yaw: float, home_yaw: float) -> list[float]:
    """Return turns about the vertical that make an object fit a region, the best first; [0] if it fits or none helps.

    Args:
        footprint: (P, 2) points of the object.
        half: (2,) half-sizes of the region, which is along the world's axes.
        yaw: of the gripper.
        home_yaw: of the gripper at rest; a turn that ends near it is preferred.
    """
    middle = footprint.mean(0)
    relative = footprint - middle
    values, vectors = np.linalg.eigh(relative.T @ relative)
    if np.sqrt(values[0] / max(values[1], 1e-12)) > MAX_ASPECT or _overhang(relative, half) <= 0:
        return [0.0]
    long_axis = float(np.arctan2(vectors[1, 1], vectors[0, 1]))
    desired = 0.0 if half[0] > half[1] else np.pi / 2
    turn = (desired - long_axis + np.pi / 2) % np.pi - np.pi / 2
    if _overhang(rotate_yaw(relative, turn), half) > _overhang(relative, half) - 0.005:
        return [0.0]
    yaws = [turn, turn - np.pi if turn > 0 else turn + np.pi]
    return sorted(yaws, key=lambda angle: abs(_wrapped(yaw + angle - home_yaw)))


def _overhang(relative: np.ndarray, half: np.ndarray) -> float:
    """Return how far a centred footprint (P, 2) stands out of a region with half-sizes (2,)."""
    return float((np.ptp(relative, axis=0) / 2 - half).max())


def _wrapped(angle: float) -> float:
    return float((angle + np.pi) % (2 * np.pi) - np.pi)
