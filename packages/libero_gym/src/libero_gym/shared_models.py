"""What the environments of one thread share: models, loaded when first used, and settled scenes.

Both are bounded: a suite of 130 tasks would otherwise fill memory, the GPU's first.
"""

from __future__ import annotations

import functools
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.engine.world_state import Snapshot
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import Renderer
from libero_gym.shifts.applied import NO_SHIFT, AppliedShift
from libero_gym.shifts.request import Variants
from libero_gym.tasks.suites import Task

if TYPE_CHECKING:
    from libero_gym.scene.reset_draws import ResetDraws
    from libero_gym.shifts.task_shifts import TaskShifts

#: Settled scenes that a thread remembers; each takes some 1 MB, and its images.
REMEMBERED_SCENES = 64

#: Models that a thread keeps, the least recently used one making place: some 130 MB each on the GPU, and 280 MB of
#: memory, with LIBERO's own assets. Those of the episodes in progress are kept besides. Threads do not share them: the
#: fixtures' poses, the burners' lights and a shift's look are written into the model of the world that steps next.
MAX_MODELS = 16

#: (task, initial state, seed, id of the variants).
SceneKey = tuple[int, int, int, str]


@dataclass
class SettledScene:
    """A settled scene, from which a later episode with the same task, initial state and seed starts at once."""

    snapshot: Snapshot
    arrays: dict[str, np.ndarray] | None = None
    """The first observation's arrays, once they were rendered."""


class SharedModels:
    """The models and settled scenes of one thread."""

    def __init__(self, options: EnvOptions) -> None:
        self._options = options
        self._models: OrderedDict[tuple[int, str], SharedModel] = OrderedDict()
        #: Of those that made place: what episodes still hold.
        self._evicted: weakref.WeakSet[SharedModel] = weakref.WeakSet()
        self._shifts: dict[int, TaskShifts] = {}
        self._draws: dict[int, ResetDraws] = {}
        self._settled: OrderedDict[SceneKey, SettledScene] = OrderedDict()

    def of(self, task: Task, shifted: str = "") -> SharedModel:
        """Return the model of a task, or of a shifted scene of it."""
        key = task.id, shifted
        if key not in self._models:
            scenes = self._options.scenes
            self._models[key] = SharedModel.load(
                scenes.scene(task, shifted) if shifted else scenes.scene(task),
                decimated=self._options.render_quality == "fast",
                physics=self._options.physics_quality,
            )
            if len(self._models) > MAX_MODELS:
                self._evict()
        self._models.move_to_end(key)
        return self._models[key]

    def used(self, shared: SharedModel) -> None:
        """Note that a model is used again."""
        for key, kept in self._models.items():
            if kept is shared:
                self._models.move_to_end(key)
                return

    def is_evicted(self, shared: SharedModel) -> bool:
        """Return whether a model has made place for another one."""
        return shared in self._evicted

    def _evict(self) -> None:
        """Let go of the least recently used model, of what is kept of it on the GPU, and of its settled scenes."""
        (task, _), shared = self._models.popitem(last=False)
        self._evicted.add(shared)
        for key in [key for key in self._settled if key[0] == task]:
            del self._settled[key]
        renderer = Renderer.made_in_thread().get(self._options.render_device)
        if renderer is not None:
            renderer.release(shared)

    def apply(self, task: Task, variants: Variants) -> AppliedShift:
        """Return what an episode of some variants begins with.

        Raises:
            SceneError: the task does not allow a swap.
        """
        if not variants:
            return NO_SHIFT
        from libero_gym.shifts.task_shifts import TaskShifts  # most environments need none of it

        if task.id not in self._shifts:
            states = self._options.scenes.published_states(task)[0]
            self._shifts[task.id] = TaskShifts(task, states, functools.partial(self.of, task))
        return self._shifts[task.id].apply(variants)

    def reset_draws(self, task: Task, world: World) -> ResetDraws:
        """Return the resets of a task's LIBERO environment."""
        if task.id not in self._draws:
            from libero_gym.scene.build import build_scene  # most environments build no scene
            from libero_gym.scene.reset_draws import ResetDraws

            scene = build_scene(task.definition, self._options.scenes.assets.folder, None)
            self._draws[task.id] = ResetDraws(scene, world.model, world.scene.table)
        return self._draws[task.id]

    def make_world(self, task: Task, shift: AppliedShift) -> World:
        """Make a new world of a task, on the engine that the options name, of a shift's scene and goal."""
        if self._options.engine == "robosuite":
            from libero_gym.engine.robosuite_world import RobosuiteWorld

            scenes = self._options.scenes
            return RobosuiteWorld(scenes.scene(task), task, scenes.assets)
        return World(self.of(task, shift.scene), shift.goal)

    def recall(self, key: SceneKey) -> SettledScene | None:
        """Return the settled scene of a key, if it is remembered."""
        if key in self._settled:
            self._settled.move_to_end(key)
        return self._settled.get(key)

    def remember(self, key: SceneKey, scene: SettledScene) -> None:
        """Keep a settled scene, in place of the least recently used one."""
        self._settled[key] = scene
        if len(self._settled) > REMEMBERED_SCENES:
            self._settled.popitem(last=False)

    def loaded(self) -> list[SharedModel]:
        """Return all models so far."""
        return list(self._models.values())
