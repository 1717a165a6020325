"""A value network whose inputs and targets are kept at mean 0 and deviation 1.

Axes: B rows, P numbers of a row.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

#: Deviations from the mean at which an input is cut off: what was constant until now must not drown the others.
LARGEST_INPUT = 5.0


class ValueNetwork(nn.Module):
    """An MLP from (B, P) to (B,), in units of return, with LayerNorm (Ba et al. 2016, arXiv:1607.06450) and SiLU."""

    mean: Tensor
    std: Tensor
    count: Tensor
    input_mean: Tensor
    input_variance: Tensor

    def __init__(self, inputs: int, hidden: Sequence[int], generator: torch.Generator) -> None:
        """
        Args:
            inputs: P.
            hidden: widths of the hidden layers.
            generator: of the first weights.
        """
        super().__init__()
        widths = [inputs, *hidden]
        layers: list[nn.Module] = []
        for below, above in pairwise(widths):
            layers += [_linear(below, above, 2**0.5, generator), nn.LayerNorm(above), nn.SiLU()]
        self.body = nn.Sequential(*layers)
        self.head = _linear(widths[-1], 1, 0.0, generator)
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("input_mean", torch.zeros(inputs, dtype=torch.float64))
        self.register_buffer("input_variance", torch.ones(inputs, dtype=torch.float64))

    def forward(self, rows: Tensor) -> Tensor:
        """Return V, (B,) float32."""
        return self.normalized(rows) * self.std + self.mean

    def normalized(self, rows: Tensor) -> Tensor:
        """Return (V - mean) / std, (B,), what is compared with `targets`."""
        # 1e-8 as in Stable-Baselines3's VecNormalize
        scaled = (rows - self.input_mean.float()) / (self.input_variance + 1e-8).sqrt().float()
        values: Tensor = self.head(self.body(scaled.clamp(-LARGEST_INPUT, LARGEST_INPUT))).squeeze(-1)
        return values

    def targets(self, returns: Tensor) -> Tensor:
        """Return (R - mean) / std, (B,)."""
        return (returns - self.mean) / self.std

    @torch.no_grad()
    def see(self, rows: Tensor) -> None:
        """Add rows (B, P) to the mean and variance by which inputs are scaled; what the network says changes.

        Chan, Golub, LeVeque 1983, "Algorithms for computing the sample variance", equation 1.5b.
        """
        added = rows.double()
        total = self.count + len(added)
        share = len(added) / total
        away = added.mean(0) - self.input_mean
        variance = added.var(0, correction=0)
        # the first rows replace the variance that the buffer begins with: their share is 1
        self.input_variance.lerp_(variance, float(share)).add_(away.square() * share * (1 - share))
        self.input_mean.add_(away * share)
        self.count.copy_(total)

    @torch.no_grad()
    def rescale(self, returns: Tensor) -> None:
        """Take mean and deviation of `returns` (B,); what the network says in units of return stays the same.

        van Hasselt et al. 2016, "Learning values across many orders of magnitude", arXiv:1602.07714:
        w' = w std / std', b' = (b std + mean - mean') / std'.
        """
        mean = returns.mean()
        std = returns.std(correction=0).clamp(min=1e-3)
        self.head.weight.mul_(self.std / std)
        self.head.bias.mul_(self.std).add_(self.mean - mean).div_(std)
        self.mean.copy_(mean)
        self.std.copy_(std)


def _linear(inputs: int, outputs: int, gain: float, generator: torch.Generator) -> nn.Linear:
    """Return a layer with orthogonal weights, as PPO's implementations begin (Huang et al. 2022, detail 2)."""
    layer = nn.Linear(inputs, outputs)
    if gain:
        nn.init.orthogonal_(layer.weight, gain, generator)
    else:
        nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
