"""Memory that the caller and its worker processes see: actions on the way in, images and states on the way out."""

from __future__ import annotations

import ctypes
from typing import Any

import multiprocess
import numpy as np

from libero_gym import spaces
from libero_gym.observation import empty_arrays
from libero_gym.options import EnvOptions
from libero_gym.workers.environments import render_size

#: Where an observation lies: that of the row, or the final one of an episode that ended in the same step.
CURRENT, FINAL = 0, 1
_ALIGNMENT = 64


class SharedArrays:
    """The arrays of N environments, each in one place.

    The memory has no name: `RawArray` unlinks its file as soon as it is open, so it is gone with the last process,
    however that ends. It travels to a process only while that is being started.
    """

    def __init__(self, options: EnvOptions, num_envs: int, *, final: bool) -> None:
        """
        Args:
            options: of each environment.
            num_envs: N.
            final: whether final observations need a place, too.
        """
        places = 2 if final else 1
        arrays: dict[str, tuple[tuple[int, ...], Any]] = {
            key: ((places, num_envs, *array.shape), array.dtype) for key, array in empty_arrays(options).items()
        }
        self._observed = list(arrays)
        arrays["actions"] = ((num_envs, *spaces.action_space(options).shape), np.dtype(np.float64))
        if options.render_mode is not None:
            size = render_size(options)
            arrays["images"] = ((num_envs, size, size, 3), np.dtype(np.uint8))
        self._layout: dict[str, tuple[int, int, tuple[int, ...], Any]] = {}
        end = 0
        for key, (shape, dtype) in arrays.items():
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + int(np.prod(shape)) * dtype.itemsize
            self._layout[key] = (start, end, shape, dtype)
        self._memory = multiprocess.get_context("spawn").RawArray(ctypes.c_uint8, end)
        self._arrays = self._views()

    def __getstate__(self) -> tuple[Any, Any, Any]:
        return self._layout, self._memory, self._observed

    def __setstate__(self, state: tuple[Any, Any, Any]) -> None:
        self._layout, self._memory, self._observed = state
        self._arrays = self._views()

    @property
    def actions(self) -> np.ndarray:
        """(N, 7) or (N, C, 7) float64."""
        return self._arrays["actions"]

    @property
    def images(self) -> np.ndarray:
        """Of `render()`, (N, S, S, 3) uint8; only with a render mode."""
        return self._arrays["images"]

    def arrays_of(self, index: int) -> dict[str, np.ndarray]:
        """Return the arrays that an environment's current observation is written to."""
        return {key: self._arrays[key][CURRENT, index] for key in self._observed}

    def write(self, index: int, place: int, observation: dict[str, Any]) -> dict[str, Any]:
        """Put an environment's arrays in place, and return the observation with None for each of them."""
        rest = dict(observation)
        for key in self._observed:
            if place != CURRENT:  # that one was written here when it was observed
                self._arrays[key][place, index] = observation[key]
            rest[key] = None
        return rest

    def read(
        self, index: int, place: int, rest: dict[str, Any], out: dict[str, np.ndarray] | None = None
    ) -> dict[str, Any]:
        """Return the observation that `write` took apart, with arrays of its own or, where they are given, in `out`."""
        arrays = {key: self._arrays[key][place, index] for key in self._observed}
        if out is None:
            return {**rest, **{key: array.copy() for key, array in arrays.items()}}
        for key, array in arrays.items():
            out[key][...] = array
        return {**rest, **out}

    def _views(self) -> dict[str, np.ndarray]:
        memory = np.frombuffer(self._memory, dtype=np.uint8)
        return {
            key: memory[start:end].view(dtype).reshape(shape)
            for key, (start, end, shape, dtype) in self._layout.items()
        }
