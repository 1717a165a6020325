"""Which episodes are to be run: a collector takes the next one whenever an environment is free.

StartQueue.take() -> number, start      an environment begins it
StartQueue.finished(number, episode)    it has ended; GRPO may answer with a further group
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Protocol

from vla_trainer.records import Episode, Start


class StartQueue(Protocol):
    """What the collector asks for episodes."""

    def take(self) -> tuple[int, Start] | None:
        """The number of the next episode and where it begins; None if there is none at present."""

    def finished(self, number: int, episode: Episode) -> None:
        """Be told that an episode has ended."""


class Endless:
    """PPO: one start after the other from an iterator."""

    def __init__(self, starts: Iterator[Start], first: int = 0) -> None:
        """`first`: the number of the first episode."""
        self._starts = starts
        self._numbers = count(first)

    def take(self) -> tuple[int, Start] | None:
        start = next(self._starts, None)
        return None if start is None else (next(self._numbers), start)

    def finished(self, number: int, episode: Episode) -> None:
        """Nothing depends on it."""


class Listed:
    """Evaluation: each start of a list once; an episode's number is its index in the list."""

    def __init__(self, starts: Sequence[Start], on_episode: Callable[[Episode], None] | None = None) -> None:
        """`on_episode` is called with each episode that ends, for progress."""
        self._waiting = deque(enumerate(starts))
        self._on_episode = on_episode

    def take(self) -> tuple[int, Start] | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, number: int, episode: Episode) -> None:
        if self._on_episode is not None:
            self._on_episode(episode)


class Groups:
    """GRPO: groups of G episodes that begin in the same state; episode i belongs to group i // G.

    A group that carries no signal is replaced by a further one until `resample` of them were asked for: DAPO's dynamic
    sampling (arXiv:2503.14476) under a budget. The further group joins the queue at once, so that environments go on.
    """

    def __init__(
        self,
        draw: Callable[[], Start],
        *,
        groups: int,
        group_size: int,
        resample: int = 0,
        carries_signal: Callable[[Sequence[float]], bool],
    ) -> None:
        """
        Args:
            draw: gives the start of a further group.
            groups: how many are wanted.
            group_size: G.
            resample: at most so many further ones.
            carries_signal: whether returns (G,) of a group can be learned from.
        """
        self._draw = draw
        self._group_size = group_size
        self._carries_signal = carries_signal
        self._waiting: deque[tuple[int, Start]] = deque()
        self._returns: dict[int, list[float]] = {}
        self._numbers = count()
        self._budget = resample
        self.resampled = 0
        """Further groups so far."""
        for _ in range(groups):
            self._add_group()

    def take(self) -> tuple[int, Start] | None:
        return self._waiting.popleft() if self._waiting else None

    def finished(self, number: int, episode: Episode) -> None:
        group = number // self._group_size
        returns = self._returns.setdefault(group, [])
        returns.append(episode.episode_return)
        if len(returns) == self._group_size:
            del self._returns[group]
            if self.resampled < self._budget and not self._carries_signal(returns):
                self.resampled += 1
                self._add_group()

    def _add_group(self) -> None:
        start = self._draw()
        self._waiting.extend((next(self._numbers), start) for _ in range(self._group_size))
