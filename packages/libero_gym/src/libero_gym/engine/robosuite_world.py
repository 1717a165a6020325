"""LIBERO's own environment as a world: slow, and the oracle that the native engine is held against."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from libero_gym.assets.source import AssetSet
from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.engine.world_state import Setting, Snapshot, WorldState
from libero_gym.errors import OptionError
from libero_gym.scene.compiled import CompiledScene
from libero_gym.scene.fixtures import FixturePoses
from libero_gym.scene.libero_import import import_libero, make_libero_env
from libero_gym.tasks.suites import Task


class RobosuiteWorld(World):
    """A world that robosuite steps and LIBERO judges.

    State and images are read from robosuite's own `MjData`; the controller, the gripper, the moment of observation and
    the goal are theirs. Not for threads: LIBERO samples from NumPy's global generator.
    """

    def __init__(self, scene: CompiledScene, task: Task, assets: AssetSet) -> None:
        """
        Args:
            scene: the compiled scene of the task, for its tables.
            task: the task.
            assets: what LIBERO is to build it from.
        """
        import_libero(assets.folder)
        self._env: Any = make_libero_env(task)
        self._env.reset()
        super().__init__(SharedModel(scene, self._env.sim.model._model, scene.table.control_substeps))
        from robosuite.utils.observables import Observable, sensor

        @sensor(modality="libero_gym")
        def sample(_: object) -> float:
            self._observed.sample()
            return 0.0

        # robosuite's own timer says when an observation is sampled: ours is one of its observables.
        rate = self._env.control_freq
        self._env.add_observable(Observable(name="libero_gym", sensor=sample, sampling_rate=rate))

    def _make_data(self) -> mujoco.MjData:
        data: mujoco.MjData = self._env.sim.data._data
        return data

    def reset(self, state: np.ndarray, poses: FixturePoses, setting: Setting | None = None) -> None:
        """Do LIBERO's `reset`, then set these fixture poses and this state; see `World.reset`. Shifts are refused."""
        self._env.reset()
        self._poses = poses
        self.shared.holder = None
        # LIBERO keeps its gripper model, and with it the fingers' targets, from episode to episode.
        self._env.robots[0].gripper.current_action = np.zeros(2)
        self.set_sim_state(state)
        # The rest of LIBERO's `set_init_state`.
        self._env._post_process()
        self._env._update_observables(force=True)

    def step(self, action: np.ndarray) -> bool:
        """See `World.step`."""
        self._take_model()
        self._observed.lit[:] = self._lit()
        self._env.step(action)
        return bool(np.isfinite(self.data.qpos).all())

    def success(self) -> bool:
        """Return LIBERO's own judgement."""
        return bool(self._env._check_success())

    def snapshot(self) -> Snapshot | None:
        """Return None: robosuite's controller keeps state of its own, so that every reset is simulated."""
        return None

    def state(self) -> WorldState:
        """Raise OptionError: robosuite's controller keeps state of its own."""
        raise OptionError(
            f"no state can be saved with engine 'robosuite' of {self.scene.table.task_name}; allowed: 'native'"
        )

    def go_on_from(self, state: WorldState, setting: Setting | None = None) -> None:
        """Raise OptionError, as `state` does."""
        raise OptionError(
            f"no state can be restored with engine 'robosuite' of {self.scene.table.task_name}; allowed: 'native'"
        )
