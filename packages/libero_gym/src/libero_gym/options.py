"""The keyword arguments of `gymnasium.make` and `make_vec`, checked once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from libero_gym.engine.world import PHYSICS
from libero_gym.errors import OptionError, SplitError, unknown
from libero_gym.render.renderer import CAMERAS, ORIENTATIONS, QUALITIES
from libero_gym.scene.source import SceneSource, scene_source
from libero_gym.tasks.init_states import SPLITS
from libero_gym.tasks.suites import Suite, Task

ENGINES = ("native", "robosuite")
REWARDS = ("sparse", "staged")
RENDER_MODES = ("rgb_array",)
MAX_IMAGE_SIZE = 2048
NO_LIMIT = 1_000_000_000


@dataclass(frozen=True)
class EnvOptions:
    """What an environment was asked for."""

    suite: Suite
    tasks: tuple[Task, ...]
    split: str
    cameras: tuple[str, ...]
    image_size: int
    image_orientation: str
    render_quality: str
    physics_quality: str
    scenes: SceneSource
    engine: str
    max_episode_steps: int
    task_limits: Mapping[int, int]
    settle_steps: int
    action_chunk: int | None
    reward: str
    reward_scale: float
    render_mode: str | None
    render_device: int | None

    def limit(self, task: Task) -> int:
        """Control steps of an episode of a task."""
        return self.task_limits.get(task.id, self.max_episode_steps)


def check_options(
    suite: str,
    *,
    task: int | str | Sequence[int | str] | None = None,
    split: str = "eval",
    cameras: Sequence[str] = ("agentview", "wrist"),
    image_size: int = 256,
    image_orientation: str = "rot180",
    render_quality: str = "reference",
    physics_quality: str = "reference",
    assets: str | Path = "auto",
    engine: str = "native",
    max_episode_steps: int | None = None,
    max_steps_by_task: Mapping[int | str, int] | None = None,
    settle_steps: int = 10,
    action_chunk: int | None = None,
    reward: str = "sparse",
    reward_scale: float = 1.0,
    render_mode: str | None = None,
    render_device: int | None = None,
) -> EnvOptions:
    """Check the keyword arguments of an environment; DESIGN of each is in `LiberoEnv`.

    Raises:
        OptionError: a value that is not allowed; its subclasses name which one.
        AssetError: an asset set or a bundle that is missing, cannot be used or does not cover the tasks.
    """
    scenes = scene_source(assets)
    chosen = scenes.suite(suite)
    place = chosen.env_id
    named = [cameras] if isinstance(cameras, str) else list(cameras)
    for camera in named:
        if camera not in CAMERAS:
            raise unknown(OptionError, "camera", camera, CAMERAS, place)
    tasks = scenes.select(chosen, task)
    if _among("engine", engine, ENGINES, place) == "robosuite":
        _ = scenes.assets  # LIBERO builds its environment from them; a bundle refuses
        if physics_quality in PHYSICS[1:]:
            raise OptionError(
                f"physics_quality {physics_quality!r} in {place}; engine 'robosuite' allows only 'reference'"
            )
    return EnvOptions(
        suite=chosen,
        tasks=tasks,
        split=_split(split, place),
        cameras=tuple(camera for camera in CAMERAS if camera in named),
        image_size=_count("image_size", image_size, 16, MAX_IMAGE_SIZE, place),
        image_orientation=_among("image_orientation", image_orientation, ORIENTATIONS, place),
        render_quality=_among("render_quality", render_quality, QUALITIES, place),
        physics_quality=_among("physics_quality", physics_quality, PHYSICS, place),
        scenes=scenes,
        engine=engine,
        max_episode_steps=_limit(max_episode_steps, chosen),
        task_limits=_task_limits(max_steps_by_task, tasks, scenes, chosen),
        settle_steps=_count("settle_steps", settle_steps, 0, 10_000, place),
        action_chunk=None if action_chunk is None else _count("action_chunk", action_chunk, 1, 1_000, place),
        reward=_among("reward", reward, REWARDS, place),
        reward_scale=float(reward_scale),
        render_mode=None if render_mode is None else _among("render_mode", render_mode, RENDER_MODES, place),
        render_device=None if render_device is None else _count("render_device", render_device, 0, 1_000, place),
    )


def _split(split: str, place: str) -> str:
    if split not in SPLITS:
        raise unknown(SplitError, "split", split, SPLITS, place)
    return split


def _among(what: str, value: str, allowed: Sequence[str], place: str) -> str:
    if value not in allowed:
        raise unknown(OptionError, what, value, allowed, place)
    return value


def _limit(max_episode_steps: int | None, suite: Suite) -> int:
    """Control steps of an episode; -1 is Gymnasium's word for no limit."""
    if max_episode_steps is None:
        return suite.max_episode_steps
    if max_episode_steps == -1:
        return NO_LIMIT
    return _count("max_episode_steps", max_episode_steps, 1, NO_LIMIT, suite.env_id)


def _task_limits(
    by_task: Mapping[int | str, int] | None, tasks: Sequence[Task], scenes: SceneSource, suite: Suite
) -> dict[int, int]:
    """Control steps of an episode, of the tasks that have a limit of their own."""
    if by_task is None:
        return {}
    what, place = "max_steps_by_task", suite.env_id
    if not isinstance(by_task, Mapping):
        raise OptionError(f"{what} {by_task!r} in {place}; allowed: a mapping of tasks to control steps")
    limits: dict[int, int] = {}
    for key, steps in by_task.items():
        (task,) = scenes.select(suite, [key])
        if task not in tasks:
            raise OptionError(f"{what} names task {key!r}; chosen in {place}: {', '.join(str(t.id) for t in tasks)}")
        if task.id in limits:
            raise OptionError(f"{what} names task {task.id} of {place} twice")
        limits[task.id] = _count(f"{what}[{key!r}]", steps, 1, NO_LIMIT, place)
    return limits


def _count(what: str, value: int, low: int, high: int, place: str) -> int:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or value % 1 or not low <= value <= high:
        raise OptionError(f"{what} {value!r} in {place}; allowed: an integer from {low} to {high}")
    return int(value)
