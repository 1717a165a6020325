"""A small environment and a small policy that learns in it: what the trainer's tests run instead of a robot and a VLA.

Axes: N environments, C actions a chunk, A action dimensions, K = C A tokens, B batch, V bins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

CHUNK, DIMS, BINS = 2, 2, 9


class ReachEnv(gymnasium.Env):
    """A point in a square that has to come within 0.15 of a goal. A policy step is a chunk of C = 2 moves of A = 2.

    Reward of a policy step: how much nearer it came, and 1 on success. The state is drawn from the seed, so that equal
        seeds are equal starts.
    """

    metadata = {  # noqa: RUF012  # as Gymnasium has it
        "render_modes": ["rgb_array"],
        "render_fps": 20,
        "arguments_without_effect_on_states": ["size"],
    }

    def __init__(
        self, max_episode_steps: int = 16, size: int = 33, speed: float = 0.2, render_mode: str | None = None
    ) -> None:
        if size < 8:
            raise ValueError(f"size={size}; allowed: 8 or more")
        self.render_mode = render_mode
        self._limit, self._size, self._speed = max_episode_steps, size, speed
        self.observation_space = spaces.Dict(
            image=spaces.Box(0, 255, (size, size, 3), np.uint8),
            state=spaces.Box(-2, 2, (4,), np.float32),
            instruction=spaces.Text(64),
        )
        self.action_space = spaces.Box(-1, 1, (CHUNK, DIMS), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._point = self.np_random.uniform(-1, 1, DIMS)
        self._goal = self.np_random.uniform(-1, 1, DIMS)
        self._steps = 0
        return self._observe(), {"success": False}

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward, success, length = 0.0, False, 0
        for move in action:
            before = np.linalg.norm(self._point - self._goal)
            self._point = np.clip(self._point + self._speed * move, -1, 1)
            after = np.linalg.norm(self._point - self._goal)
            self._steps += 1
            length += 1
            success = bool(after < 0.15)
            reward += float(before - after) + float(success)
            if success or self._steps >= self._limit:
                break
        truncated = not success and self._steps >= self._limit
        return self._observe(), reward, success, truncated, {"success": success, "chunk_length": length}

    def _observe(self) -> dict[str, Any]:
        image = np.zeros((self._size, self._size, 3), np.uint8)
        for colour, place in ((0, self._point), (1, self._goal)):
            row, env_index = ((place + 1) / 2 * (self._size - 3)).astype(int)
            image[row : row + 3, env_index : env_index + 3, colour] = 255
        return {
            "image": image,
            "state": np.concatenate([self._point, self._goal]).astype(np.float32),
            "instruction": "move the red point onto the green one",
        }


@dataclass
class Act:
    actions: np.ndarray
    tokens: Tensor
    log_probs: Tensor
    values: Tensor | None
    inputs: dict[str, Tensor]


@dataclass
class Scores:
    log_probs: Tensor
    entropy: Tensor
    values: Tensor | None


class TokenPolicy(nn.Module):
    """An MLP from `state` to K = C A tokens of V bins over [-1, 1], and a value."""

    def __init__(
        self, observation_space: spaces.Dict, action_space: spaces.Box, critic: bool = True, width: int = 32
    ) -> None:
        super().__init__()
        states = observation_space["state"].shape[0]
        self.shape = action_space.shape
        self.trunk = nn.Sequential(nn.Linear(states, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh())
        self.head = nn.Linear(width, CHUNK * DIMS * BINS)
        self.critic = nn.Sequential(nn.Linear(states, width), nn.Tanh(), nn.Linear(width, 1)) if critic else None
        nn.init.zeros_(self.head.weight)

    def _logits(self, state: Tensor, temperature: float) -> Tensor:
        return self.head(self.trunk(state)).unflatten(-1, (-1, BINS)).div(temperature).log_softmax(-1)

    def _values(self, state: Tensor) -> Tensor | None:
        return None if self.critic is None else self.critic(state).squeeze(-1)

    @torch.no_grad()
    def act(
        self,
        obs: Mapping[str, Any],
        *,
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Act:
        state = torch.as_tensor(obs["state"])
        assert len(obs["instruction"]) == len(state)
        logits = self._logits(state, temperature)
        if deterministic:
            tokens = logits.argmax(-1)
        else:
            tokens = torch.multinomial(logits.exp().flatten(0, 1), 1, generator=generator).view(logits.shape[:2])
        log_probs = logits.gather(-1, tokens[..., None]).squeeze(-1)
        actions = (tokens.float() / (BINS - 1) * 2 - 1).view(-1, *self.shape).numpy()
        return Act(actions, tokens, log_probs, self._values(state), {"state": state})

    def observe(self, obs: Mapping[str, Any]) -> dict[str, Tensor]:
        return {"state": torch.as_tensor(obs["state"])}

    def encode(self, actions: np.ndarray) -> Tensor:
        return torch.from_numpy(np.rint((actions.reshape(len(actions), -1) + 1) / 2 * (BINS - 1)).astype(np.int64))

    def evaluate(self, inputs: Mapping[str, Tensor], tokens: Tensor, *, temperature: float = 1.0) -> Scores:
        logits = self._logits(inputs["state"], temperature)
        log_probs = logits.gather(-1, tokens[..., None]).squeeze(-1)
        return Scores(log_probs, -(logits.exp() * logits).sum(-1), self._values(inputs["state"]))

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        groups = {"actor": [*self.trunk.parameters(), *self.head.parameters()]}
        if self.critic is not None:
            groups["critic"] = list(self.critic.parameters())
        return groups

    def save_pretrained(self, directory: str | Path) -> None:
        torch.save(self.state_dict(), Path(directory) / "weights.pt")


gymnasium.register("toy/Reach-v0", entry_point=ReachEnv, disable_env_checker=True, order_enforce=False)

PPO_RECIPE = """
algorithm: {name: ppo, epochs: 4, value_clip: null}
env: {id: "reach_toy:toy/Reach-v0", num_envs: 8}
policy: {factory: "reach_toy:TokenPolicy"}
rollout: {horizon: 16}
actor: {lr: 3.0e-3, critic_lr: 1.0e-2, global_batch_size: 64, micro_batch_size: 32}
trainer: {iterations: 3, save_every: 2, threads: 1}
video_cfg: {every: 2}
"""

GRPO_RECIPE = """
algorithm: {name: grpo, epochs: 2, group_size: 4}
env: {id: "reach_toy:toy/Reach-v0", num_envs: 6}
policy: {factory: "reach_toy:TokenPolicy", kwargs: {critic: false}}
rollout: {episodes: 16}
actor: {lr: 3.0e-3, global_batch_size: 64, micro_batch_size: 32}
trainer: {iterations: 3, threads: 1}
"""

SFT_RECIPE = """
algorithm: {name: sft, dataset: toy/reach-v0, optimizer_steps: 30, augmentation: {}}
env: {id: "reach_toy:toy/Reach-v0", num_envs: 8}
policy: {factory: "reach_toy:TokenPolicy"}
actor: {lr: 1.0e-2, global_batch_size: 64, micro_batch_size: 32}
trainer: {iterations: 6, save_every: 1, threads: 1}
eval: {episodes: 50}
video_cfg: {save_video: false}
"""
