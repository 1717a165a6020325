"""A world: one simulated scene with its controller, fixture poses and goal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import mujoco
import numpy as np

from libero_gym.checks import finite_array
from libero_gym.engine.compiled import ControlStep
from libero_gym.engine.mujoco_calls import copy_data
from libero_gym.engine.observed import ObservedState, observed_step
from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.stepper import scratch_arrays
from libero_gym.engine.world_state import INTEGRATION, Setting, Snapshot, WorldState
from libero_gym.errors import ActionError, InitStateError, SavedStateError
from libero_gym.scene.fixtures import FixturePoses
from libero_gym.tasks.goals import Goal
from libero_gym.tasks.tables import Predicate

ACTION_SIZE = 7
#: robosuite's own, and how often it solves before the last time. While a scene settles, and only then, both are as
#: they are there: the published first image is a matter of the last bits.
PUBLISHED_TOLERANCE, PUBLISHED_EXTRA_SOLVES = 1e-8, 2
#: mjtWarning entries after which MuJoCo has thrown a state away.
_DIVERGED = (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)


class World:
    """One simulated scene.

    All methods of worlds with the same `SharedModel` must be called from one thread at a time.
    """

    def __init__(self, shared: SharedModel, goal: Sequence[Predicate] | None = None) -> None:
        """
        Args:
            shared: the model.
            goal: in place of the task's.
        """
        self.shared = shared
        self._as_holder = object()
        self.model = shared.model
        self.scene = shared.scene
        if goal is not None:
            self.scene = replace(self.scene, table=replace(self.scene.table, goal=list(goal)))
        self.data = self._make_data()
        self.goal = Goal(self.scene.table, self.model)
        self._observed = ObservedState(self.data, len(shared.scene.table.indicators))
        self._poses: FixturePoses | None = None
        table = shared.scene.table
        self._fixture_bodies = np.array([fixture.body for fixture in table.fixtures], dtype=np.int64)
        self._state_sizes = WorldState.sizes(shared.model, len(table.fixtures), len(table.indicators))
        self._setting = Setting()
        robot = shared.scene.table.robot
        self._eef_site = robot.eef_site
        self._gripper_qpos = np.array(robot.gripper_qpos)
        #: Samples of the end effector's position and quaternion, and of joint positions.
        self._proprioception = (
            self._observed.pose("site_xpos", robot.eef_site),
            self._observed.pose("xquat", robot.eef_body),
            self._observed.sampled[1],
        )
        self._goal_pos = np.zeros(3)
        self._goal_ori = np.zeros(9)
        self._gripper_targets = np.zeros(2)
        self._unseen = np.zeros(1, dtype=np.int64)
        self._extra_solves = np.zeros(1, dtype=np.int64)
        self._action = np.zeros(ACTION_SIZE)
        #: Positions and velocities at the beginning of the last physics step, and positions of the observed poses.
        self._begun = (self.data.qpos.copy(), self.data.qvel.copy(), self.data.qpos.copy())
        model, data = self.model, self.data
        self._rest, self._home_pose = np.array(robot.home_qpos), np.zeros(12)
        self._home_jacobian, self._home_mass = np.zeros((6, 7)), np.zeros((7, 7))
        self._take_home(None)
        begun_qpos, begun_qvel, posed_qpos = self._begun
        poses, (observed_poses, observed_qpos, observed_qvel) = self._observed.live[0], self._observed.sampled
        # Views of MuJoCo's memory and indices, looked up once.
        self._step_arguments: dict[str, Any] = {
            "model": model._address,
            "data": data._address,
            "substeps": shared.physics_steps,
            "step_ratio": shared.scene.table.control_substeps / shared.physics_steps,
            "action": self._action,
            "qpos": data.qpos,
            "qvel": data.qvel,
            "ctrl": data.ctrl,
            "site_xpos": data.site_xpos,
            "site_xmat": data.site_xmat,
            "mass_matrix": data.qM,
            "bias": data.qfrc_bias,
            "dof_madr": model.dof_Madr,
            "dof_parent": model.dof_parentid,
            "ctrl_range": model.actuator_ctrlrange,
            "arm_qpos": np.array(robot.arm_qpos, dtype=np.int64),
            "arm_dof": np.array(robot.arm_dof, dtype=np.int64),
            "arm_actuators": np.array(robot.arm_actuators, dtype=np.int64),
            "gripper_actuators": np.array(robot.gripper_actuators, dtype=np.int64),
            "eef_site": robot.eef_site,
            "rest": self._rest,
            "goal_pos": self._goal_pos,
            "goal_ori": self._goal_ori,
            "gripper_targets": self._gripper_targets,
            "home_pose": self._home_pose,
            "home_jacobian": self._home_jacobian,
            "home_mass": self._home_mass,
            "unseen": self._unseen,
            "extra_solves": self._extra_solves,
            "observed_step": observed_step(shared.physics_steps, shared.scene.table.control_substeps),
            "poses": poses,
            "observed_poses": observed_poses,
            "observed_qpos": observed_qpos,
            "observed_qvel": observed_qvel,
            "begun_qpos": begun_qpos,
            "begun_qvel": begun_qvel,
            "posed_qpos": posed_qpos,
            **scratch_arrays(model.nv),
        }
        self._control_step = ControlStep(**self._step_arguments)

    def _make_data(self) -> mujoco.MjData:
        return mujoco.MjData(self.model)

    def _take_home(self, home: tuple[float, ...] | None) -> None:
        """Take a pose as the arm's at reset, which is also the controller's rest pose.

        Args:
            home: (7,) joint angles, radians; None for LIBERO's.
        """
        model, robot = self.model, self.scene.table.robot
        self._rest[:] = robot.home_qpos if home is None else home
        data = mujoco.MjData(model)
        data.qpos[robot.arm_qpos] = self._rest
        mujoco.mj_forward(model, data)
        linear, angular, mass = np.zeros((3, model.nv)), np.zeros((3, model.nv)), np.zeros((model.nv, model.nv))
        mujoco.mj_jacSite(model, data, linear, angular, robot.eef_site)
        mujoco.mj_fullM(model, mass, data.qM)
        self._home_pose[:] = np.concatenate([data.site_xpos[robot.eef_site], data.site_xmat[robot.eef_site]])
        self._home_jacobian[:] = np.concatenate([linear, angular])[:, robot.arm_dof]
        self._home_mass[:] = mass[np.ix_(robot.arm_dof, robot.arm_dof)]

    @property
    def state_size(self) -> int:
        """Length of `get_sim_state`: 1 + nq + nv."""
        return 1 + self.model.nq + self.model.nv

    def reset(self, state: np.ndarray, poses: FixturePoses, setting: Setting | None = None) -> None:
        """Start an episode: a flat state (1 + nq + nv,), where the fixtures stand, and what a shift changes.

        As after LIBERO's `reset` and `set_init_state`, the controller still takes the arm to be at home in the first
        physics step, and keeps home's orientation until an action turns it.
        """
        self._poses = poses
        self._take_setting(setting or Setting())
        mujoco.mj_resetData(self.model, self.data)
        self._goal_ori[:] = self._home_pose[3:]
        self._unseen[0] = 1
        self._gripper_targets[:] = 0.0
        with self._published_solver():
            self.set_sim_state(state)

    def settle(self, action: np.ndarray, steps: int) -> None:
        """Let objects settle after a reset: repeat an action (7,), and solve for accelerations as LIBERO's loop does.

        With LIBERO's time steps, what is seen afterwards is equal to LIBERO's to the last bit. Each step takes half as
        long again as one of `step`.
        """
        with self._published_solver():
            for _ in range(steps):
                self.step(action)

    @contextmanager
    def _published_solver(self) -> Iterator[None]:
        """Solve as LIBERO's loop does, where the time steps are LIBERO's."""
        if self.shared.physics_steps != self.scene.table.control_substeps:
            yield
            return
        tolerance, self.model.opt.tolerance = self.model.opt.tolerance, PUBLISHED_TOLERANCE
        self._extra_solves[0] = PUBLISHED_EXTRA_SOLVES
        try:
            yield
        finally:
            self.model.opt.tolerance = tolerance
            self._extra_solves[0] = 0

    def get_sim_state(self) -> np.ndarray:
        """Return LIBERO's flat state [time, qpos, qvel], (1 + nq + nv,) float64."""
        return np.concatenate([[self.data.time], self.data.qpos, self.data.qvel])

    def set_sim_state(self, state: np.ndarray) -> None:
        """Set time, positions and velocities, and bring all that follows from them up to date, what is observed too.

        Raises:
            InitStateError: a state of another length, or with NaN or infinity in it.
        """
        try:
            state = finite_array(InitStateError, "sim_state", state, (self.state_size,))
        except InitStateError as error:
            table = self.scene.table
            raise InitStateError(
                f"{error}; {table.task_name} with assets {table.assets!r} takes ({self.state_size},): "
                "[time, qpos, qvel]"
            ) from error.__cause__
        nq = self.model.nq
        self.data.time = state[0]
        self.data.qpos[:] = state[1 : 1 + nq]
        self.data.qvel[:] = state[1 + nq :]
        self._take_model()
        mujoco.mj_forward(self.model, self.data)
        for begun, live in zip(self._begun, (self.data.qpos, self.data.qvel, self.data.qpos), strict=True):
            begun[:] = live
        self._observed.lit[:] = self._lit()
        self._observed.sample()

    def snapshot(self) -> Snapshot | None:
        """Copy the present state, about 1 MB; None where the engine cannot go back to one."""
        assert self._poses is not None
        data = mujoco.MjData(self.model)
        copy_data(data._address, self.model._address, self.data._address)
        return Snapshot(
            data,
            self._poses,
            self._goal_ori.copy(),
            self._gripper_targets.copy(),
            int(self._unseen[0]),
            self._observed.copy(),
            tuple(array.copy() for array in self._begun),
            self._setting,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot of a world with the same model; takes some 30 microseconds."""
        copy_data(self.data._address, self.model._address, snapshot.data._address)
        self._poses = snapshot.poses
        self._take_setting(snapshot.setting)
        self._goal_ori[:] = snapshot.goal
        self._gripper_targets[:] = snapshot.gripper_targets
        self._unseen[0] = snapshot.unseen
        self._observed.restore(snapshot.observed)
        for array, copied in zip(self._begun, snapshot.begun, strict=True):
            array[:] = copied

    def state(self) -> WorldState:
        """Return the numbers that this world goes on from, for any world of the same scene and physics.

        Raises:
            OptionError: the engine cannot go back to a state.
        """
        assert self._poses is not None
        physics = np.empty(mujoco.mj_stateSize(self.model, INTEGRATION))
        mujoco.mj_getState(self.model, self.data, physics, INTEGRATION)
        begun_qpos, begun_qvel, posed_qpos = (array.copy() for array in self._begun)
        _, observed_qpos, observed_qvel = self._observed.sampled
        return WorldState(
            physics=physics,
            begun_qpos=begun_qpos,
            begun_qvel=begun_qvel,
            posed_qpos=posed_qpos,
            observed_qpos=observed_qpos.copy(),
            observed_qvel=observed_qvel.copy(),
            lit=self._observed.lit.astype(np.float64),
            fixtures=np.concatenate([self._poses.positions, self._poses.quaternions], axis=1).reshape(-1),
            goal_orientation=self._goal_ori.copy(),
            gripper_targets=self._gripper_targets.copy(),
            unseen=self._unseen.astype(np.float64),
        )

    def go_on_from(self, state: WorldState, setting: Setting | None = None) -> None:
        """Bring back a state of a world of the same scene and physics; what follows is equal to the last bit.

        Poses, contacts and all else that MuJoCo computes before a step's forces are as they were, and so is what is
        observed. It takes some 0.1 ms.

        Raises:
            SavedStateError: an array of another length than this scene's; nothing has changed.
        """
        model, data, table = self.model, self.data, self.scene.table
        for name, size in self._state_sizes.items():
            if (length := len(getattr(state, name))) != size:
                raise SavedStateError(f"a saved state's {name} has {length} numbers; {table.task_name} has {size}")
        fixtures = state.fixtures.reshape(-1, 7)
        self._poses = FixturePoses(self._fixture_bodies, fixtures[:, :3].copy(), fixtures[:, 3:].copy())
        self._take_setting(setting or Setting())
        self._take_model()
        mujoco.mj_resetData(model, data)
        # Poses that were computed from positions then, computed from the same positions.
        data.qpos[:] = state.posed_qpos
        for compute in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_camlight):
            compute(model, data)
        self._observed.restore((self._observed.live[0], state.observed_qpos, state.observed_qvel, state.lit > 0.5))
        data.qpos[:], data.qvel[:] = state.begun_qpos, state.begun_qvel
        mujoco.mj_step1(model, data)
        mujoco.mj_setState(model, data, state.physics, INTEGRATION)
        for array, saved in zip(self._begun, (state.begun_qpos, state.begun_qvel, state.posed_qpos), strict=True):
            array[:] = saved
        self._goal_ori[:] = state.goal_orientation
        self._gripper_targets[:] = state.gripper_targets
        self._unseen[0] = int(state.unseen[0] > 0.5)

    def step(self, action: np.ndarray) -> bool:
        """Advance by one control step of 50 ms.

        Args:
            action: (7,), checked by `check_action`; values beyond [-1, 1] are clipped by the controller.

        Returns:
            Whether the state is still a valid one; False after the simulation diverged.
        """
        self._take_model()
        self._observed.lit[:] = self._lit()
        self._action[:] = action
        self._control_step()
        return not any(self.data.warning[kind].number for kind in _DIVERGED)

    def success(self) -> bool:
        """Return whether the task's goal holds now."""
        return self.goal.holds(self.data)

    def observed(self) -> AbstractContextManager[mujoco.MjData]:
        """Return a context in which `data` has the poses, `qpos` and `qvel` that observations show.

        The rest of it, and all of it afterwards, is the present state; see `libero_gym.engine.observed`.
        """
        return self._observed.shown()

    def proprioception(self) -> np.ndarray:
        """Return the state vector of published policies as it is observed, (8,) float32.

        Eef position (metres, world), its orientation as an axis-angle vector (radians), and the positions of the two
        fingers (metres).
        """
        position, quaternion, qpos = self._proprioception
        return np.concatenate([position, axis_angle(quaternion), qpos[self._gripper_qpos]]).astype(np.float32)

    def home_rotation(self) -> np.ndarray:
        """Return the orientation of the end effector where the arm is at reset, (3, 3), world frame."""
        return self._home_pose[3:].reshape(3, 3)

    def eef_position(self) -> np.ndarray:
        """Return the position between the finger tips, (3,), metres, world frame."""
        return self.data.site_xpos[self._eef_site]

    def show_indicators(self) -> None:
        """Make the sites that depend on a joint, such as the stove's burner, visible or not in the model, as they are
        observed."""
        self._take_model()
        for indicator, lit in zip(self.scene.table.indicators, self._observed.lit, strict=True):
            self.model.site_rgba[indicator.site, 3] = float(lit)

    def _lit(self) -> list[bool]:
        """Return which indicators' conditions hold now."""
        return [
            any(indicator.condition.holds(self.data.qpos[address]) for address in indicator.joint_qpos)
            for indicator in self.scene.table.indicators
        ]

    def _take_setting(self, setting: Setting) -> None:
        """Go on with another setting; the model is written when it is used next."""
        if setting.home != self._setting.home:
            self._take_home(setting.home)
        self._setting = setting
        self.shared.holder = None

    def _take_model(self) -> None:
        if self.shared.holder is not self._as_holder:
            self.shared.show(self._setting.look)
            if self._poses is not None:
                self._poses.write(self.model)
            self.shared.holder = self._as_holder


def check_action(action: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an action as float64.

    Raises:
        ActionError: another shape, or NaN or infinity in it.
    """
    return finite_array(ActionError, "action", action, shape)


def axis_angle(quaternion: np.ndarray) -> np.ndarray:
    """Return the axis-angle vector (3,) of a quaternion (w, x, y, z), as robosuite's `quat2axisangle` gives it.

    The angle lies in [0, 2 pi): a published policy's states depend on the sign not being folded. The order of the
    operations is robosuite's, so that results are equal to the last bit.
    """
    w = min(max(float(quaternion[0]), -1.0), 1.0)
    sine = math.sqrt(1.0 - w * w)
    if sine == 0.0:
        return np.zeros(3)
    return quaternion[1:] * 2.0 * math.acos(w) / sine
