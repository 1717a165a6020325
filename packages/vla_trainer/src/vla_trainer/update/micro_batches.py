"""Which rows of an optimizer step each rank evaluates, and in which micro-batches.

Axes: B rows of the step.
"""

from collections.abc import Iterator

import torch
from torch import Tensor


def rows_of_ranks(lengths: Tensor, ranks: int) -> list[Tensor]:
    """The rows, in their order, that each of `ranks` processes evaluates.

    A row costs a forward pass whatever its length, so that no two ranks differ by more than one row; the longest rows
    are dealt out to and fro (0, 1, 2, 2, 1, 0, ...), so that what ranks have of valid tokens is nearly the same, too.

    Args:
        lengths: (B,) actions that count.
    """
    longest = torch.argsort(lengths, descending=True, stable=True)
    lap, seat = torch.arange(len(lengths)) // ranks, torch.arange(len(lengths)) % ranks
    rank = torch.empty(len(lengths), dtype=torch.int64)
    rank[longest] = torch.where(lap % 2 == 0, seat, ranks - 1 - seat)
    return [(rank == each).nonzero().squeeze(1) for each in range(ranks)]


def micro_batches(lengths: Tensor, size: int, rank: int = 0, ranks: int = 1) -> Iterator[tuple[Tensor, bool]]:
    """The micro-batches of one rank: places in the step, and whether they count.

    All ranks have equally many, because sharded weights are gathered by all ranks at once. A rank that has run out of
    rows gets a row that does not count, the first of its own or of the step.

    Args:
        lengths: (B,) actions that count, at least one row.
        size: rows of a micro-batch, at most.
    """
    shares = rows_of_ranks(lengths, ranks)
    mine = shares[rank]
    passes = max(-(-len(share) // size) for share in shares)
    parts = torch.split(mine, size) if len(mine) else ()
    yield from ((part, True) for part in parts)
    idle = mine[:1] if len(mine) else torch.zeros(1, dtype=torch.int64)
    yield from ((idle, False) for _ in range(passes - len(parts)))
