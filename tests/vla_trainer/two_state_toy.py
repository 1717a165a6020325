"""An environment of two states whose values are known, and which ends in both ways.

    even seed:  A --1--> B --2--> terminated
    odd seed:   A --1--> B, truncated there

No action changes anything. What an ending leaves to be seen is B after a truncation, A after a termination.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

A, B = np.eye(2, dtype=np.float32)


class TwoStateEnv(gymnasium.Env):
    """Observations are one-hot."""

    observation_space, action_space = spaces.Box(0, 1, (2,), np.float32), spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert seed is not None
        self._in_b, self._cut = False, seed % 2 == 1
        return A, {}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self._in_b:
            return A, 2.0, True, False, {}
        self._in_b = True
        return B, 1.0, False, self._cut, {}


gymnasium.register("toy/TwoState-v0", entry_point=TwoStateEnv, disable_env_checker=True, order_enforce=False)

RECIPE = """
algorithm: {name: ppo, gamma: 0.9, lam: 0.95, epochs: 4, value_clip: null, huber_delta: null}
env: {id: "two_state_toy:toy/TwoState-v0", num_envs: 8}
policy: {factory: "vla_trainer.policy:GaussianPolicy", kwargs: {hidden: [16], seed: 0}}
rollout: {horizon: 16}
actor: {lr: 1.0e-3, critic_lr: 1.0e-2, max_grad_norm: 10.0, micro_batch_size: 128}
trainer:
  iterations: 60
  threads: 1
  logger: {console: {enable: false}, jsonl: {enable: false}, tensorboard: {enable: false}}
video_cfg: {save_video: false}
"""
