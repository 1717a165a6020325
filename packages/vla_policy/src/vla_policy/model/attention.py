"""Attention in both directions over sequences of different lengths in one batch.

Axes: B batch, h heads, g key and value heads (h is a multiple), Q queries a row, S sequence, d head width.

It is torch's own. On a GPU that runs FlashAttention's kernels where no row is padded, and memory-efficient ones where
some are: attention is 1.4% of the 7B network's arithmetic, so that kernels that skip the padding would save little.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None) -> Tensor:
    """Return softmax(q k^T / sqrt(d)) v over the real positions.

    Args:
        q: (B, h, Q, d).
        k, v: (B, g, S, d).
        valid: (B, S) bool, False at padding; None where there is none.

    Returns:
        (B, h, Q, d); rows at padding have no meaning.
    """
    mask = None if valid is None else valid[:, None, None, :]
    grouped = False
    if q.shape[1] != k.shape[1]:  # a branch: to torch.compile the comparison itself is no bool
        grouped = True
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=grouped)
