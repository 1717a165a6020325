"""The environments of one worker: reset, stepped with autoreset, and drawn, whatever kind the worker is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.env import LiberoEnv
from libero_gym.episode import Episode, SharedModels
from libero_gym.errors import EnvAttributeError, ResetNeededError, unknown
from libero_gym.observation import RENDER_SIZE, draw_view, observe
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import Renderer
from libero_gym.reset_request import ResetRequest
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
        room: Mapping[int, Mapping[str, np.ndarray]],
        generators: Mapping[int, np.random.Generator] | None = None,
    ) -> None:
        """
        Args:
            options: of each environment.
            mode: what happens after an episode's end.
            room: number of an environment -> the arrays that receive its observations.
            generators: environments' generators, where they go on with those of another worker.
        """
        self._options = options
        self._mode = mode
        self._models = SharedModels(options)
        self._episodes = {number: Episode(options, self._models) for number in room}
        self._room = room
        self._single: dict[int, LiberoEnv] = {}
        for number, generator in (generators or {}).items():
            self._episodes[number].rng = generator

    def generators(self, numbers: Iterable[int]) -> dict[int, np.random.Generator]:
        """What the next episodes of some environments will be drawn from."""
        return {number: self._episodes[number].rng for number in numbers}

    def reset(self, starts: Mapping[int, ResetRequest]) -> Iterator[tuple[int, Row]]:
        """Start episodes."""
        for number, request in starts.items():
            self._episodes[number].start_from(request)
            yield number, self._first_row(number)

    def step(self, actions: Mapping[int, np.ndarray]) -> Iterator[tuple[int, Row]]:
        """Execute an action (7,) or chunk (C, 7) each; an episode that is over begins anew as the mode says."""
        for number, action in actions.items():
            yield number, self._step_one(number, action)

    def render(self, numbers: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """The agentview for people, upright, (S, S, 3) uint8 with S = `render_size`."""
        size = render_size(self._options)
        for number in numbers:
            drawn = np.empty((size, size, 3), dtype=np.uint8)
            draw_view(self._episodes[number].world, "agentview", self._options, "upright", drawn)
            yield number, drawn

    def call(self, name: str, arguments: Mapping[int, Arguments]) -> Iterator[tuple[int, Any]]:
        """Call a method of `LiberoEnv` in some of the environments, or read an attribute.

        Raises:
            EnvAttributeError: there is no such attribute, or it cannot be set.
        """
        for number, (args, kwargs) in arguments.items():
            if number not in self._single:
                self._single[number] = LiberoEnv.around(self._options, self._models, self._episodes[number])
            env = self._single[number]
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
            yield number, value

    @staticmethod
    def close() -> None:
        """Free the calling thread's OpenGL contexts."""
        for renderer in list(Renderer.made_in_thread().values()):
            renderer.close()

    def _first_row(self, number: int) -> Row:
        episode = self._episodes[number]
        return Row(observe(episode, self._options, self._room[number]), 0.0, False, False, episode.info())

    def _step_one(self, number: int, action: np.ndarray) -> Row:
        episode = self._episodes[number]
        if episode.over:
            if self._mode is AutoresetMode.DISABLED:  # the caller lets it stand still, unless its last row was lost
                raise ResetNeededError("step() after the episode's end; call reset() first")
            episode.start_from(ResetRequest())
            return self._first_row(number)
        outcome = episode.advance(action)
        follows = episode.over and self._mode is AutoresetMode.SAME_STEP
        # The room belongs to the next episode's first observation where one follows in the same step.
        observation = observe(episode, self._options, None if follows else self._room[number])
        reward = float(outcome.rewards.sum())
        row = Row(observation, reward, outcome.terminated, outcome.truncated, episode.info(outcome))
        if follows:
            episode.start_from(ResetRequest())
            row = followed_by(row, self._first_row(number))
        return row


def _public(env: LiberoEnv) -> list[str]:
    return [name for name in dir(env) if not name.startswith("_")]


def render_size(options: EnvOptions) -> int:
    """Height and width of `render()`'s pictures, pixels."""
    return max(RENDER_SIZE, options.image_size)
