"""Move the agentview: around what it looks at, nearer or farther, turned about its axis, with another angle of view.

The wrist camera is part of the robot and stays.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from libero_gym.shifts.changes import Changes
from libero_gym.shifts.severity import severity

CAMERA = "agentview"
#: Distance of what LIBERO's agentviews look at, metres: from 1.0 to 1.2 in its six workspaces.
DISTANCE = 1.1
#: Largest changes, at level 5: of direction and roll, radians; of distance, as a share; of the angle of view, degrees.
ANGLE, ROLL, NEARER, FIELD_OF_VIEW = math.radians(30), math.radians(10), 0.25, 10.0
#: Bounds of its height, as an angle above the horizontal, radians.
_LOWEST, _HIGHEST = math.radians(15), math.radians(80)


def move(changes: Changes, model: mujoco.MjModel, level: int, rng: np.random.Generator) -> None:
    """Move the camera by an angle of (level - 1) to level fifths of `ANGLE`, and the rest by as much.

    Args:
        changes: receives the camera.
        model: of the scene.
        level: 1..5.
        rng: of the variant.
    """
    look = changes.change_look()
    camera = model.camera(CAMERA).id
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, look.cam_quat[camera])
    towards = -rotation.reshape(3, 3)[:, 2]
    target = look.cam_pos[camera] + DISTANCE * towards
    amount = severity(level, rng)
    while True:
        turn = _turn(towards, amount * ANGLE, rng.uniform(0, 2 * math.pi))
        moved = _rotate(turn, -towards)
        if _LOWEST <= math.asin(moved[2]) <= _HIGHEST:
            break
    distance = DISTANCE * (1 + amount * NEARER * rng.uniform(-1, 1))
    roll = np.zeros(4)
    mujoco.mju_axisAngle2Quat(roll, np.array([0.0, 0.0, 1.0]), amount * ROLL * rng.uniform(-1, 1))
    turned, rolled = np.zeros(4), np.zeros(4)
    mujoco.mju_mulQuat(turned, turn, look.cam_quat[camera])
    mujoco.mju_mulQuat(rolled, turned, roll)
    look.cam_pos[camera], look.cam_quat[camera] = target + distance * moved, rolled
    look.cam_fovy[camera] += amount * FIELD_OF_VIEW * rng.uniform(-1, 1)


def _turn(towards: np.ndarray, angle: float, direction: float) -> np.ndarray:
    """Return the quaternion (4,) that turns a view about an axis across it."""
    side = np.cross(towards, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    axis = math.cos(direction) * side + math.sin(direction) * np.cross(side, towards)
    turn = np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, axis, angle)
    return turn


def _rotate(turn: np.ndarray, vector: np.ndarray) -> np.ndarray:
    rotated = np.zeros(3)
    mujoco.mju_rotVecQuat(rotated, vector, turn)
    return rotated
