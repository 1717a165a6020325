"""One LIBERO environment."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import gymnasium
import mujoco
import numpy as np
from gymnasium.envs.registration import EnvSpec

from libero_gym import spaces
from libero_gym.engine.world import World
from libero_gym.episode import Episode
from libero_gym.errors import ClosedError, ResetNeededError
from libero_gym.observation import RENDER_SIZE, observe, render_view, renderer_of
from libero_gym.options import EnvOptions, check_options
from libero_gym.provenance import CLASS_METADATA, image_flip, provenance
from libero_gym.render.renderer import Renderer
from libero_gym.render.segmentation_names import segmentation_names
from libero_gym.reset_request import check_reset
from libero_gym.saved_state import encode
from libero_gym.scene.source import SceneSource
from libero_gym.shared_models import SharedModels
from libero_gym.time_limit import NO_LIMIT, with_limit


class LiberoEnv(gymnasium.Env[dict[str, Any], np.ndarray]):
    """LIBERO's tasks of one suite as a Gymnasium environment.

    Observation: `image` and `wrist_image` (H, W, 3) uint8; `state` (8,) float32: eef position (metres, world frame),
    eef orientation (axis-angle, radians), finger positions (metres); `instruction`, a sentence. In reference quality
    they are what LIBERO's `env.step` returns, to the last bit: of a moment shortly before the end of the control step,
    see `libero_gym.engine.observed`. `render()` shows that moment; success and `get_sim_state()` are of the end.

    With `depth`: `image_depth` and `wrist_image_depth` (H, W, 1) float32, metres from the camera's plane along its
    optical axis, not along the pixel's ray. With `segmentation`: `image_segmentation` and `wrist_image_segmentation`
    (H, W, 1) int32, geom ids of the task's model, -1 where there is none. See `libero_gym.render.geometry`.

    Action: (7,) in [-1, 1]: change of the eef position (5 cm each), of its orientation (0.5 rad each, axis-angle, world
    frame), gripper (-1 opens, +1 closes). With `action_chunk=C`: (C, 7), executed until it or the episode ends.

    Reward: `reward_scale` once, on success. `terminated` is success, `truncated` is the time limit.

    `info`: `success`, `is_success`, `task_id`, `task_name`, `instruction`, `init_state_id`, `seed`, `elapsed_steps`,
    `assets`, `diverged`; with a shift `shift`; with chunks `chunk_rewards` (C,) and `chunk_length`, 0 at a reset.
    With `camera_parameters` also `camera_parameters`, see `libero_gym.render.camera_parameters`.

    `metadata`: `assets`, `assets_version` and `benchmark_caveats`, see `libero_gym.provenance`; `image_orientation`,
    `render_quality` and `physics_quality`.
    """

    metadata: dict[str, Any] = CLASS_METADATA

    def __init__(
        self,
        suite: str,
        task: int | str | Sequence[int | str] | None = None,
        split: Literal["eval", "train", "all"] = "eval",
        cameras: Sequence[Literal["agentview", "wrist"]] = ("agentview", "wrist"),
        image_size: int = 256,
        image_orientation: Literal["rot180", "upright"] = "rot180",
        render_quality: Literal["reference", "fast"] = "reference",
        physics_quality: Literal["reference", "fast", "soft"] = "reference",
        assets: str | Path = "auto",
        engine: Literal["native", "robosuite"] = "native",
        max_episode_steps: int | None = None,
        max_steps_by_task: Mapping[int | str, int] | None = None,
        settle_steps: int | None = None,
        protocol: Literal["openvla-oft", "rlinf", "lerobot"] | None = None,
        action_chunk: int | None = None,
        reward: Literal["sparse", "staged"] = "sparse",
        reward_scale: float = 1.0,
        render_mode: str | None = None,
        render_device: int | str | None = None,
        software_rendering: Literal["warn", "error", "allow"] = "warn",
        privileged: bool = False,
        depth: bool = False,
        segmentation: bool = False,
        camera_parameters: bool = False,
        instruction: bool = True,
        shift: str | Mapping[str, Any] | None = None,
        task_file: str | Path | None = None,
        task_spec: Any = None,
        object_folder: str | Path | None = None,
    ) -> None:
        """
        Args:
            suite: "libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90" or
                "libero_130", all of them; or "libero_task", a task of your own.
            task: index, name, sequence of them, or None for all of the suite.
            split: initial states: "eval", the 50 published ones; "train", others; "all".
            cameras: of "agentview" and "wrist", those that are rendered.
            image_size: height and width of the images, pixels.
            image_orientation: "rot180", the published policies' convention, or "upright".
            render_quality: "reference" renders as LIBERO does, "fast" without multisampling and reflections.
            physics_quality: "reference" takes LIBERO's 25 physics steps of 2 ms in a control step, "fast" 10 of 5 ms
                with contacts as stiff; "soft" 10 of 5 ms with the softer contacts that MuJoCo makes of LIBERO's there.
                Fast and soft are for training, never for a reported result.
            assets: "auto", "official", "builtin", a folder of assets, or a bundle's; see `libero_gym.scene.source`.
            engine: "native", or "robosuite": LIBERO's own environment behind this interface, slow, for comparisons.
            max_episode_steps: time limit in control steps; None for the suite's, -1 for none.
            max_steps_by_task: time limits of single tasks, by index or name, in place of `max_episode_steps`.
            settle_steps: control steps of keeping still at a reset, not counted in the episode; None for 10, or the
                protocol's.
            protocol: a published evaluation loop whose scenes, settling and time limits these are, whatever seed an
                episode has; see `libero_gym.protocols`.
            action_chunk: None, or the number of actions in a chunk.
            reward: "sparse", or "staged", which adds progress in [0, 1) at every control step: for learning from
                nothing, never for a reported result.
            reward_scale: reward of success.
            render_mode: "rgb_array" or None.
            render_device: what renders: "cuda:0", the GPU that CUDA calls 0 in this process, or the index of an EGL
                device, which is another number; None for `MUJOCO_EGL_DEVICE_ID`, or the first device that works.
            software_rendering: where images are rendered without a GPU although the machine has one or "cuda:0" asks
                for it: "warn" logs it once and goes on, "error" refuses to render, "allow" goes on.
            privileged: whether observations have `privileged_state` (P,) float32, the simulator's state for a critic,
                with one layout for all tasks; see `libero_gym.engine.privileged`. A policy must not be given it.
            depth: whether observations have the depth of each camera in use, metres along its optical axis.
            segmentation: whether they have, for each pixel, the geom that is seen there; `segmentation_names()` names
                them.
            camera_parameters: whether `info` has the intrinsics and extrinsics of each camera in use.
            instruction: whether observations have the sentence; `info` always has it.
            shift: what differs from LIBERO's tasks: "camera:2", {"light": 3, "layout": 1}, "random", "position_swap",
                or "pro:swap", LIBERO-PRO's own files; see `libero_gym.shifts.request`. `info["shift"]` has the id that
                makes an episode's variants again.
            task_file: of "libero_task" alone: a BDDL file of LIBERO's format.
            task_spec: of "libero_task" alone: a `libero_gym.TaskSpec`, or a mapping of its fields.
            object_folder: of "libero_task" alone: where the models of your own objects are; None for the task file's
                folder.

        Raises:
            OptionError: a value that is not allowed; SuiteError, TaskError, SplitError are kinds of it, and so is
                TaskSpecError (with a line and a column BddlError): a malformed task of your own.
            AssetError: an asset set that is missing, or a bundle without the suite.
        """
        arguments: dict[str, Any] = {
            "suite": suite,
            "task": task,
            "split": split,
            "cameras": cameras,
            "image_size": image_size,
            "image_orientation": image_orientation,
            "render_quality": render_quality,
            "physics_quality": physics_quality,
            "assets": assets,
            "engine": engine,
            "max_episode_steps": max_episode_steps,
            "max_steps_by_task": max_steps_by_task,
            "settle_steps": settle_steps,
            "protocol": protocol,
            "action_chunk": action_chunk,
            "reward": reward,
            "reward_scale": reward_scale,
            "render_mode": render_mode,
            "render_device": render_device,
            "software_rendering": software_rendering,
            "privileged": privileged,
            "depth": depth,
            "segmentation": segmentation,
            "camera_parameters": camera_parameters,
            "instruction": instruction,
            "shift": shift,
            "task_file": task_file,
            "task_spec": task_spec,
            "object_folder": object_folder,
        }
        self._arguments = copy.deepcopy(arguments)
        self._build(check_options(**arguments))

    def _build(self, options: EnvOptions, models: SharedModels | None = None, episode: Episode | None = None) -> None:
        self._options = options
        self._spec: EnvSpec | None = None
        self._closed = False
        self.render_mode = options.render_mode
        self.metadata = {
            **type(self).metadata,
            "render_fps": options.render_fps,
            "image_orientation": options.image_orientation,
            "image_flip": image_flip(options),
            "render_quality": options.render_quality,
            "physics_quality": options.physics_quality,
            "saves_states": options.engine == "native",
            **provenance(options),
        }
        self.observation_space = spaces.observation_space(options)
        self.action_space = spaces.action_space(options)
        self._models = SharedModels(options) if models is None else models
        self._episode = Episode(options, self._models) if episode is None else episode

    @classmethod
    def around(cls, options: EnvOptions, models: SharedModels, episode: Episode) -> LiberoEnv:
        """Make the environment of these episodes: one of a `LiberoVectorEnv`'s, for its `call` and `set_attr`."""
        env = cls.__new__(cls)
        env._build(options, models, episode)
        return env

    @property
    def spec(self) -> EnvSpec | None:
        """What `gymnasium.make` makes this environment again from; see `libero_gym.time_limit`."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = None if spec is None else with_limit(spec, self._options)

    def take_time_limit(self, max_episode_steps: int) -> None:
        """Set the time limit that `gymnasium.make` was given, before the first reset.

        Args:
            max_episode_steps: control steps, -1 for no limit.
        """
        present = self._options.max_episode_steps
        if max_episode_steps == (-1 if present == NO_LIMIT else present):
            return
        spec, arguments = self._spec, {**self._arguments, "max_episode_steps": max_episode_steps}
        self._build(check_options(**arguments))
        self._arguments, self.spec = arguments, spec

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy how the environment was made, as Gymnasium's `EzPickle` does; `spec` too.

        The copy has no episode: its first call is `reset()`.
        """
        return _make_again, (type(self), self._arguments, self._spec)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: together with the task and the initial state it fixes the scene, fixture poses included.
            options: `task`, an index or name among this environment's tasks; `init_state`, the number of a state of
                the split; or `sim_state`, LIBERO's flat [time, qpos, qvel], which is taken as it is, without settling;
                or `state`, which `save_state` returned: the episode goes on from there, to the last bit, and so does
                the generator of later episodes unless there is a `seed`.

        A reset that is refused changes nothing: the episode before it goes on.

        Raises:
            TaskError, InitStateError, OptionError: an unknown task, state or option, or a bad seed.
            SavedStateError: a saved state that is damaged, or of other versions, assets, tasks or physics.
            SceneError: the task's scene could not be compiled.
            ClosedError: the environment was closed.
        """
        self._check_open("reset")
        request = check_reset(self._options, seed, options)
        self._episode.start_from(request)
        super().reset(seed=request.seed)
        return observe(self._episode, self._options), self._episode.info()

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Execute an action, or a chunk of them.

        Raises:
            ActionError: another shape, or NaN or infinity in it; values beyond [-1, 1] are clipped, as LIBERO does.
            ResetNeededError: the episode is over, or none was started.
            ClosedError: the environment was closed.
        """
        self._check_begun("step")
        if self._episode.over:
            raise ResetNeededError("step() after the episode's end; call reset() first")
        outcome = self._episode.advance(action)
        observation, info = observe(self._episode, self._options), self._episode.info(outcome)
        return observation, float(outcome.rewards.sum()), outcome.terminated, outcome.truncated, info

    def render(self) -> np.ndarray | None:
        """Render the agentview for people, upright, (S, S, 3) uint8 with S = max(256, image_size); None without a mode.

        Raises:
            ResetNeededError: before the first reset; ClosedError: the environment was closed.
        """
        self._check_begun("render")
        if self.render_mode is None:
            return None
        size = max(RENDER_SIZE, self._options.image_size)
        image = np.empty((size, size, 3), dtype=np.uint8)
        render_view(self._episode.world, "agentview", self._options, "upright", image)
        return image

    @property
    def suite(self) -> str:
        """Full name of the suite, e.g. "libero_spatial"."""
        return self._options.suite.name

    @property
    def scenes(self) -> SceneSource:
        """Where the scenes of its tasks come from."""
        return self._options.scenes

    @property
    def asset_set(self) -> str:
        """Name of the asset set, e.g. "official" or "builtin-2"; `metadata` has its version too."""
        return self._options.scenes.name

    @property
    def renderer(self) -> str | None:
        """What renders the observation's images, e.g. "NVIDIA H100 80GB HBM3/PCIe/SSE2"; None without cameras.

        Its OpenGL context is made, if the thread has none yet.

        Raises:
            RenderError: no OpenGL library can render here, or none on the GPU that has to.
        """
        return renderer_of(self._options).description if self._options.cameras else None

    @property
    def world(self) -> World:
        """The world of the current task, which a scripted expert looks at and copies."""
        return self._episode.world

    @property
    def model(self) -> mujoco.MjModel:
        """MuJoCo's model of the current task."""
        return self._episode.world.model

    @property
    def data(self) -> mujoco.MjData:
        """MuJoCo's data of the current task."""
        return self._episode.world.data

    def privileged_places(self) -> dict[str, tuple[str, ...]]:
        """Return what `privileged_state` has in its places for the current task: names of `bodies` and of `joints`."""
        reader = self._episode.privileged
        return {"bodies": reader.body_names, "joints": reader.joint_names}

    def segmentation_names(self) -> dict[int, str]:
        """Return what a segmentation's values are in the current task: "akita_black_bowl_1/akita_black_bowl_1_g0".

        In front of the slash stands the instance: an object or a fixture by LIBERO's name, "robot0", "gripper0",
        "mount0", or a part of the room. Behind it stands the geom. -1 is "background".
        """
        world = self._episode.world
        return segmentation_names(world.model, world.scene.table)

    def get_sim_state(self) -> np.ndarray:
        """Return LIBERO's flat state [time, qpos, qvel], (1 + nq + nv,) float64."""
        return self._episode.world.get_sim_state()

    def set_sim_state(self, state: np.ndarray) -> None:
        """Set the flat state in the middle of an episode.

        Raises:
            InitStateError: a state of another length, or with NaN or infinity in it.
        """
        self._episode.world.set_sim_state(state)

    def save_state(self) -> bytes:
        """Return everything that decides what follows, some 6 KB, for `reset(options={"state": ...})`.

        It goes on to the last bit in this environment or another, in another process, on another machine of the same
        kind with the same versions. It holds MuJoCo's state with the solver's warm start, the fixtures' poses, the
        controller, the gripper, the generator of later episodes, the step count, success, task, initial state and seed.
        `split`, cameras, image sizes and time limits are those of the environment that goes on.

        Raises:
            ResetNeededError: before the first reset.
            OptionError: engine "robosuite", whose controller keeps state of its own.
            ClosedError: the environment was closed.
        """
        self._check_begun("save_state")
        return encode(self._episode.save(), self._options)

    def close(self) -> None:
        """Free the images' memory, the first time. The thread's OpenGL context stays for other environments."""
        self._closed = True
        renderer = Renderer.made_in_thread().get(self._options.render_device)
        if renderer is not None:
            for shared in self._models.loaded():
                renderer.release(shared)

    def _check_open(self, method: str) -> None:
        if self._closed:
            raise ClosedError(f"{method}() after close(); make a new environment")

    def _check_begun(self, method: str) -> None:
        self._check_open(method)
        if not self._episode.begun:
            raise ResetNeededError(f"{method}() before the first reset(); call reset() first")


def _make_again(cls: type[LiberoEnv], arguments: dict[str, Any], spec: EnvSpec | None) -> LiberoEnv:
    env = cls(**arguments)
    env.spec = spec
    return env
