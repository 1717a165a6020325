"""Turn rewards into advantages: `gae` for PPO; `grpo`, `dr_grpo` or `rloo` for groups of episodes."""

from vla_trainer.advantage.gae import gae
from vla_trainer.advantage.grpo import dr_grpo, grpo, rloo

__all__ = ["dr_grpo", "gae", "grpo", "rloo"]
