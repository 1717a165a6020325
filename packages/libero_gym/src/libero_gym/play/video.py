"""Write a recorded episode as an mp4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.env import LiberoEnv
from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.options import CONTROL_HZ
from libero_gym.recording import Recording, Repetition, repeat


def check_video(out: Path) -> None:
    """Check that a video can be written.

    Raises:
        OptionError: the file does not end in .mp4.
        LiberoGymError: moviepy is not installed.
    """
    if out.suffix.lower() != ".mp4":
        raise OptionError(f"--out {out} ends in {out.suffix!r}; allowed: .mp4")
    try:
        import moviepy  # noqa: F401
    except ImportError as error:
        raise LiberoGymError('videos need moviepy: pip install "libero-gym[video]"') from error


def write_video(recording: Recording, env: LiberoEnv, out: Path) -> Repetition:
    """Repeat a recording and write an H.264 mp4 in real time, the cameras side by side.

    Args:
        recording: the episode.
        env: of `open_env`, with `image_orientation="upright"`, both cameras and an even `image_size`.
        out: the file; its folder is created.

    Raises:
        LiberoGymError: it cannot be written.
    """
    from moviepy import ImageSequenceClip

    frames: list[np.ndarray] = []

    def add_frame(observation: dict[str, Any]) -> bool:
        frames.append(np.concatenate([observation["image"], observation["wrist_image"]], axis=1))
        return True

    repetition = repeat(recording, env, add_frame)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        clip = ImageSequenceClip(frames, fps=CONTROL_HZ)
        clip.write_videofile(str(out), codec="libx264", audio=False, logger=None, pixel_format="yuv420p")
        clip.close()
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({str(error).splitlines()[0]})") from error
    return repetition
