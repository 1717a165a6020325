"""The queue of episodes, in a process of its own: env processes take from it and report to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vla_trainer.algorithms.queues import GroupOrder, GroupQueue, ListOrder, ListQueue
from vla_trainer.types import Episode, EpisodeSpec


@dataclass(frozen=True)
class EndedGroup:
    """A group of which all episodes have ended."""

    returns: Sequence[float]
    rows: Sequence[Any]
    """References to the `EpisodeSteps` of each episode."""


class EpisodeQueueActor:
    """Hands out each episode once, and again if the process that had it is lost.

    What a lost process had finished is gone with it, too: its rows were in its memory. All its episode specs come back,
    and since an episode repeats itself from its episode spec, its second end is not counted.
    """

    def __init__(self) -> None:
        self._queue: GroupQueue | ListQueue | None = None
        self._taken: dict[int, list[EpisodeSpec]] = {}
        self._returned: list[EpisodeSpec] = []
        self._ended: set[int] = set()
        self._rows: dict[int, tuple[int, Any, float | None]] = {}
        self.successes = 0

    def begin(self, order: GroupOrder | ListOrder) -> None:
        """Forget everything and hand out these episodes."""
        self._queue = order.queue()
        self._taken, self._returned, self._ended, self.successes = {}, [], set(), 0
        self._rows = {}

    def take(self, worker: int, env_index: int) -> EpisodeSpec | None:
        """The next episode for env process `worker`."""
        assert self._queue is not None
        spec = self._returned.pop(0) if self._returned else self._queue.take(env_index)
        if spec is not None:
            self._taken.setdefault(worker, []).append(spec)
        return spec

    def keep(self, worker: int, number: int, rows: Sequence[Any]) -> None:
        """Where the policy steps of an episode are that is about to end, in env process `worker`: one reference, in a
        list so that Ray does not send what it refers to."""
        self._rows[number] = (worker, rows[0], None)

    def finished(self, number: int, episode: Episode) -> None:
        """An episode has ended; a second time is not counted."""
        assert self._queue is not None
        if number in self._rows:
            self._rows[number] = (*self._rows[number][:2], episode.episode_return)
        if number not in self._ended:
            self._ended.add(number)
            self.successes += bool(episode.success)
            self._queue.finished(number, episode)

    def lost(self, worker: int) -> int:
        """Env process `worker` is gone: what it had taken is to be run again; returns how many episodes."""
        # what it had kept is gone, too
        self._rows = {number: kept for number, kept in self._rows.items() if kept[0] != worker}
        back = sorted(self._taken.pop(worker, []), key=lambda spec: spec.number)
        self._returned += back
        return len(back)

    def ended_groups(self, first: int, group_size: int) -> list[EndedGroup]:
        """From group `first` on those that have ended and are kept, up to the first that is not."""
        ended: list[EndedGroup] = []
        while True:
            members = range(first * group_size, (first + 1) * group_size)
            kept = [self._rows[number] for number in members if number in self._rows]
            returns = [total for _, _, total in kept if total is not None]
            if len(returns) < group_size:
                return ended
            ended.append(EndedGroup(returns, [reference for _, reference, _ in kept]))
            first += 1

    def progress(self) -> tuple[int, int]:
        """Episodes that have ended, and successes among them."""
        return len(self._ended), self.successes

    def resampled(self) -> int:
        """GRPO: further groups so far."""
        return self._queue.resampled if self._queue is not None else 0
