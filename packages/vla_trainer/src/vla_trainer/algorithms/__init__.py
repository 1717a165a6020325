"""The algorithms, and what `algorithm` in a config may say."""

from vla_trainer.algorithms.algorithm import AlgorithmSection, Level, PolicyGradient
from vla_trainer.algorithms.choice import ALGORITHMS, Algorithm, algorithm_class, find_algorithm
from vla_trainer.algorithms.grpo import GRPO
from vla_trainer.algorithms.ppo import PPO
from vla_trainer.algorithms.sft import SFT, Augmentation

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
    "algorithm_class",
    "find_algorithm",
]
