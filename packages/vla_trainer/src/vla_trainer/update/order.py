"""Which policy steps each optimizer step takes, and in which order.

Axes: B policy steps of a batch.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def shuffled(size: int, global_batch_size: int | None, generator: torch.Generator) -> Iterator[Tensor]:
    """The rows of each step of one epoch: a new order, cut into equal parts of at most `global_batch_size`."""
    parts = 1 if global_batch_size is None else -(-size // global_batch_size)
    yield from torch.randperm(size, generator=generator).tensor_split(parts)


def whole_groups(group: Tensor, enough: int) -> Iterator[Tensor]:
    """The rows of each step of one epoch: one group after the other, until they have `enough` policy steps together.

    Where a step ends depends on no group after it, so that it can be taken before those are there. The last step has
    what is left.

    Args:
        group: (B,) of each policy step, in ascending order.
        enough: policy steps that complete a step.
    """
    first, ends = 0, (group.diff() != 0).nonzero().squeeze(1) + 1
    for end in ends.tolist():
        if end - first >= enough:
            yield torch.arange(first, end)
            first = end
    if first < len(group):
        yield torch.arange(first, len(group))
