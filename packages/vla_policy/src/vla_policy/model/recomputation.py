"""What of a block's activations is kept for the backward pass."""

from __future__ import annotations

from typing import Any, Literal

import torch

Recompute = bool | Literal["selective"]
"""False: all activations are kept. True: none inside a block, which is computed again whole. "selective": a language
layer keeps the outputs of its matrix products and of its attention, and computes again what lies between them, which is
cheap; trunk blocks, a fourteenth of the arithmetic of the published network, are computed again whole."""

KEPT: list[Any] = [
    torch.ops.aten.mm.default,
    torch.ops.aten.addmm.default,
    torch.ops.aten.bmm.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
]
"""The operators whose outputs "selective" keeps: all that cost time in proportion to the weights or to pairs of
positions."""
