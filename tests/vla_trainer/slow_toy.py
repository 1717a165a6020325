"""`reach_toy`'s environment, with time to be killed in; its policy draws by row, so that placement changes nothing."""

import contextlib
import os
import threading
import time
from typing import Any

import gymnasium
import numpy as np
import reach_toy

from vla_trainer.policy.gaussian import GaussianPolicy

SECONDS = 0.01
"""Of a step."""


class SlowEnv(reach_toy.ReachEnv):
    """`hang`: a file; whoever finds it in a step takes it away, and hangs."""

    def __init__(self, *args: Any, hang: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hang = hang

    def step(self, action: np.ndarray) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        time.sleep(SECONDS)
        if self._hang is not None and os.path.exists(self._hang):
            with contextlib.suppress(FileNotFoundError):  # another was faster
                os.remove(self._hang)
                wait_for_ever()
        return super().step(action)


def wait_for_ever() -> None:
    threading.Event().wait()


class SlowPolicy(GaussianPolicy):
    """Takes its time to score."""

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        time.sleep(SECONDS)
        return super().evaluate(*args, **kwargs)


gymnasium.register("toy/SlowReach-v0", entry_point=SlowEnv)

GRPO = """
algorithm: {name: grpo, group_size: 4, epochs: 4}
env: {id: "slow_toy:toy/SlowReach-v0", num_envs: 4, max_episode_steps: 16}
policy: {factory: "slow_toy:SlowPolicy", kwargs: {hidden: [16, 16], critic: false, seed: 0}}
rollout: {episodes: 16}
actor: {lr: 3.0e-3, micro_batch_size: 8, global_batch_size: 32}
trainer: {iterations: 5, save_every: 1, threads: 1, logger: {console: {enable: false}, tensorboard: {enable: false}}}
video_cfg: {save_video: false}
"""

PPO = """
algorithm: {name: ppo, epochs: 2, gamma: 0.9}
env: {id: "slow_toy:toy/SlowReach-v0", num_envs: 4, max_episode_steps: 16}
policy: {factory: "slow_toy:SlowPolicy", kwargs: {hidden: [16, 16], seed: 0}}
rollout: {horizon: 12}
actor: {lr: 3.0e-3, micro_batch_size: 8, global_batch_size: 24}
trainer: {iterations: 5, save_every: 1, threads: 1, logger: {console: {enable: false}, tensorboard: {enable: false}}}
video_cfg: {save_video: false}
"""
