"""`two_state_toy`'s environment, of which the policy sees nothing and the critic all.

With gamma = 0.9: V(A) = 2.8, V(B) = 2, as in `test_value_convergence`.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from two_state_toy import TwoStateEnv

from vla_trainer.policy import GaussianPolicy


class HiddenStateEnv(TwoStateEnv):
    """Of the observation, `seen` is 0 always, and `hidden` is the state, scaled by `scale`."""

    def __init__(self, scale: float = 1.0, hidden: bool = True) -> None:
        self._scale, self._hidden = scale, hidden
        box = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.observation_space = spaces.Dict({"seen": box, "hidden": box} if hidden else {"seen": box})

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        state, info = super().reset(seed=seed, options=options)
        return self._observation(state), info

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        state, *rest = super().step(action)
        return (self._observation(state), *rest)

    def _observation(self, state: np.ndarray) -> dict[str, np.ndarray]:
        seen = {"seen": np.zeros(2, dtype=np.float32)}
        return (
            seen | {"hidden": np.where(state > 0, state * self._scale, 0).astype(np.float32)} if self._hidden else seen
        )


class BlindPolicy(GaussianPolicy):
    """Refuses what only the critic may see."""

    def __init__(self, observation_space: spaces.Dict, action_space: spaces.Space, **kwargs: Any) -> None:
        assert list(observation_space.spaces) == ["seen"], observation_space
        super().__init__(observation_space, action_space, **kwargs)

    def act(self, observation: Any, *args: Any, **kwargs: Any) -> Any:
        assert list(observation) == ["seen"], list(observation)
        return super().act(observation, *args, **kwargs)


gymnasium.register(
    "toy/HiddenState-v0", entry_point=HiddenStateEnv, disable_env_checker=True, order_enforce=False, max_episode_steps=8
)

RECIPE = """
algorithm: {name: ppo, gamma: 0.9, lam: 0.95, critic: {key: hidden, hidden: [16], rate: 1.0e-2, optimizer_steps: 20}}
env: {id: "hidden_state_toy:toy/HiddenState-v0", num_envs: 8}
policy: {factory: "hidden_state_toy:BlindPolicy", kwargs: {hidden: [16], seed: 0}}
rollout: {horizon: 16}
actor: {lr: 1.0e-3, micro_batch_size: 128}
trainer:
  iterations: 20
  threads: 1
  logger: {console: {enable: false}, tensorboard: {enable: false}}
video_cfg: {save_video: false}
"""
