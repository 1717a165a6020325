"""Begin with the arm in another pose, which the controller then takes for its home."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from libero_gym.shifts.changes import Changes
from libero_gym.shifts.severity import LEVELS
from libero_gym.tasks.tables import RobotTable

#: Largest distance of the gripper from where it begins otherwise, at level 5, metres, and its largest turn, radians.
DISTANCE, TURN = 0.15, math.radians(30)
#: How much lower than otherwise it may begin, metres, so that it is above all objects.
_LOWER = 0.03
#: How far a joint keeps from its limits, radians.
_MARGIN = 0.1


def move(changes: Changes, model: mujoco.MjModel, robot: RobotTable, level: int, rng: np.random.Generator) -> None:
    """Turn the arm's joints so that the gripper is (level - 1) to level fifths of `DISTANCE` away.

    Args:
        changes: receives the joint angles.
        model: of the scene.
        robot: of its tables.
        level: 1..5.
        rng: of the variant.
    """
    data = mujoco.MjData(model)
    home = np.array(robot.home_qpos)
    low, high = model.jnt_range[[_joint(model, address) for address in robot.arm_qpos]].T
    position, rotation = _hand(model, data, robot, home)
    while True:
        direction = rng.standard_normal(7) * np.array([1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
        distance = DISTANCE * (level - rng.random()) / LEVELS
        scale = 0.0
        for _ in range(20):  # a secant, as the distance grows about evenly
            reached = np.linalg.norm(_hand(model, data, robot, home + (scale or 0.1) * direction)[0] - position)
            scale = (scale or 0.1) * distance / max(float(reached), 1e-6)
        joints = home + scale * direction
        moved, turned = _hand(model, data, robot, joints)
        angle = math.acos(min(1.0, max(-1.0, (np.trace(turned @ rotation.T) - 1) / 2)))
        if (
            (level - 1) / LEVELS < np.linalg.norm(moved - position) / DISTANCE <= level / LEVELS
            and angle <= TURN * level / LEVELS
            and moved[2] >= position[2] - _LOWER
            and (low + _MARGIN < joints).all()
            and (joints < high - _MARGIN).all()
        ):
            changes.home = joints
            return


def _hand(
    model: mujoco.MjModel, data: mujoco.MjData, robot: RobotTable, joints: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the gripper is, (3,) metres, and its rotation (3, 3)."""
    data.qpos[robot.arm_qpos] = joints
    mujoco.mj_kinematics(model, data)
    return data.site_xpos[robot.eef_site].copy(), data.site_xmat[robot.eef_site].reshape(3, 3).copy()


def _joint(model: mujoco.MjModel, address: int) -> int:
    return int(np.flatnonzero(model.jnt_qposadr == address)[0])
