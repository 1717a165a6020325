"""What `LiberoVectorEnv` asks of its workers, of whatever kind they are."""

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
    """Number of the environment -> what it returns, as far as nothing failed."""
    error: Exception | None
    """The first failure: of the first worker in which there was one."""


class Workers(Protocol):
    """All workers of one `LiberoVectorEnv`. Environments go by their number, 0..N-1."""

    def check_process(self) -> None:
        """Raise ForkError in a forked process, which has none of the workers."""

    def reset(self, starts: Mapping[int, ResetRequest]) -> Results:
        """Start episodes in some of the environments."""

    def step_async(self, actions: Mapping[int, np.ndarray]) -> None:
        """Start a step of some of the environments: (7,) or, with chunks, (C, 7) each."""

    def step_wait(self) -> Results:
        """End that step."""

    def render(self) -> dict[int, np.ndarray]:
        """The agentview of all environments for people, upright, (S, S, 3) uint8 each."""

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> dict[int, Any]:
        """Call a method of `LiberoEnv` in some of the environments, or read an attribute."""

    def close(self) -> None:
        """End the workers, also in the middle of a step; nothing else is asked of them afterwards."""


def forked(owner: int) -> ForkError:
    """The error of a call in a forked process, where a thread would never answer and a pipe would be read twice."""
    return ForkError(
        f"these environments belong to process {owner}, and process {os.getpid()} is a forked copy of it without their "
        "workers; make environments in the process that steps them, or start that process with spawn"
    )
