"""`--env.type=libero_gym` for LeRobot's commands.

    lerobot-eval --env.discover_packages_path=libero_gym.lerobot --env.type=libero_gym --env.task=libero_spatial \\
        --policy.path=... --eval.batch_size=10 --eval.n_episodes=50

Its keys are those of LeRobot's own `--env.type=libero` (lerobot/envs/configs.py, `LiberoEnv`) where they mean the same,
and a few of `LiberoEnv`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from libero_gym.errors import OptionError, unknown
from libero_gym.lerobot.adapters import IMAGE_NAMES, IMAGES, STATE
from libero_gym.lerobot.vector_env import LeRobotEnvs
from libero_gym.spaces import STATE_SIZE
from libero_gym.tasks.suites import SUITES, load_suite

try:
    from lerobot.configs import FeatureType, PolicyFeature
    from lerobot.envs.configs import EnvConfig
except ImportError as error:
    raise ImportError(
        f"libero_gym.lerobot needs LeRobot 0.6 ({error}); install it, on Python 3.12 or later, with: "
        'pip install "lerobot[dataset,evaluation]>=0.6.1"'
    ) from error

CONTROL_FREQUENCY = 20
"""Control steps in a second."""
#: lerobot/envs/libero.py, TASK_SUITE_MAX_STEPS: libero_spatial has 60 more than in OpenVLA's evaluations.
MAX_STEPS = {"libero_spatial": 280, "libero_object": 280, "libero_goal": 300, "libero_10": 520, "libero_90": 400}


@dataclass
class LiberoGymConfig(EnvConfig):  # type: ignore[misc]
    """LIBERO by libero_gym."""

    task: str | None = "libero_10"
    """A suite, or several joined by commas."""
    task_ids: list[int] | None = None
    """Of each suite; null: all."""
    fps: int = CONTROL_FREQUENCY
    """Always 20."""
    episode_length: int | None = None
    """Control steps; null: LeRobot's of the suite."""
    init_states: bool = True
    """Begin in the published initial states, one after the other; false: in others, chosen by the seed."""
    observation_height: int = 360
    observation_width: int = 360
    """Equal to the height."""
    assets: str = "auto"
    render_quality: str = "reference"
    physics_quality: str = "reference"
    render_device: str | None = None
    """"cuda:0" renders on the GPU that CUDA calls 0."""
    shift: str | None = None
    """A distribution shift, e.g. camera:2."""
    workers: int | None = None
    """Threads; null: one each processor."""
    features: dict[str, PolicyFeature] = field(
        default_factory=lambda: {"action": PolicyFeature(type=FeatureType.ACTION, shape=(7,))}
    )
    features_map: dict[str, str] = field(default_factory=lambda: {"action": "action", "agent_pos": STATE})

    def __post_init__(self) -> None:
        """Check the keys, and list what the environment observes.

        Raises:
            OptionError: a value that is not allowed.
        """
        if self.fps != CONTROL_FREQUENCY:
            raise OptionError(f"--env.fps={self.fps} in libero_gym; allowed: {CONTROL_FREQUENCY}, LIBERO's")
        if self.observation_height != self.observation_width:
            raise OptionError(
                f"--env.observation_height={self.observation_height} and --env.observation_width="
                f"{self.observation_width} in libero_gym; allowed: equal ones"
            )
        for suite in self.suites:
            if suite not in SUITES:
                raise unknown(OptionError, "suite", suite, SUITES, "--env.task")
        self.features["agent_pos"] = PolicyFeature(type=FeatureType.STATE, shape=(STATE_SIZE,))
        for name in IMAGE_NAMES.values():
            key = f"{IMAGES}.{name}"
            shape = (self.observation_height, self.observation_width, 3)
            self.features[key] = PolicyFeature(type=FeatureType.VISUAL, shape=shape)
            self.features_map[key] = key

    @property
    def suites(self) -> list[str]:
        """Names of the suites."""
        return [name.strip() for name in (self.task or "").split(",") if name.strip()]

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """Return keyword arguments of `LiberoVectorEnv`."""
        return {
            "assets": self.assets,
            "render_quality": self.render_quality,
            "physics_quality": self.physics_quality,
            "render_device": self.render_device,
            "shift": self.shift,
            "workers": self.workers,
        }

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> dict[str, dict[int, LeRobotEnvs]]:
        """Return {suite: {task: its environments}}; they step in threads, whatever `use_async_envs` says.

        Raises:
            OptionError: no suite. TaskError: a task that a suite does not have.
        """
        if not self.suites:
            raise OptionError(f"--env.task is empty; allowed: {', '.join(SUITES)}")
        made: dict[str, dict[int, LeRobotEnvs]] = {}
        for name in self.suites:
            suite = load_suite(name)
            made[name] = {
                task.index: LeRobotEnvs(
                    f"libero_gym:{suite.env_id}",
                    task,
                    n_envs,
                    image_size=self.observation_height,
                    max_episode_steps=self.episode_length or MAX_STEPS[name],
                    published_states=self.init_states,
                    **self.gym_kwargs,
                )
                for task in suite.select(self.task_ids)
            }
        return made


EnvConfig.register_subclass("libero_gym")(LiberoGymConfig)
