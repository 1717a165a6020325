"""Make a frame of a video from what an environment shows.

Axes: H, W pixels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import SyncVectorEnv, VectorEnv
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
    """Return what environment `n` shows now; None if it shows nothing.

    That is what it renders, where it has a render mode, else `obs["image"]`; with the images of other cameras, whose
    keys end in `_image`. Those of observations are mirrored where `metadata["image_flip"]` is "horizontal", see
    `protocols.EnvMetadata`.
    """
    image = _rendered(envs, n) if envs.render_mode == "rgb_array" else None
    others, instruction = [], ""
    if isinstance(obs, Mapping) and "image" in obs:
        mirrored = envs.metadata.get("image_flip") == "horizontal"
        image = _for_people(obs["image"][n], mirrored) if image is None else image
        others = [_for_people(value[n], mirrored) for key, value in obs.items() if key.endswith("_image")]
        instruction = str(obs["instruction"][n]) if "instruction" in obs else ""
    if image is None:
        return None
    return Frame(image, others, instruction, env_step, episode_return, success, value)


def fps_of(envs: VectorEnv) -> float:
    """Return the frames a second at which a video, a frame for each step of `envs`, runs as fast as the robot does."""
    return float(envs.metadata.get("render_fps", 20))


def _rendered(envs: VectorEnv, n: int) -> NDArray[np.uint8] | None:
    """Return what environment `n` renders, (H, W, 3), without rendering the others where that can be."""
    if hasattr(envs, "render_env"):
        image = envs.render_env(n)
    elif isinstance(envs, SyncVectorEnv):
        image = envs.envs[n].render()
    else:
        images = envs.render()
        image = None if images is None else images[n]
    return None if image is None else np.array(image)


def _for_people(image: Any, mirrored: bool) -> NDArray[np.uint8]:
    return np.array(image[:, ::-1] if mirrored else image)
