"""Train with an algorithm of your own, from a package of yours: REINFORCE with reward-to-go and a baseline.

    pip install vla-trainer
    PYTHONPATH=examples python examples/custom_algorithm.py [iterations, 3 by default]

A recipe names the class: `algorithm.name: my_package.module:Reinforce`. Its fields are keys of the section `algorithm`,
checked and written to `config.yaml` like those of PPO. Episodes, optimizer, checkpoints, evaluation and Ray stay.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field

from vla_trainer.algorithms import PPO


class Reinforce(PPO):
    """PPO's episodes and update; the advantage is the discounted reward that follows, less its mean."""

    name: str
    """Chooses it: module:attribute, as it is imported."""
    reward_scale: Annotated[float, Field(gt=0)] = 1.0
    """Multiplies rewards."""

    def batch(self, rollout):
        import numpy as np
        import torch

        from vla_trainer.types import Batch

        # R_t = r_t + gamma R_{t+1}, from the end of an episode or of the rollout backwards; (T, N)
        returns, following = np.zeros_like(rollout.rewards), np.zeros(rollout.rewards.shape[1])
        for t in reversed(range(len(returns))):
            ended = rollout.terminated[t] | rollout.truncated[t]
            following = self.reward_scale * rollout.rewards[t] + self.gamma * np.where(ended, 0.0, following)
            returns[t] = following
        target = torch.from_numpy(returns[rollout.mask]).float()
        return Batch(
            inputs=rollout.inputs,
            tokens=rollout.tokens,
            log_probs=rollout.log_probs,
            advantages=target - target.mean(),
            episode=torch.from_numpy(rollout.episode[rollout.mask]),
            lengths=rollout.counted_lengths(self.reward_type),
            values=torch.from_numpy(rollout.values[rollout.mask]).float(),
            returns=target,
        )


if __name__ == "__main__":
    command = [
        str(Path(sys.executable).with_name("vla-train")),
        "pendulum_ppo",
        "algorithm.name=custom_algorithm:Reinforce",
        "algorithm.reward_scale=0.1",
        f"trainer.iterations={sys.argv[1] if len(sys.argv) > 1 else 3}",
        "rollout.horizon=256",
        "eval.episodes=4",
        f"output_dir={Path(tempfile.mkdtemp()) / 'run'}",
    ]
    subprocess.run(command, check=True)
