"""The source of a control step: 25 x (mj_step1, OSC, gripper, mj_step2).

What runs is machine code of it (`libero_gym.engine.compiled`). `scripts/control_step.py` has Numba translate
`control_step` and what it calls in `osc` and `gripper`, so a change takes effect when that script has run. Called from
Python it does the same, hundreds of times slower.

Nothing is allocated, and arrays are copied by loops: both keep Numba's own runtime out of the translation.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np

from libero_gym.engine.gripper import move_targets
from libero_gym.engine.mujoco_calls import (
    mj_fwd_acceleration,
    mj_fwd_actuation,
    mj_fwd_constraint,
    mj_jac_site,
    mj_step1,
    mj_step2,
)
from libero_gym.engine.osc import set_goal, torques

# C-contiguous arrays: the type of their elements, and their shape; None is a length that depends on the scene.
Floats: TypeAlias = Annotated[np.ndarray, np.float64, (None,)]
Pairs: TypeAlias = Annotated[np.ndarray, np.float64, (None, 2)]
Positions: TypeAlias = Annotated[np.ndarray, np.float64, (None, 3)]
Rotations: TypeAlias = Annotated[np.ndarray, np.float64, (None, 9)]
Jacobians: TypeAlias = Annotated[np.ndarray, np.float64, (2, 3, None)]
Indices: TypeAlias = Annotated[np.ndarray, np.int32, (None,)]
Action: TypeAlias = Annotated[np.ndarray, np.float64, (7,)]
Fingers: TypeAlias = Annotated[np.ndarray, np.float64, (2,)]
FingerIndices: TypeAlias = Annotated[np.ndarray, np.int64, (2,)]
Position: TypeAlias = Annotated[np.ndarray, np.float64, (3,)]
Rotation: TypeAlias = Annotated[np.ndarray, np.float64, (9,)]
Pose: TypeAlias = Annotated[np.ndarray, np.float64, (12,)]
Joints: TypeAlias = Annotated[np.ndarray, np.float64, (7,)]
JointIndices: TypeAlias = Annotated[np.ndarray, np.int64, (7,)]
JointRows: TypeAlias = Annotated[np.ndarray, np.float64, (4, 7)]
ArmJacobian: TypeAlias = Annotated[np.ndarray, np.float64, (6, 7)]
ArmMass: TypeAlias = Annotated[np.ndarray, np.float64, (7, 7)]
Scratch: TypeAlias = Annotated[np.ndarray, np.float64, (5, 7, 7)]
Flag: TypeAlias = Annotated[np.ndarray, np.int64, (1,)]


def control_step(
    model: int,
    data: int,
    substeps: int,
    step_ratio: float,
    action: Action,
    qpos: Floats,
    qvel: Floats,
    ctrl: Floats,
    site_xpos: Positions,
    site_xmat: Rotations,
    mass_matrix: Floats,
    bias: Floats,
    dof_madr: Indices,
    dof_parent: Indices,
    ctrl_range: Pairs,
    arm_qpos: JointIndices,
    arm_dof: JointIndices,
    arm_actuators: JointIndices,
    gripper_actuators: FingerIndices,
    eef_site: int,
    rest: Joints,
    goal_pos: Position,
    goal_ori: Rotation,
    gripper_targets: Fingers,
    home_pose: Pose,
    home_jacobian: ArmJacobian,
    home_mass: ArmMass,
    unseen: Flag,
    extra_solves: Flag,
    observed_step: int,
    poses: Floats,
    observed_poses: Floats,
    observed_qpos: Floats,
    observed_qvel: Floats,
    begun_qpos: Floats,
    begun_qvel: Floats,
    posed_qpos: Floats,
    jacobians: Jacobians,
    pose: Pose,
    arm: JointRows,
    jacobian: ArmJacobian,
    mass: ArmMass,
    scratch: Scratch,
) -> None:
    """Advance a world by one action.

    The poses that `site_xpos` and its like hold afterwards are those of the last physics step's beginning, 2 ms (or the
    fast physics' 5) before `qpos`: robosuite judges success on them too. What it observes is older; see
    `libero_gym.engine.observed`.

    Args:
        model: address of the `mjModel`.
        data: address of the `mjData`.
        substeps: physics steps of a control step.
        step_ratio: length of a physics step, in those of robosuite; 1 where they are the same.
        action: (7,) float64, pose change (6) and gripper.
        qpos, qvel, ctrl: MuJoCo's own (nq,), (nv,), (nu,).
        site_xpos, site_xmat: MuJoCo's own (nsite, 3), (nsite, 9).
        mass_matrix: MuJoCo's sparse `qM` (nM,).
        bias: MuJoCo's `qfrc_bias` (nv,).
        dof_madr, dof_parent: MuJoCo's `dof_Madr` and `dof_parentid` (nv,), which index `qM`.
        ctrl_range: (nu, 2) bounds of the controls.
        arm_qpos, arm_dof, arm_actuators: (7,) indices of the arm.
        gripper_actuators: (2,) indices of the fingers.
        eef_site: index of the controlled site.
        rest: (7,) rest pose of the arm.
        goal_pos, goal_ori: (3,), (9,) the controller's goal, kept from step to step.
        gripper_targets: (2,) normalized targets of the fingers, kept from step to step.
        home_pose: (12,) position and rotation matrix of the end effector at the arm's home.
        home_jacobian, home_mass: (6, 7), (7, 7) there.
        unseen: (1,) whether the controller has not looked at the arm since the reset, and still takes it to be at
            home, as robosuite's does in the first physics step after `set_init_state`; set to 0.
        extra_solves: (1,) how often accelerations are solved for before the control, each time from the last solution;
            robosuite does it twice, in its two calls of `sim.forward`. Only the solver's start depends on it.
        observed_step: number of the physics step, from 1, after which observations are sampled.
        poses: MuJoCo's own, as `pose_block` has them.
        observed_poses, observed_qpos, observed_qvel: receive the sample of `poses`, `qpos` and `qvel`.
        begun_qpos, begun_qvel: receive `qpos` and `qvel` at the last physics step's beginning, of which the poses are
            that are left.
        posed_qpos: receives `qpos` at the beginning of the physics step that is sampled, of which those poses are.
        jacobians, pose, arm, jacobian, mass, scratch: what `scratch_arrays` makes.
    """
    n = 7
    q, qdot, arm_bias, torque = arm[0], arm[1], arm[2], arm[3]
    jacp = jacobians.ctypes.data
    jacr = jacp + jacobians.itemsize * 3 * jacobians.shape[2]
    for substep in range(substeps):
        mj_step1(model, data)
        if substep + 1 == substeps:
            for i in range(len(qpos)):
                begun_qpos[i] = qpos[i]
            for i in range(len(qvel)):
                begun_qvel[i] = qvel[i]
        if substep + 1 == observed_step:
            for i in range(len(qpos)):
                posed_qpos[i] = qpos[i]
        for _ in range(extra_solves[0]):
            mj_fwd_actuation(model, data)
            mj_fwd_acceleration(model, data)
            mj_fwd_constraint(model, data)
        for i in range(12):
            pose[i] = site_xpos[eef_site, i] if i < 3 else site_xmat[eef_site, i - 3]
            if unseen[0]:
                pose[i] = home_pose[i]
        if substep == 0:
            set_goal(action, pose, goal_pos, goal_ori)
        mj_jac_site(model, data, jacp, jacr, np.int32(eef_site))
        for i in range(n):
            dof = arm_dof[i]
            q[i], qdot[i], arm_bias[i] = qpos[arm_qpos[i]], qvel[dof], bias[dof]
            for row in range(3):
                jacobian[row, i] = jacobians[0, row, dof]
                jacobian[3 + row, i] = jacobians[1, row, dof]
            # qM holds the row of a degree of freedom from itself up to its chain's root.
            address, ancestor, k = dof_madr[dof], dof, i
            while ancestor >= 0 and k >= 0:
                if ancestor == arm_dof[k]:
                    mass[i, k] = mass_matrix[address]
                    mass[k, i] = mass_matrix[address]
                    k -= 1
                address += 1
                ancestor = dof_parent[ancestor]
        if unseen[0]:
            for i in range(n):
                q[i], qdot[i] = rest[i], 0.0
                for row in range(6):
                    jacobian[row, i] = home_jacobian[row, i]
                for k in range(n):
                    mass[i, k] = home_mass[i, k]
            unseen[0] = 0
        torques(pose, goal_pos, goal_ori, jacobian, mass, q, qdot, rest, arm_bias, torque, scratch)
        for i in range(n):
            actuator = arm_actuators[i]
            ctrl[actuator] = min(max(torque[i], ctrl_range[actuator, 0]), ctrl_range[actuator, 1])
        move_targets(action[6], step_ratio, gripper_targets)
        for i in range(2):
            actuator = gripper_actuators[i]
            low, high = ctrl_range[actuator, 0], ctrl_range[actuator, 1]
            ctrl[actuator] = 0.5 * (high + low) + 0.5 * (high - low) * gripper_targets[i]
        mj_step2(model, data)
        if substep + 1 == observed_step:
            for i in range(len(poses)):
                observed_poses[i] = poses[i]
            for i in range(len(qpos)):
                observed_qpos[i] = qpos[i]
            for i in range(len(qvel)):
                observed_qvel[i] = qvel[i]


def scratch_arrays(nv: int) -> dict[str, np.ndarray]:
    """Return the arrays that a control step works in, by the names of `control_step`'s parameters.

    Args:
        nv: MuJoCo's number of degrees of freedom.
    """
    return {
        "jacobians": np.zeros((2, 3, nv)),  # MuJoCo's, of all degrees of freedom
        "pose": np.zeros(12),  # of the end effector: its position and its rotation matrix by rows
        "arm": np.zeros((4, 7)),  # positions, velocities, bias forces and torques
        "jacobian": np.zeros((6, 7)),
        "mass": np.zeros((7, 7)),  # all of which is written: the arm's joints are one chain
        "scratch": np.zeros((5, 7, 7)),  # the controller's
    }
