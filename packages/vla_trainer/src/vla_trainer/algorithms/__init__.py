"""The algorithms, and what `algorithm` in a config may say: each has its own keys, and a key of another is an error."""

from typing import Annotated

from pydantic import Field

from vla_trainer.algorithms.algorithm import AlgorithmSection, Level, PolicyGradient
from vla_trainer.algorithms.grpo import GRPO
from vla_trainer.algorithms.ppo import PPO
from vla_trainer.algorithms.sft import SFT, Augmentation

ALGORITHMS: dict[str, type[PPO | GRPO | SFT]] = {"ppo": PPO, "grpo": GRPO, "sft": SFT}
"""From `algorithm.name` to its section."""

Algorithm = Annotated[PPO | GRPO | SFT, Field(discriminator="name")]

__all__ = [
    "ALGORITHMS",
    "GRPO",
    "PPO",
    "SFT",
    "Algorithm",
    "AlgorithmSection",
    "Augmentation",
    "Level",
    "PolicyGradient",
]
