"""What acts on observations: a policy at hand, asked with a seed for each observation.

Axes: N observations.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch

from vla_trainer.errors import PolicyError, PolicyNumbersError, TrainerError, TrainingDivergedError
from vla_trainer.protocols import ActOutput, Observation, Policy


class Sampler(Protocol):
    """What a collector asks for actions."""

    @property
    def version(self) -> int:
        """How often the weights have been updated."""

    def act(self, obs: Observation, seeds: Sequence[int] | None) -> ActOutput:
        """Actions for N observations.

        `seeds` are of what is sampled for each, N of them; None: nothing is sampled, the most probable actions are
        taken and the policy's values are what is wanted.

        Raises:
            PolicyNumbersError, TrainingDivergedError: see `not_finite`.
            PolicyError: the policy refuses the observations.
        """


def not_finite(what: str, version: int) -> TrainerError:
    """The error for numbers of a policy that are not finite: training has diverged where its weights have been updated,
    else the policy was given like that."""
    if version:
        return TrainingDivergedError(f"after {version} updates {what}")
    return PolicyNumbersError(what)


class PolicySampler:
    """A policy in this process."""

    def __init__(
        self,
        policy: Policy,
        *,
        temperature: float = 1.0,
        deterministic: bool = False,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """
        Args:
            policy: what acts.
            temperature: of the samples.
            deterministic: take the most probable actions, whatever the seeds.
            autocast: makes the context that the policy acts in.
        """
        self.version = 0
        self.temperature = temperature
        self._policy = policy
        self._deterministic = deterministic
        self._autocast = autocast
        self._generators: list[torch.Generator] = []

    def act(self, obs: Observation, seeds: Sequence[int] | None) -> ActOutput:
        generator = None if self._deterministic or seeds is None else self._seeded(seeds)
        try:
            with torch.no_grad(), self._autocast():
                return self._policy.act(
                    obs,
                    deterministic=self._deterministic or seeds is None,
                    temperature=self.temperature,
                    generator=generator,
                )
        except FloatingPointError as error:
            raise not_finite(f"the policy cannot act: {error}", self.version) from error
        except ValueError as error:
            # of a class that somebody made for it, and so a message for people
            if isinstance(error, TrainerError) or type(error).__module__ == "builtins":
                raise
            raise PolicyError(f"the policy does not take an observation: {error}") from error

    def _seeded(self, seeds: Sequence[int]) -> torch.Generator | list[torch.Generator]:
        """On the CPU wherever the policy is: a run does not depend on the device that samples."""
        if not getattr(self._policy, "generator_per_row", False):
            seeds = seeds[:1]
        while len(self._generators) < len(seeds):
            self._generators.append(torch.Generator())
        chosen = [generator.manual_seed(seed) for generator, seed in zip(self._generators, seeds, strict=False)]
        return chosen if getattr(self._policy, "generator_per_row", False) else chosen[0]
