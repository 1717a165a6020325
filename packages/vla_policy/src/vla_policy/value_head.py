"""The critic: a small MLP on the hidden states of the action tokens.

Axes: B batch, K action tokens, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from vla_policy.errors import ConfigError, clip
from vla_policy.precision import WideLinear, widen
from vla_policy.validation import MAX_SIZE, check_fields


@dataclass(frozen=True)
class ValueHeadConfig:
    """Sizes of the value head and the hidden states that it reads."""

    hidden: tuple[int, ...] = (512, 128)
    """Widths of the MLP's layers; RLinf's value head for OpenVLA-OFT (a3816b5) has these."""
    pool: Literal["mean", "first"] = "mean"
    """The input: the mean hidden state over the K action tokens, or that of the first one (the position of the
    prompt's last token, which yields the first action token)."""
    detach: bool = False
    """Stop the value loss's gradient at the hidden state, so that it trains the head alone."""

    def __post_init__(self) -> None:
        check_fields(self, "value head: ")
        if not all(1 <= width <= MAX_SIZE for width in self.hidden):
            raise ConfigError(f"value head: hidden is {clip(self.hidden)}; widths must be positive")


class ValueHead(nn.Module):
    """Hidden states (B, K, D) to values (B,), in float32 also where the network is bfloat16 and under autocast.

    The last layer is initialized to zero, so that the first values are exactly 0: advantages of the first update are
    then plain returns, not the noise of a random critic.
    """

    def __init__(self, width: int, config: ValueHeadConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        for inputs, outputs in zip((width, *config.hidden), config.hidden, strict=False):
            layers += [WideLinear(inputs, outputs), nn.GELU()]
        self.mlp = nn.Sequential(*layers, WideLinear((width, *config.hidden)[-1], 1, bias=False))

    def reset_parameters(self, generator: torch.Generator | None = None) -> None:
        """Sample fan-in scaled normal weights; set biases and the last layer to zero."""
        linears = [m for m in self.mlp if isinstance(m, nn.Linear)]
        with torch.no_grad():
            for layer in linears[:-1]:
                layer.weight.normal_(0.0, layer.in_features**-0.5, generator=generator)
                layer.bias.zero_()
            linears[-1].weight.zero_()

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the values (B,) float32 of hidden states (B, K, D)."""
        hidden = widen(hidden)
        pooled = hidden.mean(1) if self.config.pool == "mean" else hidden[:, 0]
        value: Tensor = self.mlp(pooled.detach() if self.config.detach else pooled)
        return value.squeeze(-1)
