"""Which episodes are to be run: a collector takes the next one whenever an environment is free.

    EpisodeQueue.take(env_index) -> EpisodeSpec     an environment begins it
    EpisodeQueue.finished(number, episode)          it has ended; GRPO may add a further group

What an `EpisodeSpec` says does not depend on who takes it, nor on what else runs: a run has the same episodes in one
process and in many. An order is what a queue is made of, in plain data that can be sent to another process.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np

from vla_trainer.advantage.grpo import GroupAdvantage, has_variance
from vla_trainer.initial_states import sample_initial_state
from vla_trainer.types import Episode, EpisodeSpec, InitialState


class EpisodeQueue(Protocol):
    """What the collector asks for episodes."""

    @property
    def resampled(self) -> int:
        """Groups that were added in the place of ones without variance; 0 for a queue without groups."""

    def take(self, env_index: int) -> EpisodeSpec | None:
        """Return the next episode for an environment of the run's grid; None if there is none at present."""

    def finished(self, number: int, episode: Episode) -> None:
        """Record that an episode has ended."""


@dataclass(frozen=True)
class HorizonOrder:
    """T policy steps of each environment; episodes go on from one rollout to the next."""

    policy_steps: int
    """T."""
    initial_states: Sequence[InitialState] = ()
    """Where the episodes begin that begin in it: number N + i of the rollout at the i-th, over again where there are
    more; none: where each environment's own stream says."""


@dataclass(frozen=True)
class GroupOrder:
    """Groups of episodes that begin in the same state."""

    initial_states: Sequence[InitialState]
    """Where groups begin; those beyond `groups` are for further ones."""
    groups: int
    """How many are wanted."""
    group_size: int
    """G."""
    seed: int
    """Of what is sampled."""
    keep_mean_return: tuple[float, float] | None = None
    """See `vla_trainer.advantage.grpo.has_variance`."""
    reward_type: str = "action_level"
    """Which actions of a chunk count, for a batch of the groups that have ended already."""
    group_advantage: GroupAdvantage = "grpo"
    """How an episode is compared with its group, for the same."""

    def queue(self) -> "GroupQueue":
        """Return the queue that hands them out."""
        return GroupQueue(self)


@dataclass(frozen=True)
class ListOrder:
    """One episode from each initial state of a list."""

    initial_states: Sequence[InitialState]
    seed: int = 0
    """Of what is sampled."""
    numbers: Sequence[int] | None = None
    """Of the episodes, where the list is a part of a longer one; None: their index."""

    def queue(self, on_episode: Callable[[Episode], None] | None = None) -> "ListQueue":
        """Return the queue that hands them out."""
        return ListQueue(self.initial_states, on_episode, seed=self.seed, numbers=self.numbers)


class PerEnvQueue:
    """Hand out PPO's episodes: each environment has an endless stream of its own, made of the seed, its index in the
    run's grid and how many it has begun.

    The episode that runs in an environment when a rollout begins has the environment's index as its number; the j-th
    that begins after it has index + j N.
    """

    resampled = 0

    def __init__(self, seed: int, available: Mapping[int, int] | None, num_envs: int) -> None:
        """
        Args:
            seed: of all streams.
            available: see `vla_trainer.initial_states.init_state_counts`.
            num_envs: N, environments of all stages and processes.
        """
        self._seed, self._available, self._num_envs = seed, available, num_envs
        self.begun = [0] * num_envs
        """Episodes that each environment has begun since the run began; what a checkpoint keeps."""
        self._in_rollout = [0] * num_envs
        self._chosen: Sequence[InitialState] = ()

    def begin_rollout(self, initial_states: Sequence[InitialState] = ()) -> None:
        """Number episodes anew; `initial_states`: see `HorizonOrder`."""
        self._in_rollout = [0] * self._num_envs
        self._chosen = initial_states

    def take(self, env_index: int) -> EpisodeSpec:
        rng = np.random.default_rng([self._seed, env_index, self.begun[env_index]])
        self.begun[env_index] += 1
        self._in_rollout[env_index] += 1
        number = env_index + self._in_rollout[env_index] * self._num_envs
        start = sample_initial_state(rng, self._available)
        if self._chosen:
            start = self._chosen[(number - self._num_envs) % len(self._chosen)]
        return EpisodeSpec(number, start, sampling_seed(int(rng.integers(2**31)), 0))

    def finished(self, number: int, episode: Episode) -> None:
        """Do nothing: no episode depends on it."""


class ListQueue:
    """Hand out each initial state of a list once; an episode's number is its index in the list, or is given."""

    resampled = 0

    def __init__(
        self,
        initial_states: Sequence[InitialState],
        on_episode: Callable[[Episode], None] | None = None,
        *,
        seed: int = 0,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """`on_episode` is called with each episode that ends, for progress; `seed` is of what is sampled."""
        numbers = range(len(initial_states)) if numbers is None else numbers
        self._waiting = deque(zip(numbers, initial_states, strict=True))
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
    """Hand out GRPO's episodes group by group.

    A group without variance is replaced by a further one as long as there are initial states for it: DAPO's dynamic
    sampling (arXiv:2503.14476) under a budget. The further group joins the queue at once, so that environments go on.
    """

    def __init__(self, order: GroupOrder) -> None:
        self._order = order
        self._initial_states = deque(order.initial_states)
        self._waiting: deque[EpisodeSpec] = deque()
        self._returns: dict[int, list[float]] = {}
        self._groups, self._numbers = count(), count()
        self.resampled = 0
        for _ in range(order.groups):
            self._add_group()

    def take(self, env_index: int) -> EpisodeSpec | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, number: int, episode: Episode) -> None:
        assert episode.group is not None
        returns = self._returns.setdefault(episode.group, [])
        returns.append(episode.episode_return)
        if len(returns) == self._order.group_size:
            del self._returns[episode.group]
            if self._initial_states and not has_variance(returns, self._order.keep_mean_return):
                self.resampled += 1
                self._add_group()

    def _add_group(self) -> None:
        initial_state, group = self._initial_states.popleft(), next(self._groups)
        for _ in range(self._order.group_size):
            number = next(self._numbers)
            seed = sampling_seed(self._order.seed, number)
            self._waiting.append(EpisodeSpec(number, initial_state, seed, group))


def sampling_seed(seed: int, number: int) -> int:
    """A seed of 62 bits for `EpisodeSpec.seed`, far from those of other numbers."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> 2)
