"""Write the videos of two evaluations beside each other: the same initial state before and after.

Axes: H, W pixels.
"""

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_trainer.config.schema import VideoConfig
from vla_trainer.video.draw import FONT_SIZE, LINE, MARGIN, WHITE, dimmed, font
from vla_trainer.video.encode import encode
from vla_trainer.video.writer import folder_of

FOLDER = "beside"
"""Folder in that of a run's videos."""
GAP = 4
"""Pixels between the two."""
_NAME = re.compile(r"(?P<weights>.+)_task(?P<task>\d+)_state(?P<state>\d+)(_(success|failure))?(_\d+)?\.mp4")


def write_pairs(before: Path, after: Path, out: Path) -> list[Path]:
    """Write a video for each initial state that both folders have one of; return their paths.

    The one that ends first keeps its last image, dimmed. Of several videos of a state the newest is taken.

    Args:
        before: folder of an evaluation's videos, shown at the left.
        after: that of another one, shown at the right.
        out: where "taskTT_stateSS.mp4" are written; made if it is not there.

    Raises:
        OSError: a video cannot be read or written.
        RuntimeError: there is no ffmpeg.
    """
    left, right = _by_state(before), _by_state(after)
    written = []
    for task, state in sorted(left.keys() & right.keys()):
        path = out / f"task{task:02d}_state{state:02d}.mp4"
        _write_pair(left[task, state], right[task, state], path)
        written.append(path)
    return written


def write_beside(video: VideoConfig, run: Path, say: Callable[[str], None]) -> None:
    """Write a run's videos of evaluation beside those of `video.beside`; a failure is a warning of one line.

    Args:
        video: the section of the run's config.
        run: the run's folder, whose videos are complete.
        say: takes a line for the user.
    """
    if video.beside is None or not video.save_video:
        return
    other, folder = Path(video.beside).expanduser(), folder_of(video, run)
    try:
        written = write_pairs(other / "video" / "eval", folder / "eval", folder / FOLDER)
    except Exception as error:  # no failure here is worth a training run
        say(f"warning: no video was written beside those of {other}: {type(error).__name__}: {error}")
        return
    if written:
        say(f"before and after in one video: {', '.join(str(path) for path in written)}")
    else:
        say(f"note: video_cfg.beside={other} has no video of an initial state that was evaluated here")


def _by_state(folder: Path) -> dict[tuple[int, int], Path]:
    """Return the newest video of each task and initial state."""
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(folder.glob("*.mp4"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        name = _NAME.fullmatch(path.name)
        if name is not None:
            found[int(name["task"]), int(name["state"])] = path
    return found


def _write_pair(before: Path, after: Path, path: Path) -> None:
    from moviepy import VideoFileClip  # a second to import

    with VideoFileClip(str(before), audio=False) as left, VideoFileClip(str(after), audio=False) as right:
        fps = max(left.fps, right.fps)
        sides = [_images(left, fps, f"before: {_weights(before)}"), _images(right, fps, f"after: {_weights(after)}")]
        encode(_joined(*sides), path, fps)


def _weights(path: Path) -> str:
    name = _NAME.fullmatch(path.name)
    assert name is not None
    return name["weights"]


def _images(clip: Any, fps: float, label: str) -> Iterator[NDArray[np.uint8]]:
    """Yield a clip's images (H, W, 3) with a line of text above."""
    line = _line(label, clip.w)
    for image in clip.iter_frames(fps=fps, dtype="uint8"):
        yield np.concatenate([line, image])


def _line(text: str, width: int) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", (width, LINE + MARGIN + (LINE + MARGIN) % 2))
    ImageDraw.Draw(canvas).text((MARGIN, MARGIN // 2), text, fill=WHITE, font=font(FONT_SIZE))
    return np.asarray(canvas)


def _joined(lefts: Iterator[NDArray[np.uint8]], rights: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yield both side by side until both have ended."""
    last: list[NDArray[np.uint8]] = [np.zeros((2, 2, 3), np.uint8)] * 2
    for pair in zip_longest(lefts, rights):
        shown = []
        for side, image in enumerate(pair):
            last[side] = image if image is not None else last[side]
            shown.append(last[side] if image is not None else dimmed(last[side]))
        height = max(image.shape[0] for image in shown)
        width = shown[0].shape[1] + GAP + shown[1].shape[1]
        canvas = np.zeros((height, width + width % 2, 3), np.uint8)
        canvas[: shown[0].shape[0], : shown[0].shape[1]] = shown[0]
        begin = shown[0].shape[1] + GAP
        canvas[: shown[1].shape[0], begin : begin + shown[1].shape[1]] = shown[1]
        yield canvas
