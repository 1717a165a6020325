"""GAE against Stable-Baselines3's own code, on random grids and on a rollout that it collected itself.

Stable-Baselines3 knows one kind of ending. It treats a time limit by adding gamma V(final observation) to the reward of
the truncated step, and then cuts there as at a termination: r + gamma V(s') + gamma * 0 - V, which is our delta.

Axes: T policy steps, N environments.
"""

from typing import Any

import gymnasium
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.env_util import make_vec_env

from vla_trainer import advantage

OBSERVATION, ACTION = spaces.Box(-np.inf, np.inf, (3,), np.float32), spaces.Box(-1, 1, (1,), np.float32)


@pytest.mark.parametrize(("gamma", "lam"), [(0.99, 0.95), (0.9, 1.0), (1.0, 0.0), (0.5, 0.3)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_grids(gamma: float, lam: float, seed: int) -> None:
    steps, envs = 40, 6
    rng = np.random.default_rng(seed)
    rewards, values = rng.normal(size=(2, steps, envs))
    terminated, truncated = rng.random((2, steps, envs)) < 0.15
    done = terminated | truncated
    final_values, last_values = rng.normal(size=(steps, envs)), rng.normal(size=envs)
    assert (terminated & truncated).any()
    assert (truncated & ~terminated).any()

    buffer = RolloutBuffer(steps, OBSERVATION, ACTION, device="cpu", gae_lambda=lam, gamma=gamma, n_envs=envs)
    # as OnPolicyAlgorithm.collect_rollouts does
    buffer.rewards = rewards + gamma * final_values * (truncated & ~terminated)
    buffer.values = values
    buffer.episode_starts = np.concatenate([np.ones((1, envs)), done[:-1]])
    buffer.advantages = np.zeros((steps, envs))
    buffer.compute_returns_and_advantage(torch.from_numpy(last_values), done[-1])

    following = np.concatenate([values[1:], last_values[None]])
    next_values = np.where(terminated, np.nan, np.where(truncated, final_values, following))
    advantages, returns = advantage.gae(rewards, values, next_values, terminated, truncated, gamma, lam)
    np.testing.assert_allclose(advantages, buffer.advantages, atol=1e-12)
    np.testing.assert_allclose(returns, buffer.returns, atol=1e-12)


class Endings(gymnasium.Env):
    """Random numbers that terminate or are truncated now and then, or both; it remembers its steps."""

    observation_space, action_space = OBSERVATION, ACTION

    def __init__(self) -> None:
        self.steps: list[tuple[np.ndarray, float, bool, bool]] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self.np_random.normal(size=3).astype(np.float32), {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        following = self.np_random.normal(size=3).astype(np.float32)
        terminated, truncated = (bool(end) for end in self.np_random.random(2) < 0.15)
        self.steps.append((following, float(self.np_random.normal()), terminated, truncated))
        return *self.steps[-1], {}


def test_a_rollout_that_stable_baselines3_collected() -> None:
    gamma, lam, num_steps, num_envs = 0.97, 0.9, 50, 4
    envs = make_vec_env(Endings, n_envs=num_envs, seed=0)
    model = stable_baselines3.PPO(
        "MlpPolicy", envs, n_steps=num_steps, batch_size=num_envs * num_steps, gamma=gamma, gae_lambda=lam, device="cpu"
    )
    _, callback = model._setup_learn(num_envs * num_steps, CallbackList([]))
    model.collect_rollouts(envs, callback, model.rollout_buffer, num_steps)
    buffer = model.rollout_buffer

    recorded = [env.unwrapped.steps for env in envs.envs]
    following, rewards, terminated, truncated = (
        np.stack([[step[part] for step in steps] for steps in recorded], axis=1) for part in range(4)
    )
    assert (terminated & truncated).any()
    assert (truncated & ~terminated).any()
    with torch.no_grad():
        values, next_values = (
            model.policy.predict_values(torch.from_numpy(obs.reshape(-1, 3))).numpy().reshape(num_steps, num_envs)
            for obs in (buffer.observations, following)
        )
    advantages, returns = advantage.gae(rewards, values, next_values, terminated, truncated, gamma, lam)
    # Stable-Baselines3 computes in float32
    np.testing.assert_allclose(advantages, buffer.advantages, atol=5e-6)
    np.testing.assert_allclose(returns, buffer.returns, atol=5e-6)
    as_terminated, _ = advantage.gae(rewards, values, next_values, terminated | truncated, truncated, gamma, lam)
    assert np.abs(as_terminated - buffer.advantages).max() > 0.1
