"""Which episodes are to be run: a collector takes the next one whenever an environment is free.

EpisodeQueue.take(column) -> episode spec       an environment begins it
EpisodeQueue.finished(number, episode)    it has ended; GRPO may answer with a further group

What a episode spec says does not depend on who takes it, nor on what else runs: a run has the same episodes on one
process and on many.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Protocol

import numpy as np

from vla_trainer.rollout.initial_states import sample_initial_state
from vla_trainer.types import Episode, EpisodeSpec, InitialState


class EpisodeQueue(Protocol):
    """What the collector asks for episodes."""

    def take(self, env_index: int) -> EpisodeSpec | None:
        """The next episode for the environment in a column of the rollout's grid; None if there is none at present."""

    def finished(self, number: int, episode: Episode) -> None:
        """Be told that an episode has ended."""


class PerEnvQueue:
    """PPO: each environment has a stream of starts of its own, without end, made of the seed, the environment's column
    and how many it has begun.

    The episode that runs in a column when a rollout begins has the column as its number; the j-th that begins after it
    has column + j N.
    """

    def __init__(self, seed: int, available: Mapping[int, int] | None, env_indices: int) -> None:
        """
        Args:
            seed: of all streams.
            available: see `starts.init_states`.
            columns: N, environments of all stages and processes.
        """
        self._seed, self._available, self._env_indices = seed, available, env_indices
        self.begun = [0] * env_indices
        """Episodes that each column has taken since the run began; what a checkpoint keeps."""
        self._in_rollout = [0] * env_indices

    def begin_rollout(self) -> None:
        """Number episodes anew."""
        self._in_rollout = [0] * self._env_indices

    def take(self, env_index: int) -> EpisodeSpec:
        rng = np.random.default_rng([self._seed, env_index, self.begun[env_index]])
        self.begun[env_index] += 1
        self._in_rollout[env_index] += 1
        number = env_index + self._in_rollout[env_index] * self._env_indices
        return EpisodeSpec(
            number, sample_initial_state(rng, self._available), sampling_seed(int(rng.integers(2**31)), 0)
        )

    def finished(self, number: int, episode: Episode) -> None:
        """Nothing depends on it."""


class ListQueue:
    """Evaluation: each start of a list once; an episode's number is its index in the list."""

    def __init__(
        self,
        initial_states: Sequence[InitialState],
        on_episode: Callable[[Episode], None] | None = None,
        *,
        seed: int = 0,
    ) -> None:
        """`on_episode` is called with each episode that ends, for progress; `seed` is of what is sampled."""
        self._waiting = deque(enumerate(initial_states))
        self._on_episode = on_episode
        self._seed = seed

    def take(self, env_index: int) -> EpisodeSpec | None:
        if not self._waiting:
            return None
        number, initial_state = self._waiting.popleft()
        return EpisodeSpec(number, initial_state, sampling_seed(self._seed, number))

    def finished(self, number: int, episode: Episode) -> None:
        if self._on_episode is not None:
            self._on_episode(episode)


class GroupQueue:
    """GRPO: groups of G episodes that begin in the same state; episode i belongs to group i // G.

    A group that carries no signal is replaced by a further one as long as there are starts for it: DAPO's dynamic
    sampling (arXiv:2503.14476) under a budget. The further group joins the queue at once, so that environments go on.
    """

    def __init__(
        self,
        group_starts: Sequence[InitialState],
        *,
        groups: int,
        group_size: int,
        seed: int,
        has_variance: Callable[[Sequence[float]], bool],
    ) -> None:
        """
        Args:
            group_starts: where groups begin; those beyond `groups` are for further ones.
            groups: how many are wanted.
            group_size: G.
            seed: of what is sampled.
            has_variance: whether returns (G,) of a group can be learned from.
        """
        self._starts = deque(group_starts)
        self._group_size = group_size
        self._seed = seed
        self._has_variance = has_variance
        self._waiting: deque[EpisodeSpec] = deque()
        self._returns: dict[int, list[float]] = {}
        self._numbers = count()
        self.resampled = 0
        """Further groups so far."""
        for _ in range(groups):
            self._add_group()

    def take(self, env_index: int) -> EpisodeSpec | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, number: int, episode: Episode) -> None:
        group = number // self._group_size
        returns = self._returns.setdefault(group, [])
        returns.append(episode.episode_return)
        if len(returns) == self._group_size:
            del self._returns[group]
            if self._starts and not self._has_variance(returns):
                self.resampled += 1
                self._add_group()

    def _add_group(self) -> None:
        initial_state = self._starts.popleft()
        for _ in range(self._group_size):
            number = next(self._numbers)
            self._waiting.append(EpisodeSpec(number, initial_state, sampling_seed(self._seed, number)))


def sampling_seed(seed: int, number: int) -> int:
    """A seed of 62 bits for `EpisodeSpec.seed`, far from those of other numbers."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 2)
