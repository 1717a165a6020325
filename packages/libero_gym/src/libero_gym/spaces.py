"""The observation and action spaces."""

from __future__ import annotations

import string

import numpy as np
from gymnasium import spaces

from libero_gym.engine.world import ACTION_SIZE
from libero_gym.options import EnvOptions
from libero_gym.render.renderer import CAMERAS

STATE_SIZE = 8
INSTRUCTION_LENGTH = 256
INSTRUCTION_CHARACTERS = string.ascii_letters + string.digits + " _-,.'"


def observation_space(options: EnvOptions) -> spaces.Dict:
    """`image` and `wrist_image` (H, W, 3) uint8, as far as their cameras are in use; `state` (8,) float32: eef position
    (metres, world), eef axis-angle (radians), finger positions (metres); `instruction`, a sentence."""
    size = options.image_size
    parts: dict[str, spaces.Space] = {
        CAMERAS[camera][0]: spaces.Box(0, 255, (size, size, 3), np.uint8) for camera in options.cameras
    }
    parts["state"] = spaces.Box(-np.inf, np.inf, (STATE_SIZE,), np.float32)
    parts["instruction"] = spaces.Text(INSTRUCTION_LENGTH, min_length=1, charset=INSTRUCTION_CHARACTERS)
    return spaces.Dict(parts)


def action_space(options: EnvOptions) -> spaces.Box:
    """(7,) or, with chunks, (C, 7), in [-1, 1]: change of eef position (5 cm each), of its orientation (0.5 rad each,
    axis-angle, world frame), and the gripper (-1 opens, +1 closes)."""
    shape = (ACTION_SIZE,) if options.action_chunk is None else (options.action_chunk, ACTION_SIZE)
    return spaces.Box(-1.0, 1.0, shape, np.float32)
