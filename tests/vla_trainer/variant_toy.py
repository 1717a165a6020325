"""A vector environment of three tasks with eight init states and an argument that makes it harder; outcomes are known.

An episode of (task, init state) takes 1 + init state % 3 policy steps, whoever acts. Its variant is the value of
`shift` and whether its init state is odd.
"""

import time
from types import SimpleNamespace
from typing import Any, Literal

import gymnasium
import numpy as np
import reach_toy
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

TASKS, STATES = 3, 8
HARDER = {"camera": 1, "light": 2, "noise": 3}


def success_of(task: int, init_state: int, skill: int, shift: str | None) -> bool:
    """Task k is solved from the 2 k + skill first init states, without the level times what its name makes it harder.

    With skill 3 and no shift: 3, 5 and 7 of 8, 15 of 24 in all.
    """
    name, _, level = (shift or "camera:0").partition(":")
    return init_state < 2 * task + skill - HARDER[name] * int(level)


def length_of(init_state: int) -> int:
    return 1 + init_state % 3


class VariantVectorEnv(VectorEnv):
    """N of them; they stand still when they are done."""

    def __init__(
        self,
        num_envs: int,
        autoreset_mode: AutoresetMode,
        shift: str | None = None,
        quality: Literal["fast", "reference"] = "reference",
        tasks: list[int] | None = None,
        limits: dict[int, int] | None = None,
        split: str = "eval",
        seconds: float = 0.0,
        reports_success: bool = True,
        actions: int = 1,
    ) -> None:
        """
        Args:
            shift: makes it harder, `name:level`.
            quality: of nothing.
            tasks: those of them that there are.
            limits: steps until the time limit by task.
            split: which init states; all are the same.
            seconds: that a step takes.
            reports_success: whether it does.
            actions: numbers of an action.
        """
        if shift is not None and shift.partition(":")[0] not in HARDER:
            raise ValueError(f"shift={shift!r}; allowed: {', '.join(HARDER)}, each with :level")
        self.metadata = {
            "autoreset_mode": autoreset_mode,
            "init_states": dict.fromkeys(tasks if tasks is not None else range(TASKS), STATES),
            "variant_info": "shift",
            "assets": f"cubes-{quality}",
            "benchmark_caveats": [f"shift {shift}"] if shift is not None else [],
        }
        self.num_envs = num_envs
        self.single_observation_space = spaces.Dict(state=spaces.Box(-1, 1, (2,), np.float32))
        self.single_action_space = spaces.Box(-1, 1, (actions,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.shift, self.seconds, self.limits = shift, seconds, limits or {}
        self.reports_success = reports_success
        self.where = [(0, 0)] * num_envs
        self.steps = np.zeros(num_envs, dtype=int)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert options is not None
        for n in np.flatnonzero(options["reset_mask"]):
            self.where[n] = (int(options["task"][n]), int(options["init_state"][n]))
            self.steps[n] = 0
        return self._observe(), {}

    def step(self, actions: np.ndarray) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        time.sleep(self.seconds)
        self.steps += 1
        ends = [min(length_of(state), self.limits.get(task, 99)) for task, state in self.where]
        over = self.steps >= np.array(ends)
        success = np.array(
            [
                over[n] and success_of(*self.where[n], round(10 * float(actions[n, 0])), self.shift)
                for n in range(self.num_envs)
            ]
        )
        infos: dict[str, Any] = {
            "task_id": np.array([task for task, _ in self.where]),
            "task_name": [f"stack_{task}_cubes" for task, _ in self.where],
            "init_state_id": np.array([state for _, state in self.where]),
        }
        if self.reports_success:
            infos["success"] = success
        if self.shift is not None:
            infos["shift"] = [f"{self.shift}:{'odd' if state % 2 else 'even'}" for _, state in self.where]
        return self._observe(), success.astype(float), success, over & ~success, infos

    def _observe(self) -> dict[str, Any]:
        return {"state": np.array(self.where, np.float32)}


class WaveringPolicy(torch.nn.Module):
    """Has `skill`, and one more or less where it samples, each observation by its own generator."""

    generator_per_row = True
    made = 0
    """How often one was made in this process."""

    def __init__(self, observation_space: Any, action_space: Any, skill: int = 3) -> None:
        super().__init__()
        self.skill = torch.nn.Parameter(torch.tensor(float(skill)))
        type(self).made += 1

    def act(
        self, obs: Any, *, deterministic: bool = False, temperature: float = 1.0, generator: Any = None
    ) -> SimpleNamespace:
        n = len(obs["state"])
        skills = self.skill.detach().expand(n, 1).clone()
        if not deterministic:
            skills += torch.stack([torch.randint(-1, 2, (1,), generator=own) for own in generator])
        zeros = torch.zeros(n, 1)
        return SimpleNamespace(
            actions=skills.numpy()[:, None] / 10, tokens=skills, log_probs=zeros, values=None, inputs={"zeros": zeros}
        )

    def evaluate(self, inputs: Any, tokens: Any, *, temperature: float = 1.0) -> SimpleNamespace:
        zeros = 0 * self.skill.expand(len(tokens), 1)
        return SimpleNamespace(log_probs=zeros, entropy=zeros, values=None)

    def save_pretrained(self, directory: Any) -> None:
        torch.save(self.state_dict(), directory / "weights.pt")


class ColoredReachEnv(reach_toy.ReachEnv):
    """The reaching toy, which names a variant when it is reset and not again."""

    metadata = {**reach_toy.ReachEnv.metadata, "variant_info": "color"}  # noqa: RUF012  # as Gymnasium has it

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        assert seed is not None
        obs, info = super().reset(seed=seed, options=options)
        return obs, {**info, "color": "red" if seed % 2 else "green"}


gymnasium.register("toy/VariantVector-v0", vector_entry_point=VariantVectorEnv)
gymnasium.register("toy/ColoredReach-v0", entry_point=ColoredReachEnv, disable_env_checker=True, order_enforce=False)

RECIPE = """
algorithm: {name: grpo, group_size: 4}
env: {id: "variant_toy:toy/VariantVector-v0", num_envs: 2}
policy: {factory: "variant_toy:WaveringPolicy"}
rollout: {episodes: 16}
trainer: {threads: 1, iterations: 1, logger: {console: {enable: false}, tensorboard: {enable: false}}}
video_cfg: {save_video: false}
"""

REACH_RECIPE = """
algorithm: {name: grpo, group_size: 4}
env: {id: "variant_toy:toy/ColoredReach-v0", num_envs: 4}
policy: {factory: "reach_toy:TokenPolicy", kwargs: {critic: false}}
rollout: {episodes: 16}
trainer: {threads: 1}
video_cfg: {save_video: false}
"""
