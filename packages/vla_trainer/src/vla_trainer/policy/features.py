"""Turn observations into rows of numbers, and track their mean and variance.

Axes: N environments, B batch, F features.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from vla_trainer.errors import PolicyError
from vla_trainer.protocols import Observation

ALLOWED = "allowed: a Box that is not an image, or a Dict with such Boxes"
LARGEST = 10.0
"""A normalized feature lies in [-10, 10], as in Stable-Baselines3's `VecNormalize`."""
EPSILON = 1e-8
"""Added to a feature's variance, as there."""


@dataclass(frozen=True)
class Features:
    """Which parts of an observation are read, and in what order."""

    shapes: tuple[tuple[str | None, tuple[int, ...]], ...]
    """Key and shape of each part; a plain Box has one part, without a key."""

    @classmethod
    def of(cls, space: spaces.Space, keys: Sequence[str] | None = None) -> "Features":
        """Return the features of `space`: a Box, or the Boxes of a Dict, in its order.

        Args:
            space: of one environment.
            keys: the parts of a Dict that are read; None: all but texts and images.

        Raises:
            PolicyError: the space is of another kind, holds nothing that can be read, or lacks one of `keys`.
        """
        if isinstance(space, spaces.Dict):
            absent = set(keys or ()) - set(space.spaces)
            if absent:
                raise PolicyError(f"keys={list(keys or ())}: {sorted(absent)} not observed; allowed: {list(space)}")
            parts: list[tuple[str | None, spaces.Space]] = [
                (key, part)
                for key, part in space.spaces.items()
                if (key in keys if keys is not None else not isinstance(part, spaces.Text) and not _is_image(part))
            ]
        elif keys is not None:
            raise PolicyError(f"keys={list(keys)}: the observation space {space} has none; leave it out")
        else:
            parts = [(None, space)]
        shapes: list[tuple[str | None, tuple[int, ...]]] = []
        for key, part in parts:
            if not isinstance(part, spaces.Box) or _is_image(part):
                where = "" if key is None else f' of "{key}"'
                raise PolicyError(f"observation space {part}{where}; {ALLOWED}")
            shapes.append((key, part.shape))
        if not shapes:
            raise PolicyError(f"observation space {space} holds no numbers; {ALLOWED}")
        return cls(tuple(shapes))

    @property
    def size(self) -> int:
        """F."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def read(self, obs: Observation) -> NDArray[np.float32]:
        """Return the features (N, F) of a batched observation; a new array."""
        parts = [np.asarray(obs if key is None else obs[key]) for key, _ in self.shapes]
        return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return this as plain types."""
        return {"parts": [{"key": key, "shape": list(shape)} for key, shape in self.shapes]}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Features":
        """Return what `to_dict` was called on."""
        return cls(tuple((part["key"], tuple(part["shape"])) for part in plain["parts"]))

    def space(self) -> spaces.Space:
        """Return an observation space with these features."""
        boxes = {key: spaces.Box(-np.inf, np.inf, shape) for key, shape in self.shapes}
        # a list of pairs keeps the order, which a dict would not
        return boxes[None] if None in boxes else spaces.Dict([(str(key), box) for key, box in boxes.items()])


class RunningMoments(nn.Module):
    """Mean and variance of F features over all rows that were added; 0 and 1 before the first."""

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))

    def normalize(self, features: Tensor) -> Tensor:
        """Return features (B, F) with mean 0 and variance 1, as float32."""
        scaled = (features.double() - self.mean) / (self.variance + EPSILON).sqrt()
        return scaled.clamp(-LARGEST, LARGEST).float()

    @torch.no_grad()
    def add(self, features: Tensor) -> None:
        """Add rows (B, F): the parallel form of Chan et al. 1979, so that the order and the cut do not matter."""
        rows = features.to(self.mean)
        count = self.count + len(rows)
        difference = rows.mean(0) - self.mean
        # M2 = n_a var_a + n_b var_b + (mean_b - mean_a)^2 n_a n_b / n
        squares = self.variance * self.count + rows.var(0, correction=0) * len(rows)
        self.variance.copy_((squares + difference**2 * self.count * len(rows) / count) / count)
        self.mean.add_(difference * len(rows) / count)
        self.count.copy_(count)


def _is_image(space: spaces.Space) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3
