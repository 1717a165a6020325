"""Find how many images a checkpoint's network was trained on: no weight depends on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from vla_policy.errors import ConfigError
from vla_policy.model.config import EXTENSION
from vla_policy.validation import typed

_NAMES = (
    # openvla-oft 213c5ff, LIBERO.md and ALOHA.md: notes at the end of a run's name
    (re.compile(r"3rd_person_img--left_right_wrist_imgs"), 3),
    (re.compile(r"3rd_person_img--wrist_img"), 2),
    (re.compile(r"3rd_person_img"), 1),
    # openvla-oft's five published checkpoints, LIBERO.md
    (re.compile(r"openvla-7b-oft-finetuned-libero"), 2),
    # bases of SimpleVLA-RL and RLinf, and what RLinf published: num_images_in_input=1 in all their LIBERO settings
    (re.compile(r"openvla-oft-sft-libero|rlinf-openvlaoft-libero", re.IGNORECASE), 1),
)


def num_images_of(config: Mapping[str, Any], places: Iterable[str]) -> int | None:
    """Return the number of images that a checkpoint's config or name states; None where neither does.

    Args:
        config: its `config.json`: this package's field, or RLinf's `num_images_in_input`.
        places: paths or repositories that it was loaded from; names that follow openvla-oft's, SimpleVLA-RL's or
            RLinf's conventions state the number.
    """
    own = typed(config, EXTENSION, Mapping[str, Any], default={})
    for data, key, place in ((own, "num_images", f"{EXTENSION}."), (config, "num_images_in_input", "")):
        value: int | None = typed(data, key, int, place)
        if value is not None:
            return value
    return next((count for place in places for pattern, count in _NAMES if pattern.search(place)), None)


def require_num_images(found: int | None, path: object) -> int:
    """Return the number of images; raise ConfigError where it is unknown."""
    if found is None:
        raise ConfigError(
            f"checkpoint {path} does not say how many images its network looks at; give num_images: 1 (SimpleVLA-RL's "
            "and RLinf's LIBERO checkpoints: the third-person camera) or 2 (openvla-oft's: and the wrist camera)"
        )
    return found
