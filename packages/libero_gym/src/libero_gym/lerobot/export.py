"""Demonstrations as a LeRobotDataset v3, written by LeRobot's own writer.

    observation.images.image, .image2   (H, W, 3) video, or images without loss; turned as LeRobot's of LIBERO are
    observation.state                   (8,) float32: eef position, axis-angle, finger positions
    action                              (7,) float32, as executed
    task                                the sentence

A frame is an observation and the action that followed it; the observation after the last action is left out, as in
LeRobot's datasets.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.episode_file import Demonstration
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError, LiberoGymError
from libero_gym.lerobot.adapters import IMAGE_NAMES, IMAGES, STATE
from libero_gym.render.renderer import orient
from libero_gym.spaces import STATE_SIZE

CONTROL_FREQUENCY = 20
"""Control steps in a second, the dataset's frames per second."""
STATE_NAMES = ["eef_x", "eef_y", "eef_z", "eef_ax", "eef_ay", "eef_az", "finger_left", "finger_right"]
ACTION_NAMES = ["x", "y", "z", "ax", "ay", "az", "gripper"]


def export_lerobot(
    dataset: DemoDataset,
    folder: Path,
    repo_id: str,
    *,
    videos: bool = True,
    advance: Callable[[object], None] = lambda _: None,
) -> int:
    """Write all episodes of a dataset, and return how many there are.

    Args:
        dataset: what to write; with at least one camera.
        folder: of the new dataset; must not exist.
        repo_id: the name that it would have on the Hub, "user/name"; nothing is uploaded.
        videos: store images as MP4, as LeRobot does; else as PNG in the tables, without loss.
        advance: called for each episode.

    Raises:
        DatasetError: it has no images or no episodes, or the folder exists.
        LiberoGymError: LeRobot is not installed, or the dataset cannot be written.
    """
    try:
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError as error:
        raise LiberoGymError(
            f"LeRobot's format needs LeRobot 0.6 ({error}), on Python 3.12 or later: "
            'pip install "lerobot[dataset]>=0.6.1"'
        ) from error
    header = dataset.header
    if not header.cameras or not dataset.records:
        raise DatasetError(
            f"the dataset {dataset.location.dataset_id} has no {'episodes' if header.cameras else 'images'}"
        )
    if folder.exists():
        raise DatasetError(f"{folder} exists; name a new folder")
    features = dataset_features(header.cameras, header.image_size, videos=videos)
    try:
        written = LeRobotDataset.create(
            repo_id, CONTROL_FREQUENCY, features, root=folder, robot_type="panda", use_videos=videos
        )
        for record in dataset.records:
            for frame in frames(dataset.episode(record.id), header.image_orientation):
                written.add_frame(frame)
            written.save_episode()
            advance(None)
        written.finalize()
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise LiberoGymError(f"{folder} cannot be written ({error})") from error
    return len(dataset.records)


def dataset_features(cameras: Any, image_size: int, *, videos: bool) -> dict[str, dict[str, Any]]:
    """Return what LeRobot calls features: the type, shape and names of each key.

    Args:
        cameras: of "agentview" and "wrist", those that are there.
        image_size: height and width.
        videos: whether images are stored as videos.
    """
    keys = [key for camera, key in (("agentview", "image"), ("wrist", "wrist_image")) if camera in cameras]
    image = {
        "dtype": "video" if videos else "image",
        "shape": (image_size, image_size, 3),
        "names": ["height", "width", "channel"],
    }
    return {
        **{f"{IMAGES}.{IMAGE_NAMES[key]}": dict(image) for key in keys},
        STATE: {"dtype": "float32", "shape": (STATE_SIZE,), "names": STATE_NAMES},
        "action": {"dtype": "float32", "shape": (ACTION_SIZE,), "names": ACTION_NAMES},
    }


def frames(episode: Demonstration, orientation: str) -> Iterator[dict[str, Any]]:
    """Yield the frames of an episode, as LeRobot's writer takes them.

    Args:
        episode: with T actions and T + 1 observations.
        orientation: of its images.
    """
    observations = dict(episode.observations)
    for key in IMAGE_NAMES:
        if key in observations and orientation != "rot180":
            # from upright back to OpenGL's rows, and from there to LeRobot's
            observations[key] = orient(orient(observations[key], orientation), "rot180")
    for step, action in enumerate(episode.actions):
        frame = {
            f"{IMAGES}.{name}": np.ascontiguousarray(observations[key][step])
            for key, name in IMAGE_NAMES.items()
            if key in observations
        }
        yield {
            **frame,
            STATE: observations["state"][step].astype(np.float32),
            "action": action.astype(np.float32),
            "task": episode.instruction,
        }
