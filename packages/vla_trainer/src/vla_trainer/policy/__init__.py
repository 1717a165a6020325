"""A policy for environments of numbers; recipes name it `vla_trainer.policy:GaussianPolicy`."""

from vla_trainer.policy.gaussian import GaussianPolicy

__all__ = ["GaussianPolicy"]
