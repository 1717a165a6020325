"""Threads that a policy's rows are divided among, on the CPU.

    rows of an act, micro-batches of an update --parts--> thread 0: forward (and backward) of part 0, 2, ...
                                                          thread 1:                        part 1, 3, ...
                          results, gradients <--in the parts' order, whichever thread ends first

A small network gains little from torch's own threads, which divide single matrix products and wait for each other at
each: where another program takes one core away, all wait. Parts wait for each other once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Part = TypeVar("Part")
Result = TypeVar("Result")


class RowThreads:
    """Computes parts beside each other; with one thread, one after the other in the caller's."""

    def __init__(self, count: int = 1) -> None:
        """`count`: threads that compute, `policy.threads`."""
        self.count = count
        # a new thread has torch's number of threads only once it has asked for it, and sums differ by it
        self._pool = ThreadPoolExecutor(count, "policy", torch.get_num_threads) if count > 1 else None

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
        """Return the results in the parts' order.

        Raises:
            Exception: of the first part that failed; all others have ended by then.
        """
        if self._pool is None or len(parts) < 2:
            return [function(part) for part in parts]
        futures = [self._pool.submit(function, part) for part in parts]
        errors = [future.exception() for future in futures]
        for error in errors:
            if error is not None:
                raise error
        return [future.result() for future in futures]

    def add_gradients(
        self,
        weights: Sequence[torch.nn.Parameter],
        passes: Sequence[Callable[[], tuple[Tensor, Result]]],
    ) -> Iterator[Result]:
        """Run forward and backward passes, and add their gradients to `weights`; yield what else each pass returns.

        Sums are taken in the order of the passes, so gradients do not depend on the number of threads.

        Args:
            weights: what is trained.
            passes: each returns a loss, and something else.
        """
        if self._pool is None:
            for forward in passes:
                loss, result = forward()
                loss.backward()  # type: ignore[no-untyped-call]
                yield result
            return

        def gradients(forward: Callable[[], tuple[Tensor, Result]]) -> tuple[tuple[Tensor | None, ...], Result]:
            loss, result = forward()
            return torch.autograd.grad(loss, weights, allow_unused=True), result

        # no more gradients are kept than there are threads
        for first in range(0, len(passes), self.count):
            for found, result in self.map(gradients, passes[first : first + self.count]):
                for weight, gradient in zip(weights, found, strict=True):
                    if gradient is not None:
                        weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
                yield result

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
