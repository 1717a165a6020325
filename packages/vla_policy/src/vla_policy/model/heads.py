"""The L1 regression head of OpenVLA-OFT's continuous checkpoints.

Axes: B batch, C actions a chunk, A action dims, D width.
Source: openvla-oft 213c5ff, `prismatic/models/action_heads.py::L1RegressionActionHead`, whose key names these are.
"""

from __future__ import annotations

from torch import Tensor, nn

NUM_BLOCKS = 2
"""Residual blocks of the published head."""


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ffn = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.ffn(x)


class _ResNet(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(inputs)
        self.fc1 = nn.Linear(inputs, width)
        self.relu = nn.ReLU()
        self.mlp_resnet_blocks = nn.ModuleList(_ResidualBlock(width) for _ in range(NUM_BLOCKS))
        self.layer_norm2 = nn.LayerNorm(width)
        self.fc2 = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.fc1(self.layer_norm1(x)))
        for block in self.mlp_resnet_blocks:
            x = block(x)
        out: Tensor = self.fc2(self.layer_norm2(x))
        return out


class L1ActionHead(nn.Module):
    """Hidden states (B, C A, D) to normalized actions (B, C, A): each step's A states, joined, give its A values."""

    def __init__(self, width: int, action_dim: int) -> None:
        super().__init__()
        self.action_dim = action_dim
        self.model = _ResNet(width * action_dim, width, action_dim)

    def forward(self, hidden: Tensor) -> Tensor:
        batch, tokens, width = hidden.shape
        steps = hidden.reshape(batch, tokens // self.action_dim, self.action_dim * width)
        actions: Tensor = self.model(steps)
        return actions
