"""What a quantity is about: a token, an action or a whole chunk.

Axes: B policy steps, C actions a chunk, A action dimensions, K = C A tokens.
"""

import torch
from torch import Tensor

from vla_trainer.algorithms import Level


def token_mask(lengths: Tensor, tokens: int, action_dim: int) -> Tensor:
    """(B, K) bool: the tokens of the first `lengths` (B,) actions of each chunk."""
    return torch.arange(tokens, device=lengths.device) < (lengths * action_dim)[:, None]


def at_level(per_token: Tensor, mask: Tensor, level: Level, action_dim: int) -> tuple[Tensor, Tensor]:
    """Sums over what `level` spans, and which of them count.

    Args:
        per_token: (B, K) log-probabilities or entropies.
        mask: (B, K) of `token_mask`; what is under False is not summed.

    Returns:
        Two tensors (B, K), (B, C) or (B, 1): the sums, and bool.
    """
    if level == "token_level":
        return per_token, mask
    spans = action_dim if level == "action_level" else per_token.shape[-1]
    shape = (len(per_token), -1, spans)
    return torch.where(mask, per_token, 0.0).reshape(shape).sum(-1), mask.reshape(shape).any(-1)


def entries(lengths: Tensor, level: Level, action_dim: int) -> Tensor:
    """(B,): how many entries of each policy step count at `level`."""
    if level == "token_level":
        return lengths * action_dim
    return lengths if level == "action_level" else torch.ones_like(lengths)
