"""How a batch is cut, into optimizer steps, ranks and micro-batches, and which entries of a policy step count.

    batch --shuffled or whole_groups--> rows of a step --rows_of_ranks--> rows of a rank --micro_batches--> passes

Axes: B policy steps, C actions a chunk, A action dimensions, K = C A tokens.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from vla_trainer.algorithms import Level


def shuffled(size: int, global_batch_size: int | None, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the rows of each step of one epoch: a new order, cut into equal parts of at most `global_batch_size`."""
    parts = 1 if global_batch_size is None else -(-size // global_batch_size)
    yield from torch.randperm(size, generator=generator).tensor_split(parts)


def whole_groups(group: Tensor, min_size: int) -> Iterator[Tensor]:
    """Yield the rows of each step of one epoch: whole groups in their order, until they have `min_size` policy steps.

    Where a step ends depends on no later group, so that it can be taken before those have ended. The last step has what
    is left.

    Args:
        group: (B,) of each policy step, in ascending order.
        min_size: policy steps that complete a step.
    """
    first, ends = 0, (group.diff() != 0).nonzero().squeeze(1) + 1
    for end in ends.tolist():
        if end - first >= min_size:
            yield torch.arange(first, end)
            first = end
    if first < len(group):
        yield torch.arange(first, len(group))


def rows_of_ranks(lengths: Tensor, ranks: int) -> list[Tensor]:
    """Return the rows of a step, in their order, that each of `ranks` processes evaluates.

    A row costs a forward pass whatever its length, so no two ranks differ by more than one row. The longest rows are
    dealt to and fro (0, 1, 2, 2, 1, 0, ...), so ranks have nearly the same number of valid tokens, too.

    Args:
        lengths: (B,) actions that count.
    """
    longest = torch.argsort(lengths, descending=True, stable=True)
    lap, seat = torch.arange(len(lengths)) // ranks, torch.arange(len(lengths)) % ranks
    rank_of_row = torch.empty(len(lengths), dtype=torch.int64)
    rank_of_row[longest] = torch.where(lap % 2 == 0, seat, ranks - 1 - seat)
    return [(rank_of_row == rank).nonzero().squeeze(1) for rank in range(ranks)]


def micro_batches(lengths: Tensor, size: int, rank: int = 0, ranks: int = 1) -> Iterator[tuple[Tensor, bool]]:
    """Yield the micro-batches of one rank: indices into the step's rows, and whether they count.

    All ranks have equally many, because sharded weights are gathered by all ranks at once. A rank that has run out of
    rows gets a row that does not count, the first of its own or of the step.

    Args:
        lengths: (B,) actions that count, at least one row.
        size: rows of a micro-batch, at most.
    """
    shares = rows_of_ranks(lengths, ranks)
    own = shares[rank]
    passes = max(-(-len(share) // size) for share in shares)
    parts = torch.split(own, size) if len(own) else ()
    yield from ((part, True) for part in parts)
    idle = own[:1] if len(own) else torch.zeros(1, dtype=torch.int64)
    yield from ((idle, False) for _ in range(passes - len(parts)))


def token_mask(lengths: Tensor, tokens: int, action_dim: int) -> Tensor:
    """Return (B, K) bool: the tokens of the first `lengths` (B,) actions of each chunk."""
    return torch.arange(tokens, device=lengths.device) < (lengths * action_dim)[:, None]


def at_level(
    per_token: Tensor, mask: Tensor, level: Level, action_dim: int, *, average: bool = False
) -> tuple[Tensor, Tensor]:
    """Sum over what `level` spans, a token, an action or a whole chunk; and say which sums count.

    Args:
        per_token: (B, K) log-probabilities or entropies.
        mask: (B, K) of `token_mask`; what is under False is not summed.
        level: what a sum spans.
        action_dim: A.
        average: divide a sum by the number of its tokens that count: of log-ratios, the logarithm of GSPO's ratio
            (Zheng et al. 2025, arXiv:2507.18071, eq. 7).

    Returns:
        Two tensors (B, K), (B, C) or (B, 1): the sums, and bool.
    """
    if level == "token_level":
        return per_token, mask
    spans = action_dim if level == "action_level" else per_token.shape[-1]
    shape = (len(per_token), -1, spans)
    sums, counted = torch.where(mask, per_token, 0.0).reshape(shape).sum(-1), mask.reshape(shape)
    return sums / counted.sum(-1).clamp(min=1) if average else sums, counted.any(-1)


def entries(lengths: Tensor, level: Level, action_dim: int) -> Tensor:
    """Return (B,): how many entries of each policy step count at `level`."""
    if level == "token_level":
        return lengths * action_dim
    return lengths if level == "action_level" else torch.ones_like(lengths)
