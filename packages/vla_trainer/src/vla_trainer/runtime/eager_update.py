"""Groups go to the actor processes as they end, while other groups are still running.

    env process: an episode ends --> its policy steps into the object store, where they are to the queue
    driver:      the next groups have ended --> advantages --> a step's policy steps --> actor processes
    afterwards:  the rest of the batch, and further epochs, as without it

Images stay with the processes that acted: what is sent is tokens, probabilities and row numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import torch
from ray.exceptions import ObjectLostError

from vla_trainer.advantage.grpo import GROUP_ADVANTAGES, has_variance
from vla_trainer.algorithms.queues import GroupOrder
from vla_trainer.runtime.object_store import ObservationRefs, PackedBatch
from vla_trainer.types import Batch, EpisodeSteps

if TYPE_CHECKING:
    from vla_trainer.runtime.episode_queue import EndedGroup

POLL_SECONDS = 0.2


class EagerUpdate:
    """The first optimizer steps of one iteration."""

    def __init__(
        self,
        queue: Any,
        acting: Sequence[Any],
        learning: Sequence[Any],
        order: GroupOrder,
        *,
        batch_size: int,
        iteration: int,
    ) -> None:
        """
        Args:
            queue: handle of the `EpisodeQueueActor`, whose order has begun.
            acting: handles of the policy processes that act, by rollout rank.
            learning: handles of those that learn, by actor rank; none of them acts.
            order: what the queue hands out.
            batch_size: policy steps that complete a step, see `vla_trainer.update.batches.whole_groups`.
            iteration: of the run.
        """
        self._queue, self._acting, self._learning = queue, acting, learning
        self._order = order
        self._batch_size, self._iteration = batch_size, iteration
        self._next = 0
        self._waiting: list[tuple[int, float, EpisodeSteps]] = []
        self.under_way: list[Any] = []
        """References to what the actor processes were asked for."""

    def look(self) -> None:
        """Hand over what has ended since the last call. Groups are taken in their order, whichever ends first."""
        ended: list[EndedGroup] = ray.get(self._queue.ended_groups.remote(self._next, self._order.group_size))
        for group in ended:
            try:
                rows: list[EpisodeSteps] = ray.get(list(group.rows))
            except ObjectLostError:
                return  # with the env process that had collected it; its successor collects it again
            self._add(group.returns, rows)
            self._next += 1

    def _add(self, returns: Sequence[float], episodes: Sequence[EpisodeSteps]) -> None:
        totals = np.array(returns)
        if not has_variance(totals, self._order.keep_mean_return):
            return
        advantages, _ = GROUP_ADVANTAGES[self._order.group_advantage](totals, np.zeros(len(totals), dtype=np.int64))
        first = self._next * self._order.group_size
        self._waiting += [
            (first + member, float(advantage), rows)
            for member, (advantage, rows) in enumerate(zip(advantages, episodes, strict=True))
        ]
        if sum(len(rows.tokens) for _, _, rows in self._waiting) >= self._batch_size:
            self._hand_over()

    def _hand_over(self) -> None:
        stores = dict(enumerate(ray.get([policy.peek.remote() for policy in self._acting])))
        keys = sorted({key for chunks in stores.values() for chunk in chunks for key in chunk.arrays})
        numbers, advantages, episodes = zip(*self._waiting, strict=True)
        self._waiting = []
        taken = torch.tensor([len(rows.tokens) for rows in episodes])
        store, row = (torch.cat([rows.inputs[key] for rows in episodes]) for key in ("store", "row"))
        lengths = torch.cat([rows.lengths for rows in episodes])
        if self._order.reward_type == "chunk_level":
            lengths = torch.full_like(lengths, episodes[0].chunk)
        batch = Batch(
            inputs={key: ObservationRefs(key, stores, store, row) for key in keys},  # type: ignore[misc]
            tokens=torch.cat([rows.tokens for rows in episodes]),
            log_probs=torch.cat([rows.log_probs for rows in episodes]),
            advantages=torch.tensor(advantages, dtype=torch.float32).repeat_interleave(taken),
            episode=torch.tensor(numbers).repeat_interleave(taken),
            lengths=lengths,
        )
        shared = ray.put(PackedBatch.of(batch))
        self.under_way += [policy.begin.remote(shared, self._iteration) for policy in self._learning]
