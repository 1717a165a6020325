"""Check a task of one's own: sample initial states, let them settle, look at its goal, have the scripted expert try.

task file --> LiberoEnv --> for each state: overlaps at the start, goal at the start, moves while settling
                  |                         expert from the settled state
                  +-------> images of the first states
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from libero_gym.env import LiberoEnv
from libero_gym.episode import SETTLE_ACTION
from libero_gym.options import SETTLE_STEPS
from libero_gym.own_task.source import OwnScenes
from libero_gym.scene.build import Scene, build_scene
from libero_gym.scene.free_states import Overlaps

if TYPE_CHECKING:
    from libero_gym.expert.attempt import ExpertResult

#: How far an object may move, metres, and for how long it is watched, control steps (2.5 s).
STILL, WATCHED_STEPS = 0.02, 50
#: Where LIBERO's sampler begins an object above its place at most, metres: 7 cm, of its own objects. More is a fall.
DROP = 0.10


@dataclass(frozen=True)
class StateCheck:
    """What one initial state is like."""

    state: int
    solved: bool
    """Whether the goal holds at the start, or while nothing is done."""
    overlaps: tuple[tuple[str, str], ...]
    """Pairs that overlap at the start, by 2 mm or more."""
    moves: dict[str, float]
    """Object -> how far it moved in 2.5 s of keeping still, metres: sideways; or in height, once the environment's own
    settling is over; or further down than `DROP`."""
    expert: ExpertResult | None = None


@dataclass(frozen=True)
class TaskCheck:
    """What a task is like."""

    scenes: OwnScenes
    states: list[StateCheck]
    images: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Agentview and wrist camera of the first states, settled; (S, S, 3) uint8 each, upright."""

    @property
    def solved(self) -> list[int]:
        """States in which the task is solved before anything is done."""
        return [check.state for check in self.states if check.solved]

    @property
    def overlaps(self) -> dict[str, int]:
        """Pair -> number of states in which it overlaps."""
        pairs = [f"{first} and {second}" for check in self.states for first, second in check.overlaps]
        return {pair: pairs.count(pair) for pair in dict.fromkeys(pairs)}

    @property
    def moving(self) -> dict[str, int]:
        """Object -> number of states in which it moves further than `STILL`."""
        names = [name for check in self.states for name, distance in check.moves.items() if distance > STILL]
        return {name: names.count(name) for name in dict.fromkeys(names)}

    @property
    def largest_move(self) -> tuple[str, float]:
        """The object that moves furthest, and how far, metres."""
        moves = [(name, distance) for check in self.states for name, distance in check.moves.items()]
        return max(moves, key=lambda move: move[1], default=("", 0.0))

    @property
    def expert_results(self) -> list[ExpertResult]:
        """The expert's results, where it was asked."""
        return [check.expert for check in self.states if check.expert is not None]


def check_task(
    arguments: dict[str, Any],
    states: int,
    *,
    expert: bool = False,
    images: int = 0,
    image_size: int = 256,
    advance: Callable[[object], None] = lambda _: None,
) -> TaskCheck:
    """Check a task.

    Args:
        arguments: of `libero/Task-v0`: `task_file` or `task_spec`, and `assets`, `object_folder`.
        states: how many initial states of split "eval" are looked at, at most 50.
        expert: whether the scripted expert tries each.
        images: how many states are rendered.
        image_size: height and width of an image, pixels.
        advance: called with each state when it is done.

    Raises:
        TaskSpecError, ObjectError, SceneError, AssetError: the task cannot be built.
    """
    env = LiberoEnv("libero_task", **arguments, cameras=(), settle_steps=0, max_episode_steps=-1)
    scenes = env.scenes
    assert isinstance(scenes, OwnScenes)
    scene = build_scene(scenes.task.definition, scenes.assets.folder, None, scenes.task.own_models)
    checks = []
    try:
        for state in range(states):
            result = _try_expert(arguments, state) if expert else None
            checks.append(_check_state(env, scene, state, result))
            advance(state)
    finally:
        env.close()
    return TaskCheck(scenes, checks, _images(arguments, min(images, states), image_size))


def _check_state(env: LiberoEnv, scene: Scene, state: int, expert: ExpertResult | None) -> StateCheck:
    env.reset(seed=state, options={"init_state": state})
    world, table = env.world, env.world.scene.table
    # a copy: collisions are looked for, and the world's own state stays as it is
    data = mujoco.MjData(world.model)
    data.qpos[:] = world.data.qpos
    overlaps = sorted(Overlaps(scene, world.model, table).now(data))
    bodies = {entity.name: entity.body for entity in table.entities if entity.kind == "object"}
    indices = list(bodies.values())
    begun = settled = world.data.xpos[indices].copy()
    solved = world.goal.holds(world.data)
    for step in range(WATCHED_STEPS):
        if step == SETTLE_STEPS:
            settled = world.data.xpos[indices].copy()
        world.step(SETTLE_ACTION)
        solved = solved or world.success()
    ended = world.data.xpos[indices]
    sideways = np.linalg.norm((ended - begun)[:, :2], axis=1)
    moved = np.maximum.reduce([sideways, np.abs(ended - settled)[:, 2], (begun - ended)[:, 2] - DROP])
    moves = dict(zip(bodies, moved.tolist(), strict=True))
    return StateCheck(state, solved, tuple(overlaps), moves, expert)


def _try_expert(arguments: dict[str, Any], state: int) -> ExpertResult:
    from libero_gym.expert.attempt import attempt

    env = LiberoEnv("libero_task", **arguments, cameras=())
    try:
        return attempt(env, state)
    finally:
        env.close()


def _images(arguments: dict[str, Any], count: int, size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    if not count:
        return []
    env = LiberoEnv("libero_task", **arguments, image_size=size, image_orientation="upright")
    try:
        observations = [env.reset(seed=state, options={"init_state": state})[0] for state in range(count)]
    finally:
        env.close()
    return [(observation["image"], observation["wrist_image"]) for observation in observations]
