"""The observations of all environments, each in its row of arrays that are made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from libero_gym import spaces
from libero_gym.observation import empty_arrays
from libero_gym.options import EnvOptions


class ObservationBatch:
    """Batched observations: (N, H, W, 3), (N, 8), and N sentences."""

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
        self._sentences = [""] * num_envs
        self.num_envs = num_envs

    def room(self, number: int) -> dict[str, np.ndarray]:
        """Where the arrays of an environment belong: views, so that whoever fills them fills the batch."""
        return {key: array[number] for key, array in self._arrays.items()}

    def put(self, number: int, observation: Mapping[str, Any]) -> None:
        """Put an environment's observation in its row, as far as it is not there already."""
        self._sentences[number] = observation["instruction"]
        for key, array in self._arrays.items():
            row = array[number]
            given = observation[key]
            if given.__array_interface__["data"] != row.__array_interface__["data"]:
                row[...] = given

    def read(self, *, copy: bool) -> dict[str, Any]:
        """The batch, in the order of the observation space's keys.

        Args:
            copy: whether the arrays are the caller's to keep; else they change with the next step.
        """
        return {
            key: (self._arrays[key].copy() if copy else self._arrays[key])
            if key in self._arrays
            else tuple(self._sentences)
            for key in self._keys
        }
