"""Simulate and render some tasks, in a process of its own: `python -m libero_gym.doctor.simulation [--no-images]`.

An incompatible driver or library may crash or hang; that must not end the doctor.

Standard output: one JSON object {"assets": name, "settled": {"libero_spatial 0": [qpos ...], ...}, "brightness":
{"libero_spatial 0": number, ...}}. Joint positions are metres and radians after settling 10 control steps from initial
state 0 with seed 0; brightness is the mean of the agentview, 128 pixels high and wide, 0 to 255.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import numpy as np

from libero_gym.episode import Episode
from libero_gym.errors import AssetError, RenderError
from libero_gym.options import EnvOptions, check_options
from libero_gym.shared_models import SharedModels
from libero_gym.tasks.suites import SUITES

#: Height and width of the images, pixels.
IMAGE_SIZE = 128


def main() -> None:
    """Settle task 0 of each suite, or the first task that a bundle has of it, and render them."""
    logging.getLogger("libero_gym").setLevel(logging.ERROR)
    json.dump(simulate(render="--no-images" not in sys.argv[1:]), sys.stdout)


def simulate(render: bool) -> dict[str, Any]:
    """Return the JSON object above, of the suites that the asset set has scenes for."""
    chosen = [options for suite in SUITES if (options := _options(suite)) is not None]
    result: dict[str, Any] = {"assets": chosen[0].scenes.name, "settled": {}, "brightness": {}}
    for options in chosen:
        episode = Episode(options, SharedModels(options))
        episode.begin(0, {"init_state": 0})
        place = f"{options.suite.name} {options.tasks[0].index}"
        result["settled"][place] = [float(q) for q in episode.world.data.qpos]
        if render:
            result["brightness"][place] = _brightness(episode)
    return result


def _options(suite: str) -> EnvOptions | None:
    for task in (0, None):
        try:
            return check_options(suite, task=task, cameras=())
        except AssetError:  # a bundle without this task, or without any task of the suite
            continue
    return None


def _brightness(episode: Episode) -> float:
    from libero_gym.observation import render_view

    image = np.empty((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    try:
        render_view(episode.world, "agentview", check_options(episode.task.suite), "upright", image)
        return float(image.mean())
    except RenderError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
