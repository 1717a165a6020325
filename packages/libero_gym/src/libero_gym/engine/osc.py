"""Operational space control of the end effector's pose (OSC_POSE), as robosuite 1.4 computes it every physics step.

    F = kp (goal_pos - x) - kd v              T = kp e(goal_ori, R) - kd w
    torque = J^T [L_p F; L_r T] + bias + N^T M (kq (q0 - q) - 2 sqrt(kq) qdot)

with L_p and L_r the inverses of the 3 x 3 diagonal blocks of A = J M^-1 J^T (position and orientation are uncoupled)
and N = 1 - M^-1 J^T A^-1 J. No inverse of M or A is formed: with M = C C^T, A = (C^-1 J^T)^T (C^-1 J^T), and for
u = M a,

    N^T u = M a - J^T A^-1 J a.

Frames: positions, velocities and torques in the world frame. Arrays are float64 and C-contiguous.
"""

from __future__ import annotations

import math

import numpy as np

#: robosuite 1.4, controllers/config/osc_pose.json: stiffness, action scales (metres, radians a control step).
KP = 150.0
KD = 2.0 * math.sqrt(KP)
POSITION_SCALE = 0.05
ROTATION_SCALE = 0.5
#: robosuite 1.4, utils/control_utils.py, nullspace_torques: stiffness towards the rest pose.
KP_NULL = 10.0
KD_NULL = 2.0 * math.sqrt(KP_NULL)


def set_goal(action: np.ndarray, pose: np.ndarray, goal_pos: np.ndarray, goal_ori: np.ndarray) -> None:
    """Set the goal pose of a control step from an action.

    Args:
        action: (7,) in [-1, 1], of which the first six are the pose's change; values beyond are clipped.
        pose: (12,) position of the end effector and its rotation matrix by rows.
        goal_pos: (3,) receives position + delta.
        goal_ori: (9,) receives R(delta) @ rotation; left as it is where the rotation delta is zero.
    """
    for i in range(3):
        goal_pos[i] = pose[i] + POSITION_SCALE * min(max(action[i], -1.0), 1.0)
    rx = ROTATION_SCALE * min(max(action[3], -1.0), 1.0)
    ry = ROTATION_SCALE * min(max(action[4], -1.0), 1.0)
    rz = ROTATION_SCALE * min(max(action[5], -1.0), 1.0)
    angle = math.sqrt(rx * rx + ry * ry + rz * rz)
    if angle == 0.0:
        return
    # robosuite's axisangle2quat and quat2mat, whose float32 arithmetic is part of what its actions mean. What is
    # float64 among it says so: NumPy's versions differ in what a float32 and a Python number make.
    sine = math.sin(angle / 2.0)
    w, x = np.float32(math.cos(angle / 2.0)), np.float32(rx / angle * sine)
    y, z = np.float32(ry / angle * sine), np.float32(rz / angle * sine)
    # np.dot of float32 as BLAS has it: products in float32, their sum in float64.
    squared = np.float64(w * w) + np.float64(x * x) + np.float64(y * y) + np.float64(z * z)
    scale = math.sqrt(2.0 / np.float64(np.float32(squared)))
    w, x = np.float32(np.float64(w) * scale), np.float32(np.float64(x) * scale)
    y, z = np.float32(np.float64(y) * scale), np.float32(np.float64(z) * scale)
    xx, yy, zz = np.float64(x * x), np.float64(y * y), np.float64(z * z)
    # The rows of R(delta).
    a0, a1, a2 = 1.0 - yy - zz, np.float64(x * y - z * w), np.float64(x * z + y * w)
    b0, b1, b2 = np.float64(x * y + z * w), 1.0 - xx - zz, np.float64(y * z - x * w)
    c0, c1, c2 = np.float64(x * z - y * w), np.float64(y * z + x * w), 1.0 - xx - yy
    for col in range(3):
        goal_ori[col] = a0 * pose[3 + col] + a1 * pose[6 + col] + a2 * pose[9 + col]
        goal_ori[3 + col] = b0 * pose[3 + col] + b1 * pose[6 + col] + b2 * pose[9 + col]
        goal_ori[6 + col] = c0 * pose[3 + col] + c1 * pose[6 + col] + c2 * pose[9 + col]


def cholesky(matrix: np.ndarray, size: int) -> None:
    """Replace the lower triangle of `matrix`'s leading (size, size) block by its Cholesky factor.

    A pivot that is not positive (a singular arm) is raised to a tiny value, which makes the force along it vanish.
    """
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                matrix[i, i] = math.sqrt(max(total, 1e-30))
            else:
                matrix[i, j] = total / matrix[j, j]


def solve(factor: np.ndarray, size: int, vector: np.ndarray) -> None:
    """Replace `vector` (size,) by the solution of (factor factor^T) x = vector."""
    for i in range(size):
        total = vector[i]
        for k in range(i):
            total -= factor[i, k] * vector[k]
        vector[i] = total / factor[i, i]
    for i in range(size - 1, -1, -1):
        total = vector[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * vector[k]
        vector[i] = total / factor[i, i]


def torques(
    pose: np.ndarray,
    goal_pos: np.ndarray,
    goal_ori: np.ndarray,
    jacobian: np.ndarray,
    mass: np.ndarray,
    q: np.ndarray,
    qdot: np.ndarray,
    rest: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    scratch: np.ndarray,
) -> None:
    """Compute joint torques towards the goal pose.

    Args:
        pose: (12,) position of the end effector, metres, and its rotation matrix by rows.
        goal_pos: (3,).
        goal_ori: (9,).
        jacobian: (6, 7), position rows first.
        mass: (7, 7) the arm's block of the mass matrix.
        q: (7,) joint positions, radians.
        qdot: (7,) joint velocities.
        rest: (7,) rest pose of the null space.
        bias: (7,) Coriolis, centrifugal and gravity forces.
        out: (7,) receives the torques in N m, not clipped.
        scratch: (5, 7, 7), overwritten.
    """
    n = 7
    factor, half, gram, block = scratch[0], scratch[1], scratch[2], scratch[3]
    wrench, rates, accelerations, part = scratch[4, 0], scratch[4, 1], scratch[4, 2], scratch[4, 3]

    # e(goal, R) = 1/2 sum over columns of R_c x goal_c; F and T.
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        error = 0.0
        for c in range(3):
            error += pose[3 + 3 * j + c] * goal_ori[3 * k + c] - pose[3 + 3 * k + c] * goal_ori[3 * j + c]
        linear, angular = 0.0, 0.0
        for d in range(n):
            linear += jacobian[i, d] * qdot[d]
            angular += jacobian[3 + i, d] * qdot[d]
        wrench[i] = KP * (goal_pos[i] - pose[i]) - KD * linear
        wrench[3 + i] = KP * 0.5 * error - KD * angular

    # half = C^-1 J^T (7, 6), so that A = half^T half.
    for i in range(n):
        for k in range(n):
            factor[i, k] = mass[i, k]
    cholesky(factor, n)
    for c in range(6):
        for i in range(n):
            total = jacobian[c, i]
            for k in range(i):
                total -= factor[i, k] * half[k, c]
            half[i, c] = total / factor[i, i]
    for a in range(6):
        for b in range(a + 1):
            total = 0.0
            for i in range(n):
                total += half[i, a] * half[i, b]
            gram[a, b] = total
            gram[b, a] = total

    # L_p F and L_r T.
    for start in (0, 3):
        for a in range(3):
            for b in range(3):
                block[a, b] = gram[start + a, start + b]
            part[a] = wrench[start + a]
        cholesky(block, 3)
        solve(block, 3, part)
        for a in range(3):
            wrench[start + a] = part[a]

    # a = kq (q0 - q) - 2 sqrt(kq) qdot; J a; A^-1 J a is taken off the wrench, so that one J^T serves both.
    for i in range(n):
        accelerations[i] = KP_NULL * (rest[i] - q[i]) - KD_NULL * qdot[i]
    for a in range(6):
        rates[a] = 0.0
        for i in range(n):
            rates[a] += jacobian[a, i] * accelerations[i]
    cholesky(gram, 6)
    solve(gram, 6, rates)
    for i in range(n):
        total = bias[i]
        for a in range(6):
            total += jacobian[a, i] * (wrench[a] - rates[a])
        for k in range(n):
            total += mass[i, k] * accelerations[k]
        out[i] = total
