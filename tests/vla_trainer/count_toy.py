"""Environments and a policy in which every number of a rollout is known beforehand.

An episode of seed s has s % 10 policy steps and then terminates if s is even, is truncated if it is odd. The
observation is (s, policy steps so far); the reward of policy step t (from 1) is t; V(observation) = 100 s + policy
steps so far.
"""

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from vla_trainer.types import Episode, EpisodeSpec, InitialState, Rollout

OBSERVATION = spaces.Box(-np.inf, np.inf, (2,), np.float64)
ACTION = spaces.Box(-1, 1, (3,), np.float32)


class CountEnv(gymnasium.Env):
    """One of them; Gymnasium's SyncVectorEnv batches it."""

    observation_space, action_space = OBSERVATION, ACTION

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert seed is not None
        self.seed, self.count = seed, 0
        return np.array([self.seed, 0.0]), {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.count += 1
        over, even = self.count >= self.seed % 10, self.seed % 2 == 0
        return np.array([self.seed, self.count]), float(self.count), over and even, over and not even, {}


class CountVectorEnv(VectorEnv):
    """N of them that stand still when they are done, and that can be told where to begin."""

    def __init__(self, num_envs: int, autoreset_mode: AutoresetMode, init_states: dict[int, int] | None = None) -> None:
        self.metadata = {"autoreset_mode": autoreset_mode, "assets": "none"}
        if init_states is not None:
            self.metadata["init_states"] = init_states
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = OBSERVATION, ACTION
        self.observation_space, self.action_space = batch_space(OBSERVATION, num_envs), batch_space(ACTION, num_envs)
        self.envs = [CountEnv() for _ in range(num_envs)]
        self.over = np.ones(num_envs, dtype=bool)
        self.rows: list[Any] = [None] * num_envs
        self.told: list[tuple[int, int]] = [(-1, -1)] * num_envs
        self.stepped = 0

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert options is not None
        for n in np.flatnonzero(options["reset_mask"]):
            self.rows[n] = (self.envs[n].reset(seed=seed[n])[0], 0.0, False, False)
            self.over[n] = False
            if "task" in options:
                self.told[n] = (int(options["task"][n]), int(options["init_state"][n]))
        return np.stack([row[0] for row in self.rows]), {}

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        for n in range(self.num_envs):
            if not self.over[n]:
                self.rows[n] = self.envs[n].step(actions[n])[:4]
                self.over[n] = self.rows[n][2] or self.rows[n][3]
                self.stepped += 1
        env_indices = [np.array([row[part] for row in self.rows]) for part in range(4)]
        infos = {
            "task_id": np.array([task for task, _ in self.told]),
            "init_state_id": np.array([state for _, state in self.told]),
            "success": env_indices[2],
        }
        return env_indices[0], env_indices[1], env_indices[2], env_indices[3], infos


class CountPolicy:
    """Acts at random, knows V, and remembers how many observations it looked at."""

    def __init__(self, critic: bool = True) -> None:
        self.critic = critic
        self.looked_at = 0

    def act(
        self, obs: np.ndarray, *, deterministic: bool = False, temperature: float = 1.0, generator: Any = None
    ) -> Any:
        self.looked_at += len(obs)
        state = torch.as_tensor(obs)
        tokens = torch.zeros(len(obs), 3) if deterministic else torch.rand(len(obs), 3, generator=generator)
        return SimpleNamespace(
            actions=tokens.numpy()[:, None],
            tokens=tokens,
            log_probs=-tokens,
            values=100 * state[:, 0] + state[:, 1] if self.critic else None,
            inputs={"state": state},
        )


class Stream:
    """Starts in the order of a list, whichever environment asks."""

    def __init__(self, initial_states: Iterable[InitialState]) -> None:
        self.specs = (
            EpisodeSpec(number, initial_state, seed=number) for number, initial_state in enumerate(initial_states)
        )

    def take(self, env_index: int) -> EpisodeSpec | None:
        return next(self.specs, None)

    def finished(self, number: int, episode: Episode) -> None:
        pass


gymnasium.register("toy/Count-v0", entry_point=CountEnv, disable_env_checker=True, order_enforce=False)
gymnasium.register("toy/CountVector-v0", vector_entry_point=CountVectorEnv)


def grouped(rollout: Rollout, size: int) -> Rollout:
    """Return the rollout with its episodes in groups of `size`, in the order of their numbers."""
    episodes = {number: replace(episode, group=number // size) for number, episode in rollout.episodes.items()}
    return replace(rollout, episodes=episodes)
