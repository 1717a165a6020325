"""A vector environment of ten tasks with fifty init states, like LIBERO's suites; every outcome is known beforehand.

An episode of (task, init state) takes 1 + (task + init state) % 4 policy steps, whoever acts. It is a success if
`success_of(task, init_state, skill)` says so; `skill` is what the policy always does, so that two policies differ.
"""

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

TASKS, STATES = 10, 50


def success_of(task: int, init_state: int, skill: int) -> bool:
    """Task k is solved from the init states that are below 5 k + skill: k = 0 never with skill 0, k = 9 45 times."""
    return init_state < 5 * task + skill


def length_of(task: int, init_state: int) -> int:
    return 1 + (task + init_state) % 4


class KnownVectorEnv(VectorEnv):
    """N of them; they stand still when they are done."""

    def __init__(self, num_envs: int, autoreset_mode: AutoresetMode, interrupt_after: int | None = None) -> None:
        self.metadata = {"autoreset_mode": autoreset_mode, "init_states": dict.fromkeys(range(TASKS), STATES)}
        self.num_envs = num_envs
        self.single_observation_space = spaces.Dict(
            image=spaces.Box(0, 255, (16, 16, 3), np.uint8), state=spaces.Box(-1, 1, (2,), np.float32)
        )
        self.single_action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.where = [(0, 0)] * num_envs
        self.steps = np.zeros(num_envs, dtype=int)
        self.left = interrupt_after
        self.skill = 0

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert options is not None
        for n in np.flatnonzero(options["reset_mask"]):
            self.where[n] = (int(options["task"][n]), int(options["init_state"][n]))
            self.steps[n] = 0
        return self._observe(), {}

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        self.steps += 1
        skill = round(10 * float(actions.max()))
        over = np.array([self.steps[n] >= length_of(*self.where[n]) for n in range(self.num_envs)])
        success = np.array([over[n] and success_of(*self.where[n], skill) for n in range(self.num_envs)])
        infos = {
            "task_id": np.array([task for task, _ in self.where]),
            "task_name": [f"task {task}" for task, _ in self.where],
            "init_state_id": np.array([state for _, state in self.where]),
            "success": success,
        }
        return self._observe(), success.astype(float), success, over & ~success, infos

    def _observe(self) -> dict[str, Any]:
        images = np.zeros((self.num_envs, 16, 16, 3), np.uint8)
        return {"image": images, "state": np.array(self.where, np.float32)}


class SkilledPolicy(torch.nn.Module):
    """Always does `skill`."""

    def __init__(self, observation_space: Any, action_space: Any, skill: int = 0) -> None:
        super().__init__()
        self.skill = torch.nn.Parameter(torch.tensor(skill / 10))

    def act(
        self, obs: Any, *, deterministic: bool = False, temperature: float = 1.0, generator: Any = None
    ) -> SimpleNamespace:
        n = len(obs["state"])
        tokens = self.skill.detach().expand(n, 1)
        zeros = torch.zeros(n, 1)
        return SimpleNamespace(
            actions=tokens.numpy()[:, None], tokens=tokens, log_probs=zeros, values=None, inputs={"zeros": zeros}
        )

    def evaluate(self, inputs: Any, tokens: Any, *, temperature: float = 1.0) -> SimpleNamespace:
        zeros = 0 * self.skill.expand(len(tokens), 1)  # what it always does has probability 1, whatever the skill
        return SimpleNamespace(log_probs=zeros, entropy=zeros, values=None)

    def save_pretrained(self, directory: Any) -> None:
        torch.save(self.state_dict(), directory / "weights.pt")


gymnasium.register("toy/KnownVector-v0", vector_entry_point=KnownVectorEnv)

RECIPE = """
algorithm: {name: grpo, group_size: 4}
env: {id: "known_toy:toy/KnownVector-v0", num_envs: 8}
policy: {factory: "known_toy:SkilledPolicy", kwargs: {skill: 0}}
rollout: {episodes: 16}
trainer: {threads: 1}
video_cfg: {save_video: false}
"""
