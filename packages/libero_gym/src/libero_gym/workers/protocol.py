"""What the workers of a `LiberoVectorEnv` do, of whatever kind they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from libero_gym.errors import ForkError
from libero_gym.reset_request import ResetRequest
from libero_gym.workers.rows import Row

#: What an environment's method is called with.
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Results(NamedTuple):
    """What a request led to."""

    rows: dict[int, Row]
    """Env index -> what it returns, as far as nothing failed."""
    error: Exception | None
    """The first failure: of the first worker in which there was one."""


class Workers(Protocol):
    """All workers of one `LiberoVectorEnv`. Environments go by their index, 0..N-1."""

    def check_process(self) -> None:
        """Raise ForkError in a forked process, which has none of the workers."""

    def reset(self, requests: Mapping[int, ResetRequest]) -> Results:
        """Start episodes in some of the environments."""

    def step_async(self, actions: np.ndarray, active: np.ndarray) -> None:
        """Start a step of some of the environments.

        Args:
            actions: (N, 7) or, with chunks, (N, C, 7) float64; not changed, and kept until `step_wait` returns.
            active: (N,) bool, the environments that take part.
        """

    def step_wait(self) -> Results:
        """End that step."""

    def render(self) -> dict[int, np.ndarray]:
        """Render the agentview of all environments for people, upright, (S, S, 3) uint8 each."""

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
        """Call a method of `LiberoEnv` in some of the environments, or read an attribute."""

    def close(self) -> None:
        """End the workers, also in the middle of a step; no other call follows."""


def forked(owner: int) -> ForkError:
    """Make the error of a call in a forked process: a thread would never answer, and a pipe would be read twice."""
    return ForkError(
        f"these environments belong to process {owner}, and process {os.getpid()} is a forked copy of it without their "
        "workers; make environments in the process that steps them, or start that process with spawn"
    )
