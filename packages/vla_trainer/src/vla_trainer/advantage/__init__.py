"""Turn rewards into advantages: `gae` for PPO, `grpo` for groups of episodes."""

from vla_trainer.advantage.gae import gae
from vla_trainer.advantage.grpo import grpo

__all__ = ["gae", "grpo"]
