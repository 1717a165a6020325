"""Encode videos as mp4 files that players and browsers open: H.264, yuv420p, even sides."""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vla_trainer import atomic_files
from vla_trainer.types import Video
from vla_trainer.video.draw import Cell

MIN_FPS = 10.0
"""Least frames a second: a video of chunks has fewer than players want, so its images are repeated."""
LAST_SECONDS = 1.0
"""How long the last image is shown, so that the end can be seen."""
ENCODER_THREADS = 1
"""Threads of ffmpeg; the other processors are for the training."""


def write_videos(
    videos: Sequence[Video], folder: Path, name: str, fps: float, *, info: bool, layout: Literal["single", "tiled"]
) -> list[Path]:
    """Write videos as mp4 files and return their paths.

    A file has a temporary name until it is complete: every `.mp4` can be played. Images are rendered while they are
    encoded, one at a time.

    Args:
        videos: with none, nothing is written.
        folder: made if it is not there.
        name: what the files' names begin with, e.g. "train/iteration_000010".
        fps: images a second of the videos.
        info: write instruction, step, reward, value and success under the images.
        layout: "single": a file an episode, see `video_name`; "tiled": one file, `name`.mp4, with all side by side;
            an episode that has ended keeps its last image, dimmed, with how it ended.

    Raises:
        OSError: the file cannot be written, or ffmpeg failed.
        RuntimeError: there is no ffmpeg.
    """
    if not videos:
        return []
    if layout == "tiled":
        path = folder / f"{name}.mp4"
        encode(_tiled([Cell(video, info=info) for video in videos], videos), path, fps)
        return [path]
    written: list[Path] = []
    for video in videos:
        path = folder / f"{video_name(name, video)}.mp4"
        number = 2
        while path in written:
            path = folder / f"{video_name(name, video)}_{number}.mp4"
            number += 1
        cell = Cell(video, info=info)
        encode((cell.draw(index) for index in range(len(video.frames))), path, fps)
        written.append(path)
    return written


def video_name(name: str, video: Video) -> str:
    """Return e.g. "iteration_000010_task03_state07_failure": task, initial state and success as far as known."""
    episode = video.episode
    parts = [name]
    parts += [f"task{episode.task_id:02d}"] if episode.task_id is not None else []
    parts += [f"state{episode.init_state_id:02d}"] if episode.init_state_id is not None else []
    parts += [] if episode.success is None else ["success" if episode.success else "failure"]
    return "_".join(parts)


def grid_columns(cells: int, width: int, height: int) -> int:
    """Return the columns of the grid of `cells` cells whose longer side is shortest; of equal ones the widest grid."""

    def longer_side(columns: int) -> tuple[int, int]:
        rows = ceil(cells / columns)
        return max(columns * width, rows * height), rows

    return min(range(1, cells + 1), key=longer_side)


def _tiled(cells: Sequence[Cell], videos: Sequence[Video]) -> Iterator[NDArray[np.uint8]]:
    """Yield images of all videos side by side, until all have ended, and one more that shows how."""
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    columns = grid_columns(len(cells), width, height)
    canvas = np.zeros((ceil(len(cells) / columns) * height, columns * width, 3), np.uint8)
    length = max(len(video.frames) for video in videos)
    for index in range(length + 1):
        for number, (cell, video) in enumerate(zip(cells, videos, strict=True)):
            if index > len(video.frames):
                continue  # its last image is there already
            top, left = number // columns * height, number % columns * width
            last = len(video.frames) - 1
            image = cell.draw(min(index, last), ended=index > last)
            canvas[top : top + cell.height, left : left + cell.width] = image
        yield canvas


def encode(images: Iterator[NDArray[np.uint8]], path: Path, fps: float) -> None:
    """Write at least one image (H, W, 3), all of one size, as they come."""
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter  # a second to import

    repeat = max(1, ceil(MIN_FPS / fps))
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.remove_stale(path.parent)
    # not called .mp4, so that no broken one is left when the run is killed
    temporary = atomic_files.temporary_path(path)
    image = next(images)
    size = (image.shape[1], image.shape[0])
    # moviepy turns rgb24 into yuv420p where both sides are even
    writer = FFMPEG_VideoWriter(
        str(temporary), size, fps * repeat, codec="libx264", threads=ENCODER_THREADS, ffmpeg_params=["-f", "mp4"]
    )
    try:
        _write(writer, image, repeat)
        for image in images:
            _write(writer, image, repeat)
        _write(writer, image, ceil(LAST_SECONDS * fps) * repeat)
        _finish(writer)
        temporary.replace(path)
    except BaseException:
        if writer.proc is not None:
            writer.proc.kill()
            writer.proc.communicate()
            writer.proc = None
        temporary.unlink(missing_ok=True)
        raise


def _write(writer: Any, image: NDArray[np.uint8], times: int) -> None:
    for _ in range(times):
        writer.write_frame(image)


def _finish(writer: Any) -> None:
    """Close the writer as moviepy's `close` does, and check that ffmpeg succeeded: a full disk shows only here."""
    _, log = writer.proc.communicate()
    code = writer.proc.returncode
    writer.proc = None
    if code != 0:
        raise OSError(f"ffmpeg ended with {code}: {log.decode(errors='replace')}")
