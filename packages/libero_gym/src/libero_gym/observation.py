"""What a policy sees of an episode."""

from __future__ import annotations

from typing import Any

import numpy as np

from libero_gym.engine.world import World
from libero_gym.episode import Episode
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import CAMERAS, Renderer, orient

#: Pictures for people, from `render()`: height and width in pixels, never less than the observation's.
RENDER_SIZE = 256


def observe(episode: Episode, options: EnvOptions) -> dict[str, Any]:
    """The observation of `spaces.observation_space`, drawn with the calling thread's renderer.

    A known start's first observation is drawn once and copied afterwards.
    """
    start = episode.start if episode.elapsed_steps == 0 else None
    if start is not None and start.observation is not None:
        return _copy(start.observation)
    world = episode.world
    size, orientation, quality = options.image_size, options.image_orientation, options.render_quality
    observation: dict[str, Any] = {
        CAMERAS[camera][0]: picture(world, camera, size, orientation, quality) for camera in options.cameras
    }
    observation["state"] = world.proprioception()
    observation["instruction"] = episode.task.instruction
    if start is not None:
        start.observation = _copy(observation)
    return observation


def _copy(observation: dict[str, Any]) -> dict[str, Any]:
    return {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in observation.items()}


def picture(world: World, camera: str, size: int, orientation: str, quality: str) -> np.ndarray:
    """One camera's view, (size, size, 3) uint8."""
    raw = np.empty((size, size, 3), dtype=np.uint8)
    Renderer.of_thread().draw(world, CAMERAS[camera][1], raw, quality)
    return np.ascontiguousarray(orient(raw, orientation))
