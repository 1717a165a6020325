"""Compute the numbers that are compared between updates in float32, whatever the network computes in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def widen(x: Tensor) -> Tensor:
    """Return x in at least float32: bfloat16 and float16 become float32, float64 (gradient checks) stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Compute in the operands' own dtype: under `torch.autocast`, `F.linear` and matrix products cast float32 operands
    back to bfloat16."""
    # not every device has autocast; "meta" does not. Dynamo of torch 2.7 cannot trace the question, and what is
    # compiled runs on a device that has it
    available = torch.compiler.is_compiling() or torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if available else nullcontext()


class WideLinear(nn.Linear):
    """A linear layer that computes in at least float32, whatever its weights, its input and autocast are."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out) float32."""
        with without_autocast(x.device):
            return F.linear(widen(x), widen(self.weight), None if self.bias is None else widen(self.bias))
