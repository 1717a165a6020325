"""A world's state at one moment, in two forms: a copy of all for this process, and the numbers alone for any other."""

from __future__ import annotations

from dataclasses import dataclass, fields

import mujoco
import numpy as np

from libero_gym.scene.fixtures import FixturePoses
from libero_gym.shifts.look import Look

#: All that MuJoCo's next step depends on: time, positions, velocities, controls, applied forces, and the accelerations
#: from which the constraint solver starts.
INTEGRATION = int(mujoco.mjtState.mjSTATE_INTEGRATION)


@dataclass(frozen=True)
class Setting:
    """What a shift changes in a world for an episode, beside its first state."""

    look: Look | None = None
    """None: as the scene has it."""
    home: tuple[float, ...] | None = None
    """(7,) joint angles at which the arm begins, radians, in place of LIBERO's."""


@dataclass(frozen=True)
class Snapshot:
    """All of a world's state: what `World.restore` brings back, to the last bit; some 1 MB."""

    data: mujoco.MjData
    poses: FixturePoses
    goal: np.ndarray
    gripper_targets: np.ndarray
    unseen: int
    observed: tuple[np.ndarray, ...]
    begun: tuple[np.ndarray, ...]
    setting: Setting


@dataclass(frozen=True)
class WorldState:
    """The numbers that a world goes on from to the last bit, some 5 KB; all arrays float64.

    MuJoCo's poses, contacts and the like follow from positions. After a control step those of its last physics step's
    beginning are in force, and an observation shows poses that are older still, so the positions that both were
    computed from are kept too. Forces and accelerations of the last step are not.
    """

    physics: np.ndarray
    """MuJoCo's integration state, see `INTEGRATION`."""
    begun_qpos: np.ndarray
    """(nq,), at the beginning of the last physics step."""
    begun_qvel: np.ndarray
    """(nv,), at that moment."""
    posed_qpos: np.ndarray
    """(nq,), of which the observed poses are."""
    observed_qpos: np.ndarray
    """(nq,), as observed."""
    observed_qvel: np.ndarray
    """(nv,), as observed."""
    lit: np.ndarray
    """0 or 1 of each indicator, as observed."""
    fixtures: np.ndarray
    """(7 F,), position and quaternion (w, x, y, z) of each fixture."""
    goal_orientation: np.ndarray
    """(9,), the controller's goal, a rotation matrix by rows."""
    gripper_targets: np.ndarray
    """(2,), normalized."""
    unseen: np.ndarray
    """(1,), 1 while the controller has not looked at the arm since the reset."""

    @staticmethod
    def sizes(model: mujoco.MjModel, fixtures: int, indicators: int) -> dict[str, int]:
        """Return how long each array is in a scene.

        Args:
            model: of the scene.
            fixtures: number of its fixtures.
            indicators: number of its indicators.
        """
        return {
            "physics": mujoco.mj_stateSize(model, INTEGRATION),
            "begun_qpos": model.nq,
            "begun_qvel": model.nv,
            "posed_qpos": model.nq,
            "observed_qpos": model.nq,
            "observed_qvel": model.nv,
            "lit": indicators,
            "fixtures": 7 * fixtures,
            "goal_orientation": 9,
            "gripper_targets": 2,
            "unseen": 1,
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
