"""Batches of demonstrated policy steps, prepared by threads ahead of the trainer.

Which policy steps a batch has and how its images and actions are changed follow from the seed and the batch's number
alone, whatever the number of threads and wherever a run goes on.

Axes: F policy steps, B of a batch, K tokens of a policy step.
"""

from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from threading import Barrier
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.algorithms import Augmentation
from vla_trainer.protocols import Demonstrable
from vla_trainer.sft.augment import augment
from vla_trainer.sft.policy_steps import PolicySteps
from vla_trainer.sft.targets import Targets

AHEAD = 2
"""Batches that each thread has ready or under way."""


@dataclass(frozen=True)
class DemoBatch:
    """B policy steps."""

    inputs: Mapping[str, Tensor]
    """What the policy reads: CPU tensors (B, ...)."""
    targets: Tensor
    """(B, K) tokens, or (B, C, A) normalized actions for an L1 head."""
    learned: Tensor
    """(B, C) bool: which actions of a policy step are learned from."""
    epochs: float
    """Passes over all policy steps, this batch included."""


class Loader:
    """Batches without end; `close` ends the threads."""

    def __init__(
        self,
        policy_steps: PolicySteps,
        policy: Demonstrable,
        targets: Targets,
        *,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        threads: int = 2,
    ) -> None:
        """
        Args:
            policy steps: what was demonstrated.
            policy: makes its inputs of observations.
            targets: what the policy is to give for each policy step.
            batch_size: B.
            seed: of order, augmentation and noise.
            augmentation: None: images are shown as they are.
            threads: that prepare batches.
        """
        self._policy_steps, self._policy, self._targets = policy_steps, policy, targets
        self._size, self._seed, self._augmentation = batch_size, seed, augmentation
        self._pool = ThreadPoolExecutor(threads, "demonstrations")
        _use_one_processor_each(self._pool, threads)
        self._ahead = threads * AHEAD
        self._order = lru_cache(maxsize=4)(self._shuffled)

    def batches(self, first: int) -> Generator[DemoBatch]:
        """Batches number `first` (from 0) and after it, in order."""
        pending: deque[Future[DemoBatch]] = deque()
        number = first
        try:
            while True:
                while len(pending) < self._ahead:
                    pending.append(self._pool.submit(self.batch, number))
                    number += 1
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def batch(self, number: int) -> DemoBatch:
        """Batch `number`, from 0."""
        rows = self.rows(number)
        observations = self._policy_steps.observations(rows)
        if self._augmentation is not None:
            seed = np.random.SeedSequence((self._seed, 1, number)).generate_state(1, np.uint64)[0]
            observations = _augmented(observations, self._augmentation, torch.Generator().manual_seed(int(seed >> 1)))
        inputs = self._policy.observe(observations)
        epochs = (number + 1) * self._size / len(self._policy_steps)
        targets = self._targets.of(rows, np.random.default_rng((self._seed, 2, number)))
        return DemoBatch(inputs, targets, torch.from_numpy(self._policy_steps.learned[rows]), epochs)

    def rows(self, number: int) -> NDArray[np.intp]:
        """(B,) the policy steps of batch `number`: one random order of all after the other, cut into batches."""
        at = np.arange(number * self._size, (number + 1) * self._size)
        epochs, places = np.divmod(at, len(self._policy_steps))
        return np.concatenate([self._order(int(epoch))[places[epochs == epoch]] for epoch in np.unique(epochs)])

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _shuffled(self, epoch: int) -> NDArray[np.intp]:
        return np.random.default_rng((self._seed, 0, epoch)).permutation(len(self._policy_steps))


def _use_one_processor_each(pool: ThreadPoolExecutor, threads: int) -> None:
    """Start the threads, and let torch's operations in them not have teams of their own, which would spin beside the
    trainer's."""
    others, together = torch.get_num_threads(), Barrier(threads)

    def begin(_: int) -> None:
        torch.get_num_threads()  # a thread's first call takes over the common number, also after it has set its own
        torch.set_num_threads(1)
        together.wait()

    list(pool.map(begin, range(threads)))
    # torch keeps the number for each thread, and the last one set for threads that are yet to come
    torch.set_num_threads(others)


def _augmented(observations: Any, settings: Augmentation, generator: torch.Generator) -> Any:
    """With each array of images (B, H, W, 3) uint8 changed."""
    if isinstance(observations, Mapping):
        return {key: _augmented(observations[key], settings, generator) for key in observations}
    if isinstance(observations, np.ndarray) and observations.dtype == np.uint8 and observations.ndim == 4:
        return augment(torch.from_numpy(np.ascontiguousarray(observations)), settings, generator).numpy()
    return observations
