"""Rotation matrices of the gripper, and how they are made and interpolated.

A rotation (3, 3) has as columns, in the world frame: the direction in which the fingers close, the direction across
them, and the approach direction in which they point. Angles are radians, z is up.
"""

from __future__ import annotations

import mujoco
import numpy as np


def yaw_of(rotation: np.ndarray) -> float:
    """Return the angle from the x axis to the direction in which the fingers close, about the vertical."""
    return float(np.arctan2(rotation[1, 0], rotation[0, 0]))


def pointing_down(yaw: float) -> np.ndarray:
    """Return the rotation (3, 3) whose fingers point down and close along `yaw`."""
    return np.stack([[np.cos(yaw), np.sin(yaw), 0.0], [np.sin(yaw), -np.cos(yaw), 0.0], [0.0, 0.0, -1.0]], 1)


def pointing_along(direction: np.ndarray) -> np.ndarray:
    """Return the rotation (3, 3) whose fingers point along a horizontal direction (3,), side by side."""
    closing = np.cross([0.0, 0.0, 1.0], direction)
    return np.stack([closing, np.cross(direction, closing), direction], 1)


def tilt(forward: np.ndarray, angle: float) -> np.ndarray:
    """Return the rotation (3, 3) that tilts the hand towards `forward`, so that the fingers point down and against it.

    Args:
        forward: (3,), horizontal, of any length.
        angle: how far.
    """
    return axis_angle_matrix(np.cross([0.0, 0.0, 1.0], forward / max(float(np.linalg.norm(forward)), 1e-9)), angle)


def axis_angle_matrix(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the rotation (3, 3) by `angle` about `axis` (3,), of length 1."""
    quaternion, matrix = np.zeros(4), np.zeros(9)
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    return matrix.reshape(3, 3)


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Return axis times angle (3,) of a rotation (3, 3)."""
    quaternion, vector = np.zeros(4), np.zeros(3)
    mujoco.mju_mat2Quat(quaternion, rotation.flatten())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector


def interpolate(start: np.ndarray, end: np.ndarray, fraction: float) -> np.ndarray:
    """Return the rotation (3, 3) at a fraction of the shortest turn from one rotation to another."""
    vector = rotation_vector(end @ start.T)
    angle = float(np.linalg.norm(vector))
    return axis_angle_matrix(vector / max(angle, 1e-9), fraction * angle) @ start


def rotate_yaw(points: np.ndarray, angle: float) -> np.ndarray:
    """Return points (P, 2 or 3) turned about the vertical through the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    result = np.array(points, dtype=float)
    result[..., 0] = cos * points[..., 0] - sin * points[..., 1]
    result[..., 1] = sin * points[..., 0] + cos * points[..., 1]
    return result
