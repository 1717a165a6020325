"""The observation keys that a policy reads, and the sizes in an environment's spaces.

Axes: N environments, H W pixels, C actions a chunk, A action dims, P state dims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from vla_policy.errors import SpaceError, names

IMAGE_KEYS = ("image", "wrist_image")
"""Cameras in the order in which the network sees them; a policy of n images reads the first n that it was built for."""
STATE_KEY = "state"
INSTRUCTION_KEY = "instruction"
KNOWN_KEYS = (*IMAGE_KEYS, STATE_KEY, INSTRUCTION_KEY)

LIBERO_STATE_RANGE = (
    (-0.5, -0.5, 0.0, -4.0, -4.0, -4.0, 0.0, -0.045),
    (0.5, 0.5, 1.5, 4.0, 4.0, 4.0, 0.045, 0.0),
)
"""Low and high of LIBERO's 8-dim state: gripper position (m), axis-angle (rad), two finger joints (m). Round numbers
around what the arm can reach; used where the space itself is unbounded."""


@dataclass(frozen=True)
class EnvSpaces:
    """Sizes of an environment that a policy must fit."""

    image_keys: tuple[str, ...]
    image_side: int
    proprio_dim: int | None
    proprio_range: tuple[list[float], list[float]] | None
    chunk: int
    action_dim: int


def read_spaces(
    observation_space: gymnasium.spaces.Space[Any],
    action_space: gymnasium.spaces.Space[Any],
    *,
    state: bool = True,
    wrist_image: bool = True,
) -> EnvSpaces:
    """Return the sizes in a pair of spaces; a batched pair is recognized by the image's four axes.

    Args:
        state: read the state where there is one.
        wrist_image: read the second camera where there is one.

    Raises:
        SpaceError: spaces that no policy of this package can be built for.
    """
    if not isinstance(observation_space, spaces.Dict):
        raise SpaceError(f"observation space is {observation_space}; a Dict with 'image' and 'instruction' is needed")
    parts = observation_space.spaces
    image = parts.get(IMAGE_KEYS[0])
    if (
        not isinstance(image, spaces.Box)
        or image.dtype != np.uint8
        or image.shape[-1] != 3
        or len(image.shape) not in (3, 4)
    ):
        raise SpaceError(f"observation space 'image' is {image}; a uint8 Box (H, W, 3), or (N, H, W, 3), is needed")
    if INSTRUCTION_KEY not in parts:
        raise SpaceError(f"observation space has no 'instruction'; it has {names(parts)}")
    batched = len(image.shape) == 4
    if (
        not isinstance(action_space, spaces.Box)
        or len(action_space.shape) - batched not in (1, 2)
        or not np.all(action_space.low == -1.0)
        or not np.all(action_space.high == 1.0)
    ):
        raise SpaceError(f"action space is {action_space}; Box(-1, 1) of shape (A,) or (C, A) is needed")
    action_shape = action_space.shape[batched:]
    wrist = wrist_image and IMAGE_KEYS[1] in parts
    proprio_dim, proprio_range = None, None
    proprio = parts.get(STATE_KEY) if state else None
    if proprio is not None:
        if not isinstance(proprio, spaces.Box) or len(proprio.shape) - batched != 1:
            raise SpaceError(f"observation space 'state' is {proprio}; a Box (P,) is needed")
        proprio_dim = proprio.shape[-1]
        low, high = (np.asarray(x, dtype=np.float64).reshape(-1, proprio_dim)[0] for x in (proprio.low, proprio.high))
        if np.all(np.abs(low) < 1e6) and np.all(np.abs(high) < 1e6):
            proprio_range = (low.tolist(), high.tolist())
        elif proprio_dim == len(LIBERO_STATE_RANGE[0]):
            proprio_range = (list(LIBERO_STATE_RANGE[0]), list(LIBERO_STATE_RANGE[1]))
    return EnvSpaces(
        image_keys=IMAGE_KEYS if wrist else IMAGE_KEYS[:1],
        image_side=min(image.shape[-3:-1]),
        proprio_dim=proprio_dim,
        proprio_range=proprio_range,
        chunk=action_shape[0] if len(action_shape) == 2 else 1,
        action_dim=action_shape[-1],
    )


def check_fit(
    env: EnvSpaces, path: object, chunk: int, action_dim: int, num_images: int, proprio_dim: int | None
) -> None:
    """Raise SpaceError unless a network of these sizes, loaded from `path`, fits an environment."""
    if (env.chunk, env.action_dim) != (chunk, action_dim):
        raise SpaceError(
            f"{path} gives chunks of {chunk} actions of {action_dim} numbers; the environment takes "
            f"{env.chunk} of {env.action_dim}: make it with action_chunk={chunk}"
        )
    if num_images > len(env.image_keys):
        raise SpaceError(f"{path} looks at {num_images} cameras; the environment has {names(env.image_keys)}")
    if proprio_dim is not None and proprio_dim != env.proprio_dim:
        raise SpaceError(f"{path} reads a state of {proprio_dim} numbers; the environment has {env.proprio_dim}")
