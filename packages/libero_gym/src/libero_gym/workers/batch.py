"""The observations of all environments in arrays that are made once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from libero_gym import spaces
from libero_gym.observation import empty_arrays
from libero_gym.options import EnvOptions


class ObservationBatch:
    """Batched observations: images (N, H, W, 3), states (N, 8), and N sentences.

    Whoever observes an environment writes its arrays into `arrays_of` it, which are views of the batch.
    """

    def __init__(self, options: EnvOptions, num_envs: int) -> None:
        """
        Args:
            options: of each environment.
            num_envs: N.
        """
        self._keys = list(spaces.observation_space(options).spaces)
        self._arrays = {
            key: np.zeros((num_envs, *array.shape), array.dtype) for key, array in empty_arrays(options).items()
        }
        #: The sentence of each environment.
        self.instructions = [""] * num_envs
        self.num_envs = num_envs

    def arrays_of(self, index: int) -> dict[str, np.ndarray]:
        """Return the arrays of an environment as writable views of the batch."""
        return {key: array[index] for key, array in self._arrays.items()}

    def copy_rows(self, source: int, targets: Iterable[int]) -> None:
        """Make the observations of some environments equal to that of another one."""
        for array in self._arrays.values():
            for target in targets:
                array[target] = array[source]

    def read(self, *, copy: bool) -> dict[str, Any]:
        """Return the batch, in the order of the observation space's keys.

        Args:
            copy: whether the arrays are the caller's to keep; else they change with the next step.
        """
        arrays = {key: array.copy() for key, array in self._arrays.items()} if copy else self._arrays
        return {key: arrays[key] if key in arrays else tuple(self.instructions) for key in self._keys}
