"""Which way up camera images are, and how one orientation becomes another.

Axes: any leading axes, H W pixels, 3 colours.

A wrong orientation raises no error and costs all success, so it is a named property of a policy: `PolicyConfig.
image_orientation` is that of the images that its network was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vla_policy.errors import ConfigError, clip, names

Orientation = Literal["rot180", "upright", "opengl", "mirrored"]
"""rot180: OpenGL's image turned by 180 degrees, upright and mirrored, as published LIBERO policies see it. upright:
as a person sees it. opengl: as a renderer returns it, its rows from the bottom up. mirrored: OpenGL's, left and right
exchanged."""

ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)
METADATA_KEY = "image_orientation"
"""Of an environment's `metadata`."""

_FLIPS: Mapping[str, tuple[bool, bool]] = {
    "opengl": (False, False),
    "upright": (True, False),
    "mirrored": (False, True),
    "rot180": (True, True),
}
"""Whether rows and columns are reversed, seen from OpenGL's image."""


def reorient(images: NDArray[Any], given: Orientation, wanted: Orientation) -> NDArray[Any]:
    """Return (..., H, W, 3) images of one orientation in another: a view, or the argument where nothing is to do.

    Raises:
        ConfigError: an unknown orientation.
    """
    rows, columns = (a != b for a, b in zip(_flips(given), _flips(wanted), strict=True))
    if rows:
        images = images[..., ::-1, :, :]
    return images[..., ::-1, :] if columns else images


def orientation_of(metadata: Mapping[str, Any]) -> Orientation:
    """Return the orientation that an environment's metadata names.

    Raises:
        ConfigError: it names none, or an unknown one.
    """
    found = metadata.get(METADATA_KEY)
    if found not in ORIENTATIONS:
        raise ConfigError(
            f"metadata[{METADATA_KEY!r}] is {clip(found)}; allowed: {names(ORIENTATIONS)}. Where an environment does "
            "not say it, give one of these names"
        )
    return found


def turned(observation: Mapping[str, Any], keys: tuple[str, ...], given: Orientation, wanted: Orientation) -> Any:
    """Return an observation, batched or not, with the images under `keys` in another orientation."""
    if given == wanted:
        return observation
    images = {key: reorient(np.asarray(observation[key]), given, wanted) for key in keys if key in observation}
    return {**observation, **images}


def _flips(orientation: str) -> tuple[bool, bool]:
    if orientation not in _FLIPS:
        raise ConfigError(f"image orientation {clip(orientation)}; allowed: {names(ORIENTATIONS)}")
    return _FLIPS[orientation]
