"""The environments of one worker: reset, stepped with autoreset, and rendered, whatever kind the worker is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.env import LiberoEnv
from libero_gym.episode import Episode
from libero_gym.errors import EnvAttributeError, ResetNeededError, unknown
from libero_gym.observation import RENDER_SIZE, observe, render_view, with_instruction
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import Renderer
from libero_gym.reset_request import ResetRequest
from libero_gym.shared_models import SharedModels
from libero_gym.workers.protocol import Arguments
from libero_gym.workers.rows import Row, followed_by


class Environments:
    """Some of a `LiberoVectorEnv`'s environments, worked on in one thread.

    Each request is an iterator, one item an environment, so that what was finished before an error is not lost.
    """

    def __init__(
        self,
        options: EnvOptions,
        mode: AutoresetMode,
        arrays: Mapping[int, Mapping[str, np.ndarray]],
        generators: Mapping[int, np.random.Generator] | None = None,
    ) -> None:
        """
        Args:
            options: of each environment.
            mode: what happens after an episode's end.
            arrays: env index -> the arrays that receive its observations.
            generators: environments' generators, where they go on with those of another worker.
        """
        self._options = options
        self._mode = mode
        self._models = SharedModels(options)
        self._episodes = {index: Episode(options, self._models) for index in arrays}
        self._arrays = arrays
        self._single: dict[int, LiberoEnv] = {}
        for index, generator in (generators or {}).items():
            self._episodes[index].rng = generator

    @property
    def indices(self) -> list[int]:
        """The indices of these environments among all of the `LiberoVectorEnv`."""
        return list(self._arrays)

    def generators(self, indices: Iterable[int]) -> dict[int, np.random.Generator]:
        """Return what the next episodes of some environments will be sampled from."""
        return {index: self._episodes[index].rng for index in indices}

    def reset(self, requests: Mapping[int, ResetRequest]) -> Iterator[tuple[int, Row]]:
        """Start episodes."""
        for index, request in requests.items():
            self._episodes[index].start_from(request)
            yield index, self._first_row(index, seen=request.forked)

    def step(self, actions: np.ndarray, indices: Iterable[int]) -> Iterator[tuple[int, Row]]:
        """Execute an action or a chunk in some environments; an episode that is over begins anew as the mode says.

        Args:
            actions: (N, 7) or (N, C, 7) float64, of all environments.
            indices: the environments that take part.
        """
        for index in indices:
            yield index, self._step_env(index, actions[index])

    def render(self, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Render the agentview for people, upright, (S, S, 3) uint8 with S = `render_size`."""
        size = render_size(self._options)
        for index in indices:
            image = np.empty((size, size, 3), dtype=np.uint8)
            render_view(self._episodes[index].world, "agentview", self._options, "upright", image)
            yield index, image

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> Iterator[tuple[int, Any]]:
        """Call a method of `LiberoEnv` in some of the environments, or read an attribute.

        Raises:
            EnvAttributeError: there is no such attribute, or it cannot be set.
        """
        for index, (args, kwargs) in arguments.items():
            if index not in self._single:
                self._single[index] = LiberoEnv.around(self._options, self._models, self._episodes[index])
            env = self._single[index]
            try:
                found = getattr(env, name)
            except AttributeError:
                raise unknown(EnvAttributeError, "attribute", name, _public(env)) from None
            try:
                value = found(*args, **kwargs) if callable(found) else found
            except AttributeError as error:
                if name != "__setattr__":
                    raise
                raise EnvAttributeError(f"attribute {args[0]!r} of an environment cannot be set: {error}") from None
            yield index, value

    @staticmethod
    def close() -> None:
        """Free the calling thread's OpenGL contexts."""
        for renderer in list(Renderer.made_in_thread().values()):
            renderer.close()

    def _first_row(self, index: int, *, seen: bool = False) -> Row:
        """Return the row of a reset; where the caller has `seen` the state, the arrays are left to it."""
        episode, arrays = self._episodes[index], self._arrays[index]
        if seen:
            observation = with_instruction(arrays, episode, self._options)
        else:
            observation = observe(episode, self._options, arrays)
        # A saved state may be one after the end of its episode.
        return Row(observation, 0.0, episode.success, episode.over and not episode.success, episode.info())

    def _step_env(self, index: int, action: np.ndarray) -> Row:
        episode = self._episodes[index]
        if episode.over:
            if self._mode is AutoresetMode.DISABLED:  # the caller leaves it idle, unless its last row was lost
                raise ResetNeededError("step() after the episode's end; call reset() first")
            episode.start_from(ResetRequest())
            return self._first_row(index)
        outcome = episode.advance(action)
        follows = episode.over and self._mode is AutoresetMode.SAME_STEP
        # The arrays are the next episode's first observation where one follows in the same step.
        observation = observe(episode, self._options, None if follows else self._arrays[index])
        reward = float(outcome.rewards.sum())
        row = Row(observation, reward, outcome.terminated, outcome.truncated, episode.info(outcome))
        if follows:
            episode.start_from(ResetRequest())
            row = followed_by(row, self._first_row(index))
        return row


def _public(env: LiberoEnv) -> list[str]:
    return [name for name in dir(env) if not name.startswith("_")]


def render_size(options: EnvOptions) -> int:
    """Return height and width of the images of `render()`, pixels."""
    return max(RENDER_SIZE, options.image_size)
