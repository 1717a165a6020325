"""Projectors of image features and proprioception to the language model's width.

Axes: B batch, P patches, Dv vision width, D language width.
Source: openvla-oft 213c5ff, `modeling_prismatic.py::PrismaticProjector` and `prismatic/models/projectors.py`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Projector(nn.Module):
    """(B, P, Dv) to (B, P, D): three layers for fused trunks (Dv -> 4 Dv -> D -> D), two for one trunk."""

    def __init__(self, vision_width: int, width: int, *, fused: bool) -> None:
        super().__init__()
        inner = 4 * vision_width if fused else width
        self.fc1 = nn.Linear(vision_width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.fc3 = nn.Linear(width, width) if fused else None

    def forward(self, features: Tensor) -> Tensor:
        x: Tensor = self.fc2(F.gelu(self.fc1(features)))
        return x if self.fc3 is None else self.fc3(F.gelu(x))


class ProprioProjector(nn.Module):
    """(B, P) normalized proprioception to one token (B, D)."""

    def __init__(self, proprio_dim: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(proprio_dim, width)
        self.fc2 = nn.Linear(width, width)

    def forward(self, proprio: Tensor) -> Tensor:
        x: Tensor = self.fc2(F.gelu(self.fc1(proprio)))
        return x
