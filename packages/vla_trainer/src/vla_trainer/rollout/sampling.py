"""What acts on observations: a policy at hand, asked with a seed for each observation.

Axes: N observations.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.errors import PolicyError, PolicyNumbersError, TrainerError, TrainingDivergedError
from vla_trainer.protocols import ActOutput, Observation, Policy
from vla_trainer.rollout.envs import take
from vla_trainer.row_threads import RowThreads


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


@dataclass(frozen=True)
class JoinedOutput:
    """What several threads have given, as one `ActOutput`."""

    actions: NDArray[np.floating]
    tokens: Tensor
    log_probs: Tensor
    values: Tensor | None
    inputs: Mapping[str, Tensor]

    @classmethod
    def of(cls, parts: Sequence[ActOutput]) -> ActOutput:
        """Put the rows of `parts` one after the other."""
        if len(parts) == 1:
            return parts[0]
        values = [part.values for part in parts if part.values is not None]
        return cls(
            actions=np.concatenate([part.actions for part in parts]),
            tokens=torch.cat([part.tokens for part in parts]),
            log_probs=torch.cat([part.log_probs for part in parts]),
            values=torch.cat(values) if values else None,
            inputs={key: torch.cat([part.inputs[key] for part in parts]) for key in parts[0].inputs},
        )


class PolicySampler:
    """A policy in this process."""

    def __init__(
        self,
        policy: Policy,
        *,
        temperature: float = 1.0,
        deterministic: bool = False,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
        threads: RowThreads | None = None,
        chunk_correlation: float = 0.0,
    ) -> None:
        """
        Args:
            policy: what acts.
            temperature: of the samples.
            deterministic: take the most probable actions, whatever the seeds.
            autocast: makes the context that the policy acts in.
            threads: observations are divided among them, where the policy has `generator_per_row`; None: one.
            chunk_correlation: of the sampled noise of two actions of a chunk.

        Raises:
            PolicyError: there is a correlation, and the policy takes none.
        """
        if chunk_correlation and not _takes(policy.act, "chunk_correlation"):
            raise PolicyError(
                f"rollout.chunk_correlation={chunk_correlation:g}: act of a {type(policy).__name__} takes no "
                "chunk_correlation; allowed: 0"
            )
        self.version = 0
        self.temperature = temperature
        self._policy: Any = policy
        self._deterministic = deterministic
        self._autocast = autocast
        self._threads = threads or RowThreads()
        self._noise = {"chunk_correlation": chunk_correlation} if chunk_correlation else {}
        """For policies that can do it alone."""
        self._generators: list[torch.Generator] = []
        self._rows_apart = bool(getattr(policy, "generator_per_row", False))

    def act(self, obs: Observation, seeds: Sequence[int] | None) -> ActOutput:
        generator = None if self._deterministic or seeds is None else self._seeded(seeds)
        try:
            if seeds is None or self._threads.count == 1 or not self._rows_apart:
                return self._act(obs, generator)
            parts = np.array_split(np.arange(len(seeds)), min(self._threads.count, len(seeds)))
            given = [
                (take(obs, part), generator[part[0] : part[-1] + 1] if isinstance(generator, list) else generator)
                for part in parts
            ]
            return JoinedOutput.of(self._threads.map(lambda both: self._act(*both), given))
        except FloatingPointError as error:
            raise not_finite(f"the policy cannot act: {error}", self.version) from error
        except ValueError as error:
            # of a class that somebody made for it, and so a message for people
            if isinstance(error, TrainerError) or type(error).__module__ == "builtins":
                raise
            raise PolicyError(f"the policy does not take an observation: {error}") from error

    def _act(self, obs: Observation, generator: torch.Generator | list[torch.Generator] | None) -> ActOutput:
        with torch.no_grad(), self._autocast():
            out: ActOutput = self._policy.act(
                obs, deterministic=generator is None, temperature=self.temperature, generator=generator, **self._noise
            )
            return out

    def _seeded(self, seeds: Sequence[int]) -> torch.Generator | list[torch.Generator]:
        """On the CPU wherever the policy is: a run does not depend on the device that samples."""
        if not self._rows_apart:
            seeds = seeds[:1]
        while len(self._generators) < len(seeds):
            self._generators.append(torch.Generator())
        chosen = [generator.manual_seed(seed) for generator, seed in zip(self._generators, seeds, strict=False)]
        return chosen if self._rows_apart else chosen[0]


def _takes(method: Callable[..., Any], name: str) -> bool:
    """Return whether a method has a parameter of this name, or passes on any."""
    parameters = signature(method).parameters
    return name in parameters or any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
