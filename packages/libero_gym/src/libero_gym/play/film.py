"""A recorded episode as an mp4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.env import LiberoEnv
from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.options import CONTROL_HZ
from libero_gym.recording import Recording, Repetition, repeat


def check_film(out: Path) -> None:
    """Make sure that a film can be written.

    Raises:
        OptionError: another ending than .mp4.
        LiberoGymError: the library for films is not installed.
    """
    if out.suffix.lower() != ".mp4":
        raise OptionError(f"--out {out} ends in {out.suffix!r}; allowed: .mp4")
    try:
        import moviepy  # noqa: F401
    except ImportError as error:
        raise LiberoGymError('films need moviepy: pip install "libero-gym[video]"') from error


def film(recording: Recording, env: LiberoEnv, out: Path) -> Repetition:
    """Repeat a recording and write an H.264 mp4 at the robot's own speed, the cameras side by side.

    Args:
        recording: the episode.
        env: of `open_env`, with `image_orientation="upright"`, both cameras and an even `image_size`.
        out: the file; its folder is made.

    Raises:
        LiberoGymError: it cannot be written.
    """
    from moviepy import ImageSequenceClip

    frames: list[np.ndarray] = []

    def show(observation: dict[str, Any]) -> bool:
        frames.append(np.concatenate([observation["image"], observation["wrist_image"]], axis=1))
        return True

    repetition = repeat(recording, env, show)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        clip = ImageSequenceClip(frames, fps=CONTROL_HZ)
        clip.write_videofile(str(out), codec="libx264", audio=False, logger=None, pixel_format="yuv420p")
        clip.close()
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({str(error).splitlines()[0]})") from error
    return repetition
