"""Films of episodes: the pictures that the policy saw, with what happened written under them.

Axes: H, W pixels.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from vla_trainer.interfaces import Observation
from vla_trainer.records import Frame

PICTURE_HEIGHT = 256
"""Pixels; smaller pictures are enlarged to it, so that the writing can be read."""
MIN_FPS = 10.0
"""A film of chunks has few pictures a second; players want more, so each is repeated."""


def frame_of(
    envs: VectorEnv, obs: Observation, n: int, *, env_step: int, episode_return: float, success: bool | None
) -> Frame | None:
    """What environment `n` shows now: `obs["image"]`, else what it renders; None if it shows nothing.

    `metadata["image_orientation"] == "rot180"` means OpenGL's picture, which is upside down, turned by 180 degrees, as
    published policies take it: for people it is upright but mirrored, and is mirrored back.
    """
    image, wrist, instruction = None, None, ""
    if isinstance(obs, Mapping) and "image" in obs:
        mirrored = envs.metadata.get("image_orientation") == "rot180"
        image = _upright(obs["image"][n], mirrored)
        wrist = _upright(obs["wrist_image"][n], mirrored) if "wrist_image" in obs else None
        instruction = str(obs["instruction"][n]) if "instruction" in obs else ""
    elif envs.render_mode == "rgb_array":
        pictures = envs.render()
        image = None if pictures is None else np.array(pictures[n])
    if image is None:
        return None
    return Frame(image, wrist, instruction, env_step, episode_return, success)


def fps_of(envs: VectorEnv, action_chunk: int) -> float:
    """Pictures a second at which a film of `envs` runs as fast as the robot does."""
    return float(envs.metadata.get("render_fps", 20)) / action_chunk


def write_video(frames: Sequence[Frame], path: Path, fps: float, *, info: bool) -> None:
    """Write an H.264 mp4 (yuv420p, even sides), which players and browsers open.

    Args:
        frames: at least one.
        path: its folder is made.
        fps: pictures a second.
        info: write instruction, step, return and success under the picture.
    """
    from moviepy import ImageSequenceClip  # a second to import

    pictures = [draw(frame, info=info) for frame in frames]
    repeat = max(1, int(np.ceil(MIN_FPS / fps)))
    path.parent.mkdir(parents=True, exist_ok=True)
    clip = ImageSequenceClip([picture for picture in pictures for _ in range(repeat)], fps=fps * repeat)
    clip.write_videofile(str(path), codec="libx264", audio=False, logger=None, pixel_format="yuv420p")
    clip.close()


def draw(frame: Frame, *, info: bool) -> NDArray[np.uint8]:
    """A frame as one picture (H, W, 3) with even sides: the cameras side by side, the writing under them."""
    from PIL import Image, ImageDraw, ImageFont

    views = [frame.image] if frame.wrist_image is None else [frame.image, frame.wrist_image]
    scale = max(1, round(PICTURE_HEIGHT / frame.image.shape[0]))
    height = frame.image.shape[0] * scale
    resized = [
        Image.fromarray(view).resize((round(view.shape[1] * height / view.shape[0]), height), Image.Resampling.NEAREST)
        for view in views
    ]
    width = _even(sum(view.width for view in resized))
    text = ""
    font = ImageFont.load_default(size=14)
    if info:
        status = f"step {frame.env_step}   reward {frame.episode_return:.2f}"
        if frame.success is not None:
            status += f"   success {'yes' if frame.success else 'no'}"
        letters = max(10, int((width - 12) / font.getlength("n")))
        text = "\n".join([*_wrap(frame.instruction, letters), status])
    canvas = Image.new("RGB", (width, _even(height + (12 + 18 * (text.count("\n") + 1) if text else 0))))
    left = 0
    for view in resized:
        canvas.paste(view, (left, 0))
        left += view.width
    if text:
        ImageDraw.Draw(canvas).multiline_text((6, height + 4), text, fill=(255, 255, 255), font=font)
    return np.asarray(canvas)


def _wrap(text: str, letters: int) -> list[str]:
    from textwrap import wrap

    return wrap(text, letters)


def _even(size: int) -> int:
    return size + size % 2


def _upright(image: Any, mirrored: bool) -> NDArray[np.uint8]:
    return np.array(image[:, ::-1] if mirrored else image)
