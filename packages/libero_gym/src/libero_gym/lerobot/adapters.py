"""Observations as LeRobot's LIBERO policies expect them, and their actions.

LeRobot's own LIBERO environment hands on robosuite's images and a quaternion; its `LiberoProcessorStep` then turns the
images by 180 degrees and makes (8,) of the robot's state (lerobot/processor/env_processor.py). Both are what
`LiberoEnv` observes already, so that nothing is turned or computed here.

    image         observation.images.image    (N, 3, H, W) float32 in [0, 1]
    wrist_image   observation.images.image2   (N, 3, H, W) float32 in [0, 1]
    state         observation.state           (N, 8) float32: eef position, axis-angle, finger positions
    instruction   task                        N sentences
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from libero_gym.checks import finite_array
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import ActionError, OptionError

IMAGE_NAMES = {"image": "image", "wrist_image": "image2"}
"""Observation key -> LeRobot's name of the camera."""
IMAGES, STATE, TASK = "observation.images", "observation.state", "task"
"""LeRobot's keys (lerobot/utils/constants.py)."""


def raw_observation(observation: Mapping[str, Any]) -> dict[str, Any]:
    """Return an observation as LeRobot's environments have it, before its `preprocess_observation`.

    Args:
        observation: of `LiberoEnv` or `LiberoVectorEnv`, in orientation "rot180".

    Raises:
        OptionError: it has no image or no state.
    """
    pixels = {name: observation[key] for key, name in IMAGE_NAMES.items() if key in observation}
    if not pixels or "state" not in observation:
        raise OptionError(
            f"an observation with {', '.join(observation)}; LeRobot's LIBERO policies need state and one of "
            f"{', '.join(IMAGE_NAMES)}"
        )
    return {"pixels": pixels, "agent_pos": observation["state"]}


def policy_observation(observation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the batch that LeRobot's policy preprocessors take: tensors, and the sentences under "task".

    Args:
        observation: of `LiberoEnv`, which becomes a batch of one, or of `LiberoVectorEnv`; in orientation "rot180".

    Raises:
        OptionError: a part is missing. ImportError: LeRobot is not installed.
    """
    from lerobot.envs.utils import preprocess_observation

    if "instruction" not in observation:
        raise OptionError("an observation without instruction; LeRobot's LIBERO policies need it: instruction=True")
    sentences = observation["instruction"]
    batch: dict[str, Any] = preprocess_observation(raw_observation(observation))
    return {**batch, TASK: [sentences] if isinstance(sentences, str) else list(sentences)}


def env_actions(actions: Any, num_envs: int) -> np.ndarray:
    """Return a policy's actions as `LiberoVectorEnv.step` takes them, (N, 7) float32.

    They mean the same: LeRobot's datasets of LIBERO hold what `env.step` was given, -1 opens the gripper.

    Args:
        actions: (N, 7), a tensor on any device or an array: what a policy's postprocessor returns.
        num_envs: N.

    Raises:
        ActionError: another shape, or NaN or infinity in it.
    """
    array = actions.detach().cpu().numpy() if hasattr(actions, "detach") else actions
    return finite_array(ActionError, "actions", array, (num_envs, ACTION_SIZE)).astype(np.float32)
