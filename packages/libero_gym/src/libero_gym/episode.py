"""One environment's episodes: which scene, which initial state, what an action chunk does. Without images.

`LiberoEnv` and the workers of `LiberoVectorEnv` are both made of this.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from libero_gym.engine.privileged import PrivilegedState
from libero_gym.engine.world import ACTION_SIZE, World, check_action
from libero_gym.engine.world_state import Setting, Snapshot
from libero_gym.errors import InitStateError, SavedStateError
from libero_gym.options import EnvOptions
from libero_gym.render.camera_parameters import camera_parameters
from libero_gym.reset_request import ResetRequest, check_reset
from libero_gym.saved_state import SavedState, task_of
from libero_gym.scene.fixtures import FixturePoses, sample_fixture_poses
from libero_gym.shared_models import SettledScene, SharedModels
from libero_gym.shifts.applied import NO_SHIFT, AppliedShift
from libero_gym.shifts.request import parse_variants
from libero_gym.tasks.init_states import InitStates
from libero_gym.tasks.progress import Progress
from libero_gym.tasks.suites import Task
from libero_gym.tasks.tables import Predicate

#: What LIBERO does while objects settle: keep still, gripper opening.
SETTLE_ACTION = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0])

#: States of which an environment keeps a copy, some 1 MB each: those that it went back to twice in a row.
KEPT = 4

#: (task, kind of shifted scene, goal in place of the task's).
WorldKey = tuple[int, str, tuple[Predicate, ...] | None]


@dataclass(frozen=True)
class Outcome:
    """What an action or a chunk of them led to."""

    rewards: np.ndarray
    """(C,), of each control step; zero after the episode's end."""
    length: int
    """Control steps that were executed, 1..C."""
    terminated: bool
    truncated: bool


class Episode:
    """The episodes of one environment, one after another."""

    def __init__(self, options: EnvOptions, models: SharedModels) -> None:
        self._options = options
        self._models = models
        self._worlds: dict[WorldKey, World] = {}
        self._states: dict[int, InitStates] = {}
        self._privileged: dict[WorldKey, PrivilegedState] = {}
        #: Samples what a `begin` without a seed leaves open.
        self.rng = np.random.default_rng()
        #: Copies of the states that were asked for again and again, by the checksum of their bytes, with their world.
        self._kept: OrderedDict[bytes, tuple[World, Snapshot]] = OrderedDict()
        self._brought_back: bytes | None = None
        self._progress: Progress | None = None
        self.task = options.tasks[0]
        #: What its variants change.
        self.shift = NO_SHIFT
        self.settled: SettledScene | None = None
        self.init_state_id = -1
        self.seed = 0
        self.elapsed_steps = 0
        self.success = False
        self.diverged = False
        self.over = True
        #: Whether there was an episode yet.
        self.begun = False

    @property
    def world(self) -> World:
        """The world of the current task.

        Raises:
            SceneError, AssetError: the task's scene cannot be compiled, or its bundle is damaged.
        """
        return self._world_of(self.task, self.shift)

    @property
    def instruction(self) -> str:
        """The sentence that a policy is given."""
        return self.task.instruction if self.shift.instruction is None else self.shift.instruction

    def begin(self, seed: int | None, options: Mapping[str, Any] | None) -> None:
        """Check a request and start an episode: pick a task and a state, place the fixtures, let objects settle.

        Args:
            seed: None goes on with the generator that an earlier seed started.
            options: see `LiberoEnv.reset`.

        Raises:
            OptionError: an unknown key; TaskError, InitStateError: an unknown task or state. The episode goes on.
        """
        self.start_from(check_reset(self._options, seed, options))

    def start_from(self, request: ResetRequest) -> None:
        """Start an episode from a checked request.

        Raises:
            SceneError, AssetError: the task's scene cannot be compiled, or its bundle is damaged. The episode goes on.
        """
        if request.state is not None:
            self._go_on_from(request.state, request)
            return
        rng = copy.deepcopy(self.rng) if request.seed is None else np.random.default_rng(request.seed)
        # Always sampled, so that naming one of them does not change the others.
        task_sample, state_sample, seed_sample = rng.random(), rng.random(), int(rng.integers(2**31))
        tasks = self._options.tasks
        task = tasks[int(task_sample * len(tasks))] if request.task is None else request.task
        states = self._init_states(task)
        init_state = int(state_sample * len(states)) if request.init_state is None else request.init_state
        seed = seed_sample if request.seed is None else request.seed
        shift = self._sample_shift(task, init_state if request.sim_state is None else -1, seed)
        world = self._world_of(task, shift)
        # Nothing fails from here on, and nothing was changed up to here.
        self.rng, self.task, self.seed, self.shift = rng, task, seed, shift
        if request.sim_state is not None:
            self.init_state_id, self.settled = -1, None
            world.reset(request.sim_state, self._fixture_poses(world), Setting(shift.look, shift.home))
        else:
            self.init_state_id = init_state
            self.settled = self._settle(world, states[init_state])
        self.elapsed_steps = 0
        self.success = self.diverged = self.over = False
        self.begun = True
        if self._options.reward == "staged":
            self._progress = Progress(world.scene.table, world.goal, world.model, world.data)

    def save(self) -> SavedState:
        """Return everything that decides how the episode and those after it go on.

        Raises:
            OptionError: the engine's state cannot be saved.
        """
        return SavedState(
            suite=self.task.suite,
            task=self.task.index,
            init_state_id=self.init_state_id,
            seed=self.seed,
            elapsed_steps=self.elapsed_steps,
            success=self.success,
            diverged=self.diverged,
            over=self.over,
            shift=self.shift.id,
            generator=self.rng.bit_generator.state,
            progress=None if self._progress is None else tuple(self._progress.initial),
            world=self.world.state(),
        )

    def _go_on_from(self, state: SavedState, request: ResetRequest) -> None:
        """Go on from a state that was decoded for these options.

        Raises:
            SavedStateError: it does not fit the scene, or was saved without the staged reward.
        """
        task = task_of(state, self._options)
        shift = self._models.apply(task, parse_variants(state.shift))
        world, progress = self._world_of(task, shift), None
        if self._options.reward == "staged":
            if state.progress is None:
                raise SavedStateError("a saved state without reward='staged', in an environment with it")
            try:
                progress = Progress(world.scene.table, world.goal, world.model, world.data, state.progress)
            except ValueError as error:
                raise SavedStateError(f"a saved state's progress does not fit {task.name}: {error}") from None
        self._bring_back(world, state, Setting(shift.look, shift.home))
        # Nothing fails from here on.
        if request.seed is not None:
            self.rng = np.random.default_rng(request.seed)
        elif not request.forked:
            self.rng = state.make_generator()
        self.task, self.shift, self.settled, self._progress = task, shift, None, progress
        self.init_state_id, self.seed, self.elapsed_steps = state.init_state_id, state.seed, state.elapsed_steps
        self.success, self.diverged, self.over = state.success, state.diverged, state.over
        self.begun = True

    def _bring_back(self, world: World, state: SavedState, setting: Setting) -> None:
        """Bring the world to a state; from the second time on, a copy of all its memory is kept for the next."""
        kept = self._kept.get(state.digest) if state.digest is not None else None
        if kept is not None and kept[0] is world:
            world.restore(kept[1])
            return
        world.go_on_from(state.world, setting)
        if state.digest is None:
            return
        snapshot = world.snapshot() if state.digest == self._brought_back else None
        self._brought_back = state.digest
        if snapshot is not None:
            self._kept[state.digest] = world, snapshot
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _settle(self, world: World, state: np.ndarray) -> SettledScene | None:
        """Bring the world to the present task, state and seed, settled: remembered, or simulated."""
        key = (self.task.id, self.init_state_id, self.seed, self.shift.id)
        scene = self._models.recall(key)
        if scene is not None:
            world.restore(scene.snapshot)
            return scene
        first = state if self.shift.state is None else self.shift.state(state)
        world.reset(first, self._fixture_poses(world), Setting(self.shift.look, self.shift.home))
        action, protocol = SETTLE_ACTION, self._options.protocol
        if protocol is not None:
            action = np.append(SETTLE_ACTION[:-1], protocol.settle_gripper)
        world.settle(action, self._options.settle_steps)
        snapshot = world.snapshot()
        if snapshot is None:
            return None
        scene = SettledScene(snapshot)
        self._models.remember(key, scene)
        return scene

    def _fixture_poses(self, world: World) -> FixturePoses:
        """Sample poses from (suite, task, initial state, seed) alone, or as a published loop does; the suite is in the
        table."""
        protocol = self._options.protocol
        if protocol is not None and self.init_state_id >= 0:
            draw = protocol.draw(self.task, len(self._options.suite.tasks), self.init_state_id)
            return self._models.reset_draws(self.task, world).poses(draw)
        rng = np.random.default_rng([self.seed, self.task.index, self.init_state_id + 1])
        return sample_fixture_poses(world.scene.table, rng)

    def advance(self, action: np.ndarray) -> Outcome:
        """Execute one action (7,), or a chunk (C, 7) until it or the episode ends.

        Raises:
            ActionError: another shape, or NaN or infinity in it.
        """
        chunk = self._options.action_chunk
        shape = (ACTION_SIZE,) if chunk is None else (chunk, ACTION_SIZE)
        actions = check_action(action, shape).reshape(-1, ACTION_SIZE)
        world, rewards, length = self.world, np.zeros(len(actions)), 0
        limit = self._options.limit(self.task)
        truncated = False
        for step, single_action in enumerate(actions):
            self.diverged = not world.step(single_action)
            self.elapsed_steps += 1
            length += 1
            self.success = not self.diverged and world.success()
            if self._progress is not None and not self.diverged:
                rewards[step] = self._progress.value(world.data)
            if self.success:
                rewards[step] += self._options.reward_scale
            truncated = self.diverged or (not self.success and self.elapsed_steps >= limit)
            if self.success or truncated:
                break
        self.over = self.success or truncated
        return Outcome(rewards, length, terminated=self.success, truncated=truncated)

    @property
    def privileged(self) -> PrivilegedState:
        """What reads the privileged state of the current task's world."""
        key = _world_key(self.task, self.shift)
        if key not in self._privileged:
            world = self.world
            self._privileged[key] = PrivilegedState(world.scene.table, world.goal, world.model, world.data)
        return self._privileged[key]

    def read_privileged(self, out: np.ndarray) -> None:
        """Write the privileged state of now into `out`, (P,) float32."""
        self.privileged.read(self.elapsed_steps, self._options.limit(self.task), out)

    def info(self, outcome: Outcome | None = None) -> dict[str, Any]:
        """Return the info of a reset, or of the step that led to `outcome`: the same keys, as Minari wants it."""
        info = {
            "success": self.success,
            "is_success": self.success,
            "task_id": self.task.id,
            "task_name": self.task.name,
            "instruction": self.instruction,
            "init_state_id": self.init_state_id,
            "seed": self.seed,
            "elapsed_steps": self.elapsed_steps,
            "assets": self._options.scenes.name,
            "diverged": self.diverged,
        }
        if self._options.shift is not None:
            info["shift"] = self._options.shift.text if self._options.shift.pro is not None else self.shift.id
        if self._options.action_chunk is not None:
            info["chunk_rewards"] = np.zeros(self._options.action_chunk) if outcome is None else outcome.rewards
            info["chunk_length"] = 0 if outcome is None else outcome.length
        if self._options.camera_parameters:
            info["camera_parameters"] = camera_parameters(
                self.world, self._options.cameras, self._options.image_size, self._options.image_orientation
            )
        return info

    def _sample_shift(self, task: Task, init_state: int, seed: int) -> AppliedShift:
        """Return the shift of an episode.

        Raises:
            SceneError: the task does not allow a swap.
            InitStateError: the state is given as numbers, and the shift would change it.
        """
        options = self._options
        if options.shift is None or options.engine != "native":
            return NO_SHIFT
        evaluation = len(options.scenes.published_states(task)[0]) if options.split != "train" else 0
        shift = self._models.apply(
            task, options.shift.sample(task.index, init_state, seed, training=init_state >= evaluation)
        )
        if init_state < 0 and shift.state is not None:
            raise InitStateError(
                f"reset option sim_state with shift {shift.id!r}, which changes the first state; allowed: init_state"
            )
        return shift

    def _world_of(self, task: Task, shift: AppliedShift) -> World:
        key = _world_key(task, shift)
        if key not in self._worlds:
            self._worlds[key] = self._models.make_world(task, shift)
            present = _world_key(self.task, self.shift)
            for other in [other for other in self._worlds if other not in (key, present)]:
                if self._models.is_evicted(self._worlds[other].shared):
                    gone = self._worlds.pop(other)
                    for digest in [digest for digest, (world, _) in self._kept.items() if world is gone]:
                        del self._kept[digest]
                    self._privileged.pop(other, None)
        self._models.used(self._worlds[key].shared)
        return self._worlds[key]

    def _init_states(self, task: Task) -> InitStates:
        if task.id not in self._states:
            scenes = self._options.scenes
            published, sampled = scenes.published_states(task), scenes.scene(task).sampled_states
            self._states[task.id] = InitStates(task, self._options.split, published, sampled)
        return self._states[task.id]


def _world_key(task: Task, shift: AppliedShift) -> WorldKey:
    return task.id, shift.scene, shift.goal
