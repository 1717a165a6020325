"""The keyword arguments of `gymnasium.make` and `make_vec`, checked once."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.checks import check_choice, check_flag, check_integer, check_number, is_index
from libero_gym.engine.shared_model import PHYSICS
from libero_gym.errors import OptionError, SplitError, SuiteError, shown, unknown
from libero_gym.protocols import PROTOCOLS, Protocol
from libero_gym.render.egl import CUDA
from libero_gym.render.renderer import CAMERAS, ORIENTATIONS, QUALITIES
from libero_gym.render.software import SOFTWARE_RENDERING
from libero_gym.scene.source import SceneSource, scene_source
from libero_gym.shifts.request import ShiftRequest, parse_shift
from libero_gym.tasks.init_states import SPLITS
from libero_gym.tasks.own import OWN_ENV_ID, OWN_SUITE
from libero_gym.tasks.suites import RUNNABLE, Suite, Task
from libero_gym.time_limit import NO_LIMIT

ENGINES = ("native", "robosuite")
REWARDS = ("sparse", "staged")
RENDER_MODES = ("rgb_array",)
MAX_IMAGE_SIZE = 2048
MAX_DEVICES = 1_000
#: Control steps a second.
CONTROL_HZ = 20
#: Dummy actions of the published evaluations (OpenVLA's and those made after it) before a policy acts.
SETTLE_STEPS = 10


@dataclass(frozen=True)
class EnvOptions:
    """The checked keyword arguments of an environment."""

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
    protocol: Protocol | None
    action_chunk: int | None
    reward: str
    reward_scale: float
    render_mode: str | None
    render_device: int | str | None
    software_rendering: str
    privileged: bool
    depth: bool
    segmentation: bool
    camera_parameters: bool
    instruction: bool
    shift: ShiftRequest | None

    def limit(self, task: Task) -> int:
        """Return the control steps of an episode of a task."""
        return self.task_limits.get(task.id, self.max_episode_steps)

    @property
    def render_fps(self) -> float:
        """Steps of the environment in a second of the robot's time: a video at this rate runs as fast as the robot.

        A chunk is one step: `CONTROL_HZ` / C.
        """
        return CONTROL_HZ if self.action_chunk is None else CONTROL_HZ / self.action_chunk


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
    settle_steps: int | None = None,
    protocol: str | None = None,
    action_chunk: int | None = None,
    reward: str = "sparse",
    reward_scale: float = 1.0,
    render_mode: str | None = None,
    render_device: int | str | None = None,
    software_rendering: str = "warn",
    privileged: bool = False,
    depth: bool = False,
    segmentation: bool = False,
    camera_parameters: bool = False,
    instruction: bool = True,
    shift: str | Mapping[str, Any] | None = None,
    task_file: str | Path | None = None,
    task_spec: Any = None,
    object_folder: str | Path | None = None,
) -> EnvOptions:
    """Check the keyword arguments of an environment; `LiberoEnv` says what each means.

    Raises:
        OptionError: a value that is not allowed; its subclasses name which one.
        AssetError: an asset set or a bundle that is missing, cannot be used or does not cover the tasks.
    """
    if not isinstance(assets, (str, os.PathLike)):
        raise OptionError(f"assets {shown(assets)}; allowed: 'auto', 'official', 'builtin' or a folder")
    if not isinstance(suite, str):
        raise unknown(SuiteError, "suite", suite, RUNNABLE)
    request = _shift(shift, suite, split)
    scenes = _scenes(suite, assets, task, task_file, task_spec, object_folder, request)
    chosen = scenes.suite(suite)
    place = chosen.env_id
    named = _cameras(cameras, place)
    tasks = scenes.select(chosen, _task_argument(task))
    if check_choice("engine", engine, ENGINES, place) == "robosuite":
        if suite == OWN_SUITE:
            raise OptionError(f"engine 'robosuite' in {place}; allowed: 'native'")
        if request is not None:
            raise OptionError(f"engine 'robosuite' with shift {request.text!r} in {place}; allowed: 'native'")
        _ = scenes.assets  # LIBERO builds its environment from them; a bundle refuses
        if physics_quality in PHYSICS[1:]:
            raise OptionError(
                f"physics_quality {physics_quality!r} in {place}; engine 'robosuite' allows only 'reference'"
            )
    loop = _protocol(protocol, chosen, split, physics_quality, request, scenes)
    return EnvOptions(
        suite=chosen,
        tasks=tasks,
        split=check_choice("split", split, SPLITS, place, SplitError),
        cameras=tuple(camera for camera in CAMERAS if camera in named),
        image_size=check_integer("image_size", image_size, 16, MAX_IMAGE_SIZE, place),
        image_orientation=check_choice("image_orientation", image_orientation, ORIENTATIONS, place),
        render_quality=check_choice("render_quality", render_quality, QUALITIES, place),
        physics_quality=check_choice("physics_quality", physics_quality, PHYSICS, place),
        scenes=scenes,
        engine=engine,
        max_episode_steps=_limit(max_episode_steps, chosen, loop),
        task_limits=_task_limits(max_steps_by_task, tasks, scenes, chosen),
        settle_steps=_settle_steps(settle_steps, loop, place),
        protocol=loop,
        action_chunk=None if action_chunk is None else check_integer("action_chunk", action_chunk, 1, 1_000, place),
        reward=check_choice("reward", reward, REWARDS, place),
        reward_scale=check_number("reward_scale", reward_scale, place),
        render_mode=None if render_mode is None else check_choice("render_mode", render_mode, RENDER_MODES, place),
        render_device=_device(render_device, place),
        software_rendering=check_choice("software_rendering", software_rendering, SOFTWARE_RENDERING, place),
        privileged=check_flag("privileged", privileged, place),
        depth=check_flag("depth", depth, place),
        segmentation=check_flag("segmentation", segmentation, place),
        camera_parameters=check_flag("camera_parameters", camera_parameters, place),
        instruction=check_flag("instruction", instruction, place),
        shift=request,
    )


#: The keyword arguments of an environment.
ARGUMENTS = tuple(inspect.signature(check_options).parameters)


def check_argument_names(names: Iterable[str], allowed: Iterable[str], place: str) -> None:
    """Check that an environment has these keyword arguments.

    Raises:
        OptionError: it lacks one.
    """
    known = list(allowed)
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise OptionError(
                f"unexpected keyword argument {name!r} of {place}{hint}; allowed: {', '.join(sorted(known))}"
            )


def _shift(shift: object, suite: str, split: object) -> ShiftRequest | None:
    """Check the `shift=` argument, as far as no scene is needed."""
    place = OWN_ENV_ID if suite == OWN_SUITE else RUNNABLE[suite][0] if suite in RUNNABLE else suite
    request = parse_shift(shift, place)
    if request is None:
        return None
    if suite == OWN_SUITE and (request.pro is not None or {"instruction_swap", "task_swap"} & {*dict(request.axes)}):
        raise OptionError(
            f"shift {request.text!r} in {place}, whose task is your own; allowed: all but 'pro', 'instruction_swap' "
            "and 'task_swap'"
        )
    if request.pro is not None and split != "eval" and split in SPLITS:
        raise SplitError(
            f"split {split!r} with shift {request.text!r} in {place}: LIBERO-PRO has no initial states beside those of "
            "evaluation; allowed: 'eval'"
        )
    return request


def _scenes(
    suite: str,
    assets: str | Path,
    task: object,
    task_file: object,
    task_spec: object,
    object_folder: object,
    shift: ShiftRequest | None,
) -> SceneSource:
    """Return where the scenes come from."""
    if suite == OWN_SUITE:
        from libero_gym.own_task.source import own_scenes  # LIBERO's suites need none of it

        return own_scenes(assets, task, task_file, task_spec, object_folder)
    for name, value in (("task_file", task_file), ("task_spec", task_spec), ("object_folder", object_folder)):
        if value is not None:
            raise OptionError(f"{name} {shown(value)} in {suite}; it is an argument of {OWN_ENV_ID}")
    if shift is not None and shift.pro is not None:
        from libero_gym.shifts.pro import pro_scenes  # LIBERO's own tasks need none of it

        return pro_scenes(assets, suite, shift.pro)
    return scene_source(assets)


def _cameras(cameras: object, place: str) -> list[str]:
    if isinstance(cameras, str):
        cameras = [cameras]
    if not isinstance(cameras, (Sequence, Set)):
        raise OptionError(f"cameras {shown(cameras)} in {place}; allowed: a sequence of {', '.join(CAMERAS)}")
    named = [check_choice("camera", camera, tuple(CAMERAS), place) for camera in cameras]
    if len(set(named)) < len(named):
        raise OptionError(f"cameras {shown(cameras)} in {place} name one of them twice")
    return named


def _device(device: object, place: str) -> int | str | None:
    """Return EGL's index of a GPU, CUDA's name of it, "cuda:0", or None."""
    if device is None:
        return None
    if not isinstance(device, str):
        return check_integer("render_device", device, 0, MAX_DEVICES, place)
    number = device.removeprefix(CUDA)
    if device == number or not (number.isascii() and number.isdigit()) or int(number) > MAX_DEVICES:
        raise OptionError(
            f'render_device {shown(device)} in {place}; allowed: "cuda:N", an EGL index N (0 to {MAX_DEVICES}), None'
        )
    return f"{CUDA}{int(number)}"


def _task_argument(task: Any) -> Any:
    """Return NumPy's values as Python's: a suite selects by integers, strings and sequences of them."""
    return task.tolist() if isinstance(task, (np.ndarray, np.generic)) else task


def _protocol(
    name: object, suite: Suite, split: object, physics: object, shift: ShiftRequest | None, scenes: SceneSource
) -> Protocol | None:
    """Check the `protocol=` argument: loops of LIBERO's suites as they are, and of scenes that can be sampled."""
    if name is None:
        return None
    place = suite.env_id
    found = PROTOCOLS[check_choice("protocol", name, tuple(PROTOCOLS), place)]
    if suite.name not in found.limits:
        raise OptionError(f"protocol {found.name!r} in {place}; it is of {', '.join(found.limits)}")
    for what, value, allowed in (("split", split, "eval"), ("physics_quality", physics, "reference")):
        if value != allowed:
            raise OptionError(f"protocol {found.name!r} with {what} {shown(value)} in {place}; allowed: {allowed!r}")
    if shift is not None:
        raise OptionError(f"protocol {found.name!r} with shift {shift.text!r} in {place}; allowed: none")
    _ = scenes.assets  # fixtures are sampled from their sizes; a bundle refuses
    return found


def _settle_steps(settle_steps: object, protocol: Protocol | None, place: str) -> int:
    """Return the control steps of keeping still at a reset."""
    if settle_steps is None:
        return SETTLE_STEPS if protocol is None else protocol.settle_steps
    return check_integer("settle_steps", settle_steps, 0, 10_000, place)


def _limit(max_episode_steps: object, suite: Suite, protocol: Protocol | None) -> int:
    """Return the control steps of an episode; -1 is Gymnasium's word for no limit.

    The suite's own limit stands for none that was given: Gymnasium passes on what is registered.
    """
    if max_episode_steps is None or (protocol is not None and max_episode_steps == suite.max_episode_steps):
        return suite.max_episode_steps if protocol is None else protocol.limits[suite.name]
    if is_index(max_episode_steps) and max_episode_steps == -1:
        return NO_LIMIT
    return check_integer("max_episode_steps", max_episode_steps, 1, NO_LIMIT, suite.env_id)


def _task_limits(
    by_task: Mapping[int | str, int] | None, tasks: Sequence[Task], scenes: SceneSource, suite: Suite
) -> dict[int, int]:
    """Return the control steps of an episode, of the tasks that have a limit of their own."""
    if by_task is None:
        return {}
    what, place = "max_steps_by_task", suite.env_id
    if not isinstance(by_task, Mapping):
        raise OptionError(f"{what} {shown(by_task)} in {place}; allowed: a mapping of tasks to control steps")
    limits: dict[int, int] = {}
    for key, steps in by_task.items():
        (task,) = scenes.select(suite, [key])
        if task not in tasks:
            raise OptionError(f"{what} names task {key!r}; chosen in {place}: {', '.join(str(t.id) for t in tasks)}")
        if task.id in limits:
            raise OptionError(f"{what} names task {task.id} of {place} twice")
        limits[task.id] = check_integer(f"{what}[{key!r}]", steps, 1, NO_LIMIT, place)
    return limits
