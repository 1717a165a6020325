"""What an environment shows: one image of a video.

Axes: H, W pixels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from vla_trainer.protocols import Observation
from vla_trainer.types import Frame


def frame_of(
    envs: VectorEnv,
    obs: Observation,
    n: int,
    *,
    env_step: int,
    episode_return: float,
    success: bool | None,
    value: float | None = None,
) -> Frame | None:
    """What environment `n` shows now: `obs["image"]`, else what it renders; None if it shows nothing.

    `metadata["image_orientation"] == "rot180"` means OpenGL's image, which is upside down, turned by 180 degrees, as
    published policies take it: for people it is upright but mirrored, and is mirrored back.
    """
    image, wrist, instruction = None, None, ""
    if isinstance(obs, Mapping) and "image" in obs:
        mirrored = envs.metadata.get("image_orientation") == "rot180"
        image = _upright(obs["image"][n], mirrored)
        wrist = _upright(obs["wrist_image"][n], mirrored) if "wrist_image" in obs else None
        instruction = str(obs["instruction"][n]) if "instruction" in obs else ""
    elif envs.render_mode == "rgb_array":
        images = envs.render()
        image = None if images is None else np.array(images[n])
    if image is None:
        return None
    return Frame(image, wrist, instruction, env_step, episode_return, success, value)


def fps_of(envs: VectorEnv) -> float:
    """Frames a second at which a video with a frame for each step of `envs` runs as fast as the robot does."""
    return float(envs.metadata.get("render_fps", 20))


def _upright(image: Any, mirrored: bool) -> NDArray[np.uint8]:
    return np.array(image[:, ::-1] if mirrored else image)
