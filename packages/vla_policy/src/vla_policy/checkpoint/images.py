"""How many images a checkpoint's network was trained on, where the checkpoint tells: no weight depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vla_policy.errors import ConfigError
from vla_policy.field_types import typed
from vla_policy.model.config import EXTENSION

_NAMES = (
    # openvla-oft 213c5ff, LIBERO.md and ALOHA.md: notes at the end of a run's name
    (re.compile(r"3rd_person_img--left_right_wrist_imgs"), 3),
    (re.compile(r"3rd_person_img--wrist_img"), 2),
    (re.compile(r"3rd_person_img"), 1),
    # openvla-oft's five published checkpoints, LIBERO.md
    (re.compile(r"openvla-7b-oft-finetuned-libero"), 2),
    # where SimpleVLA-RL and RLinf begin, and what RLinf published: num_images_in_input=1 in all their LIBERO settings
    (re.compile(r"openvla-oft-sft-libero|rlinf-openvlaoft-libero", re.IGNORECASE), 1),
)


def num_images_of(config: Mapping[str, Any], places: Iterable[str]) -> int | None:
    """Find the number of images in what a checkpoint says of itself; None where it says nothing.

    Args:
        config: its `config.json`: this package's field, or RLinf's `num_images_in_input`.
        places: paths or repositories that it was loaded from; names that follow openvla-oft's, SimpleVLA-RL's or
            RLinf's conventions tell.
    """
    own = typed(config, EXTENSION, Mapping[str, Any], default={})
    for data, key, place in ((own, "num_images", f"{EXTENSION}."), (config, "num_images_in_input", "")):
        value: int | None = typed(data, key, int, place)
        if value is not None:
            return value
    for place in places:
        for pattern, count in _NAMES:
            if pattern.search(place):
                return count
    return None


def require_num_images(found: int | None, path: object) -> int:
    """Return the number, or raise ConfigError where nobody said it."""
    if found is None:
        raise ConfigError(
            f"checkpoint {path} does not say how many images its network looks at; give num_images: 1 (SimpleVLA-RL's "
            "and RLinf's LIBERO checkpoints: the third-person camera) or 2 (openvla-oft's: and the wrist camera)"
        )
    return found
