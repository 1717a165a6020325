"""The environments of one task, as LeRobot's evaluation steps them.

    lerobot-eval <--> LeRobotEnvs <--> LiberoVectorEnv, no autoreset: an environment that is done is idle

LeRobot steps all environments until the last episode ends, and ignores those that have ended (lerobot/scripts/
lerobot_eval.py, `rollout`). Episode k of environment i begins in initial state i + k N, as in its own LIBERO
environment. Axes: N environments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from libero_gym.lerobot.adapters import IMAGE_NAMES, env_actions, raw_observation
from libero_gym.spaces import STATE_SIZE
from libero_gym.tasks.suites import Task
from libero_gym.vector_env import LiberoVectorEnv


def raw_observation_space(image_size: int) -> spaces.Dict:
    """Return the space of `adapters.raw_observation` for both cameras."""
    images: dict[str, spaces.Space] = {
        name: spaces.Box(0, 255, (image_size, image_size, 3), np.uint8) for name in IMAGE_NAMES.values()
    }
    return spaces.Dict(
        {"pixels": spaces.Dict(images), "agent_pos": spaces.Box(-np.inf, np.inf, (STATE_SIZE,), np.float32)}
    )


class LeRobotEnvs(VectorEnv[dict[str, Any], np.ndarray, np.ndarray]):
    """N environments of one task. They are made at the first reset, and again after `close`, which LeRobot calls when
    a task's evaluation ends."""

    def __init__(
        self,
        env_id: str,
        task: Task,
        num_envs: int,
        *,
        image_size: int,
        max_episode_steps: int,
        published_states: bool = True,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            env_id: of the task's suite.
            task: what is done in all of them.
            num_envs: N.
            image_size: height and width of the images.
            max_episode_steps: time limit in control steps.
            published_states: begin in the published initial states, one after the other; else in others.
            kwargs: of `LiberoVectorEnv`.
        """
        self._env_id, self._task, self._limit = env_id, task, max_episode_steps
        self._published_states = published_states
        self._kwargs = {"task": task.id, "image_size": image_size, "max_episode_steps": max_episode_steps, **kwargs}
        self._kwargs["split"] = "eval" if published_states else "train"
        self._envs: LiberoVectorEnv | None = None
        self._episodes = 0
        self.num_envs = num_envs
        self.render_mode = "rgb_array"
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 20, "autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = raw_observation_space(image_size)
        self.single_action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def envs(self) -> LiberoVectorEnv:
        """What does the work."""
        if self._envs is None:
            made = gymnasium.make_vec(
                self._env_id,
                num_envs=self.num_envs,
                vectorization_mode="vector_entry_point",
                autoreset_mode=AutoresetMode.DISABLED,
                render_mode=self.render_mode,
                **self._kwargs,
            )
            assert isinstance(made.unwrapped, LiberoVectorEnv)
            self._envs = made.unwrapped
        return self._envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode in every environment, in the initial states that come next.

        Args:
            seed: one for each environment, or an int s for s, s + 1, ...
            options: LeRobot's mark of a new rollout, which says nothing that is not known here.
        """
        chosen = None
        if self._published_states:
            states = self.envs.metadata["init_states"][self._task.id]
            chosen = {"init_state": [(self._episodes + index) % states for index in range(self.num_envs)]}
        observation, info = self.envs.reset(seed=None if seed is None else _seeds(seed), options=chosen)
        self._episodes += self.num_envs
        return raw_observation(observation), info

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Execute an action in each environment whose episode goes on; actions (N, 7).

        Raises:
            ActionError: another shape, or NaN or infinity in it.
        """
        observation, rewards, terminated, truncated, info = self.envs.step(env_actions(actions, self.num_envs))
        return raw_observation(observation), rewards, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Render every environment for people."""
        return self.envs.render()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Answer what LeRobot asks of its own environments; else do as `LiberoVectorEnv.call`."""
        own = {
            "task": self._task.name,
            "task_description": self._task.instruction,
            "_max_episode_steps": self._limit,
        }
        if name in own:
            return (own[name],) * self.num_envs
        if name == "render":
            return self.render() or ()
        return self.envs.call(name, *args, **kwargs)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Do `call` without arguments."""
        return self.call(name)

    def close(self, **kwargs: Any) -> None:
        """End the workers; the next reset makes new ones, which go on with the initial states."""
        if self._envs is not None:
            self._envs.close()
            self._envs = None


def _seeds(seed: int | Sequence[int | None]) -> int | list[int | None]:
    return seed if isinstance(seed, int) else list(seed)
