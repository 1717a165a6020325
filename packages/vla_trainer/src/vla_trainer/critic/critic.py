"""Fit values to returns, from an observation that the policy is not given.

    rollout --states, next states--> values, next values --> advantages and returns
                                          ^                            |
                                          '------ steps of Adam <------' with those of the iterations before

Axes: T policy steps, N environments, P numbers of a state, B policy steps that were taken.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from vla_trainer.algorithms.critic import CriticSettings
from vla_trainer.critic.network import ValueNetwork
from vla_trainer.errors import CheckpointError, ConfigError, TrainingDivergedError, did_you_mean
from vla_trainer.rollout.env_spec import EnvSpec
from vla_trainer.types import Batch, Rollout


class Critic:
    """A value network in this process, with its optimizer and the policy steps of recent iterations."""

    def __init__(self, settings: CriticSettings, env_spec: EnvSpec, seed: int) -> None:
        """
        Args:
            settings: its section of the config.
            env_spec: of the environments that train.
            seed: of its first weights, and of what its steps are made of.

        Raises:
            ConfigError: the observations have no such key, or it is no Box of finite shape.
        """
        self._settings = settings
        self._generator = torch.Generator().manual_seed(seed)
        self._inputs = state_size(settings.key, env_spec)
        self._network = ValueNetwork(self._inputs, settings.hidden, self._generator)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=settings.rate)
        self._recent: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=settings.memory)

    def judge(self, rollout: Rollout) -> Rollout:
        """Return the rollout with V of each state and of each next one, 0 after a termination.

        Args:
            rollout: of a collector that was given the key.
        """
        assert rollout.states is not None
        assert rollout.next_states is not None
        next_values = np.where(rollout.terminated, 0.0, self.values(rollout.next_states))
        return replace(rollout, values=self.values(rollout.states), next_values=next_values)

    @torch.no_grad()
    def values(self, states: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return V of (..., P) states."""
        rows = torch.from_numpy(np.ascontiguousarray(states.reshape(-1, self._inputs)))
        return self._network(rows).double().numpy().reshape(states.shape[:-1])

    def fit(self, rollout: Rollout, batch: Batch) -> dict[str, float]:
        """Take the iteration's steps on its policy steps and on those before; return `critic/*`.

        Args:
            rollout: of `judge`.
            batch: of all its policy steps, with their returns.

        Raises:
            TrainingDivergedError: its loss is not finite.
        """
        settings = self._settings
        assert rollout.states is not None
        assert batch.returns is not None
        states = torch.from_numpy(rollout.states[rollout.mask])
        self._network.see(states)
        self._recent.append((states, batch.returns))
        rows = torch.cat([kept for kept, _ in self._recent])
        kept_returns = torch.cat([kept for _, kept in self._recent])
        self._network.rescale(kept_returns)
        targets = self._network.targets(kept_returns)
        losses = []
        for _ in range(settings.optimizer_steps):
            chosen = torch.randint(len(rows), (min(settings.sample_size, len(rows)),), generator=self._generator)
            loss = (self._network.normalized(rows[chosen]) - targets[chosen]).square().mean()
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
            losses.append(float(loss.detach()))
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise TrainingDivergedError(f"the critic's loss is {mean}, over {len(rows)} policy steps")
        return {"critic/loss": mean, "critic/policy_steps": float(len(rows))}

    def state(self) -> dict[str, Any]:
        """Return everything that `load` needs to go on to the last bit."""
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "recent": list(self._recent),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`.

        Raises:
            CheckpointError: it is of another network.
        """
        try:
            self._network.load_state_dict(state["network"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._generator.set_state(state["generator"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError(f"the critic of the checkpoint is not that of algorithm.critic: {error}") from error
        self._recent.clear()
        self._recent.extend((rows, returns) for rows, returns in state["recent"])


def state_size(key: str, env_spec: EnvSpec) -> int:
    """Return P, the numbers that stand under a key of an observation.

    Raises:
        ConfigError: there is no such key, or it is no Box.
    """
    found, space = env_spec.critic_space, env_spec.observation_space
    if found is None:
        names = list(space.spaces) if isinstance(space, spaces.Dict) else []
        have = f"observations have {', '.join(names)}" if names else f"the observation space is {space}, no Dict"
        raise ConfigError(f"algorithm.critic.key={key}: {have}{did_you_mean(key, names)}")
    if not isinstance(found, spaces.Box) or not found.shape:
        raise ConfigError(f"algorithm.critic.key={key} is {found}; allowed: a Box of numbers")
    return math.prod(found.shape)
