"""What `LiberoVectorEnv` asks of its workers, of whatever kind they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from libero_gym.workers.rows import Row

#: How an episode starts: its seed or None, and the options of `LiberoEnv.reset`.
Start = tuple[int | None, dict[str, Any]]


class Results(NamedTuple):
    """What a request led to."""

    rows: dict[int, Row]
    """Number of the environment -> what it returns, as far as nothing failed."""
    error: Exception | None
    """The first failure: of the first worker in which there was one."""


class Workers(Protocol):
    """All workers of one `LiberoVectorEnv`. Environments go by their number, 0..N-1."""

    def reset(self, starts: Mapping[int, Start]) -> Results:
        """Start episodes in some of the environments."""

    def step_async(self, actions: Mapping[int, np.ndarray]) -> None:
        """Start a step of some of the environments: (7,) or, with chunks, (C, 7) each."""

    def step_wait(self) -> Results:
        """End that step."""

    def render(self) -> dict[int, np.ndarray]:
        """The agentview of all environments for people, upright, (S, S, 3) uint8 each."""

    def close(self) -> None:
        """End the workers, also in the middle of a step; nothing else is asked of them afterwards."""
