"""Attention in both directions over sequences of different lengths in one batch.

Axes: B batch, h heads, g key and value heads (h is a multiple), Q queries a row, S sequence, d head width.

torch's own attention is used everywhere: on a GPU it runs FlashAttention's kernels unless a row is padded. For padded
batches, and where the package `flash_attn` is installed, its variable-length kernel skips the padding.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


def attend(q: Tensor, k: Tensor, v: Tensor, valid: Tensor | None) -> Tensor:
    """Return softmax(q k^T / sqrt(d)) v over the real positions.

    Args:
        q: (B, h, Q, d).
        k, v: (B, g, S, d).
        valid: (B, S) bool, False at padding; None where there is none.

    Returns:
        (B, h, Q, d); rows at padding have no meaning.
    """
    if valid is None:
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=q.shape[1] != k.shape[1])
    if q.is_cuda and q.dtype in _HALF and q.shape[2] == k.shape[2] and not torch.compiler.is_compiling():
        kernel = flash_kernel()
        if kernel is not None:
            return attend_packed(q, k, v, valid, kernel)
    mask = valid[:, None, None, :]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=q.shape[1] != k.shape[1])


def attend_packed(q: Tensor, k: Tensor, v: Tensor, valid: Tensor, kernel: Callable[..., Any]) -> Tensor:
    """Compute `attend` without the padding: all rows' real positions in a line, as variable-length kernels take them.

    Args:
        q: (B, h, S, d), as many positions as `k` and `v` have.
        k, v: (B, g, S, d).
        valid: (B, S) bool.
        kernel: called as `flash_attn.flash_attn_varlen_func`: packed (total, heads, d) queries, keys and values, the
            two cumulative lengths (B + 1,) int32, the two longest lengths; returns (total, h, d).

    Returns:
        (B, h, S, d), zero at padding.
    """
    batch, heads, length, width = q.shape
    places = valid.flatten().nonzero().squeeze(1)
    packed = [x.transpose(1, 2).reshape(batch * length, -1, width)[places] for x in (q, k, v)]
    ends = F.pad(valid.sum(1).cumsum(0), (1, 0)).to(torch.int32)
    out = kernel(*packed, ends, ends, length, length)
    full = q.new_zeros(batch * length, heads, width).index_copy(0, places, out)
    return full.view(batch, length, heads, width).transpose(1, 2)


@functools.cache
def flash_kernel() -> Callable[..., Any] | None:
    """Return `flash_attn`'s variable-length kernel; None where that package is not installed."""
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        return None
    kernel: Callable[..., Any] = flash_attn_varlen_func
    return kernel
