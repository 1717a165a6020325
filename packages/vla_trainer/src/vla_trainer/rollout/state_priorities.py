"""Which initial states of a task training draws: those whose outcome is least certain more often.

Axes: S initial states of a task.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_trainer.types import Episode

DECAY = 0.5
"""What earlier episodes of a state count when it is met again: the policy has changed since."""
FLOOR = 0.02
"""The least weight of a state, beside 0.25 of one that nobody has met: what is mastered or hopeless is met again."""


class StateSampler:
    """Draws a state in proportion to p (1 - p), the variance of success in it.

    A group teaches GRPO something only where its episodes end differently, and p (1 - p) is largest where half of them
    succeed. Weighing by failure alone, 1 - p, would favour what is hopeless. p = (s + 1) / (n + 2) after s successes in
    n episodes (Laplace's rule), earlier ones counting less.
    """

    def __init__(self, available: Mapping[int, int]) -> None:
        """
        Args:
            available: task id -> S.
        """
        self._counts = {task: np.zeros((states, 2)) for task, states in available.items()}
        """(S, 2): successes and episodes."""

    def weights(self, task: int) -> NDArray[np.float64]:
        """Return the weight of each state of a task, (S,)."""
        successes, episodes = self._counts[task].T
        rate = (successes + 1) / (episodes + 2)
        weights: NDArray[np.float64] = np.maximum(rate * (1 - rate), FLOOR)
        return weights

    def draw(self, rng: np.random.Generator, task: int) -> int:
        """Return the number of a state."""
        ends = np.cumsum(self.weights(task))
        return int(np.searchsorted(ends, rng.random() * ends[-1], side="right").clip(max=len(ends) - 1))

    def note(self, episodes: Iterable[Episode]) -> None:
        """Remember how the episodes of a rollout ended, which all say whether they succeeded."""
        met: dict[tuple[int, int], list[bool]] = {}
        for episode in episodes:
            start = episode.initial_state
            assert start.task is not None
            assert start.init_state is not None
            met.setdefault((start.task, start.init_state), []).append(bool(episode.success))
        for (task, state), outcomes in met.items():
            counts = self._counts[task]
            counts[state] = DECAY * counts[state] + (sum(outcomes), len(outcomes))

    def state(self) -> dict[int, list[list[float]]]:
        """Return what a checkpoint keeps: of each task the counts of its states."""
        return {task: counts.tolist() for task, counts in self._counts.items()}

    def restore(self, state: Mapping[int, Any]) -> None:
        """Go on from a `state`; tasks with another number of states begin anew."""
        for task, counts in state.items():
            if task in self._counts and len(counts) == len(self._counts[task]):
                self._counts[task] = np.array(counts, dtype=np.float64)
