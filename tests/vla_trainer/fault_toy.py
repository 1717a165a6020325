"""The reaching toy with one fault: an environment or a policy whose numbers go wrong at a known place."""

from typing import Any

import gymnasium
import numpy as np
import reach_toy
import torch
from torch import Tensor

from vla_trainer.policy import GaussianPolicy


class FaultyReachEnv(reach_toy.ReachEnv):
    """Episodes whose seed is a multiple of `every` give `reward`, or a first state of `state`, from `after` moves on.

    Every episode runs to its limit, 8 chunks of 2 moves: the point never moves far enough to reach the goal.
    """

    def __init__(
        self, reward: float | str | None = None, state: str | None = None, every: int = 1, after: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(speed=0.0, **kwargs)
        self._reward, self._state, self._every, self._after = reward, state, every, after
        self._faulty = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert seed is not None
        self._faulty = seed % self._every == 0
        return super().reset(seed=seed, options=options)

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, reward, success, truncated, info = super().step(action)
        if self._faulty and self._steps >= self._after:
            reward = reward if self._reward is None else float(self._reward)
            if self._state is not None:
                obs["state"][1] = float(self._state)
        return obs, reward, success, truncated, info


class LowPolicy(reach_toy.TokenPolicy):
    """Says that what it sampled was 100 nats less probable than it was, which makes ratios of exp(100)."""

    def act(self, obs: Any, **kwargs: Any) -> reach_toy.Act:
        out = super().act(obs, **kwargs)
        out.log_probs -= 100.0
        return out


class UndefinedPolicy(reach_toy.TokenPolicy):
    """Its loss is finite and its gradient is not, from call `after` of `evaluate` on: d sqrt(x) / dx at x = 0."""

    def __init__(self, observation_space: Any, action_space: Any, after: int = 0, **kwargs: Any) -> None:
        super().__init__(observation_space, action_space, **kwargs)
        self._left = after

    def evaluate(self, inputs: Any, tokens: Tensor, *, temperature: float = 1.0) -> reach_toy.Scores:
        out = super().evaluate(inputs, tokens, temperature=temperature)
        self._left -= 1
        if self._left < 0:
            zero = 0.0 * self.head.weight.sum()
            out.log_probs = out.log_probs + torch.sqrt(zero)
        return out


class SpeechlessPolicy(reach_toy.TokenPolicy):
    """Cannot act, in the words that any policy may use."""

    def act(self, obs: Any, **kwargs: Any) -> reach_toy.Act:
        raise FloatingPointError("logits are nan")


def broken_gaussian(observation_space: Any, action_space: Any, **kwargs: Any) -> GaussianPolicy:
    """A policy that was made with a weight that is NaN."""
    policy = GaussianPolicy(observation_space, action_space, **kwargs)
    with torch.no_grad():
        policy.actor[0].weight[-1] = torch.nan
    return policy


gymnasium.register("toy/FaultyReach-v0", entry_point=FaultyReachEnv, disable_env_checker=True, order_enforce=False)
