"""Films to mp4 files that players and browsers open: H.264, yuv420p, even sides."""

from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vla_trainer import durable
from vla_trainer.records import Film
from vla_trainer.video.draw import Cell

MIN_FPS = 10.0
"""A film of chunks has few pictures a second; players want more, so each is repeated."""
LAST_SECONDS = 1.0
"""How long the last picture stands, so that the end can be seen."""
ENCODER_THREADS = 1
"""Of ffmpeg: the other processors are for the training."""


def write_films(
    films: Sequence[Film], folder: Path, name: str, fps: float, *, info: bool, layout: Literal["single", "tiled"]
) -> list[Path]:
    """Write films as mp4 files and return their paths.

    A file is written beside its place and renamed when it is complete: what is called `.mp4` can be played. Pictures
    are drawn while they are encoded, one at a time.

    Args:
        films: with none, nothing is written.
        folder: made if it is not there.
        name: what the files' names begin with, e.g. "train/iteration_000010".
        fps: pictures a second of the films.
        info: write instruction, step, reward, value and success under the pictures.
        layout: "single": a file an episode, see `film_name`; "tiled": one file, `name`.mp4, with all side by side; what
            has ended holds its last picture, dimmed, with how it ended.

    Raises:
        OSError: the file cannot be written, or ffmpeg failed.
        RuntimeError: there is no ffmpeg.
    """
    if not films:
        return []
    if layout == "tiled":
        path = folder / f"{name}.mp4"
        _encode(_tiled([Cell(film, info=info) for film in films], films), path, fps)
        return [path]
    written: list[Path] = []
    for film in films:
        path = folder / f"{film_name(name, film)}.mp4"
        number = 2
        while path in written:
            path = folder / f"{film_name(name, film)}_{number}.mp4"
            number += 1
        cell = Cell(film, info=info)
        _encode((cell.draw(index) for index in range(len(film.frames))), path, fps)
        written.append(path)
    return written


def film_name(name: str, film: Film) -> str:
    """E.g. "iteration_000010_task03_state07_failure": of what the environment tells, where and how an episode went."""
    episode = film.episode
    parts = [name]
    parts += [f"task{episode.task_id:02d}"] if episode.task_id is not None else []
    parts += [f"state{episode.init_state_id:02d}"] if episode.init_state_id is not None else []
    parts += [] if episode.success is None else ["success" if episode.success else "failure"]
    return "_".join(parts)


def grid_columns(cells: int, width: int, height: int) -> int:
    """Columns of a grid of `cells` cells of this size whose longer side is the shortest; of equal ones the widest."""

    def longer_side(columns: int) -> tuple[int, int]:
        rows = ceil(cells / columns)
        return max(columns * width, rows * height), rows

    return min(range(1, cells + 1), key=longer_side)


def _tiled(cells: Sequence[Cell], films: Sequence[Film]) -> Iterator[NDArray[np.uint8]]:
    """The pictures of all films side by side, until all have ended, and one more that says so."""
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    columns = grid_columns(len(cells), width, height)
    canvas = np.zeros((ceil(len(cells) / columns) * height, columns * width, 3), np.uint8)
    length = max(len(film.frames) for film in films)
    for index in range(length + 1):
        for number, (cell, film) in enumerate(zip(cells, films, strict=True)):
            if index > len(film.frames):
                continue  # its last picture stands already
            top, left = number // columns * height, number % columns * width
            last = len(film.frames) - 1
            drawn = cell.draw(min(index, last), ended=index > last)
            canvas[top : top + cell.height, left : left + cell.width] = drawn
        yield canvas


def _encode(pictures: Iterator[NDArray[np.uint8]], path: Path, fps: float) -> None:
    """Write pictures (H, W, 3) of one size, at least one, as they come."""
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter  # a second to import

    repeat = max(1, ceil(MIN_FPS / fps))
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.sweep(path.parent)
    # not called .mp4, so that no broken one is left when the run is killed
    aside = durable.aside_of(path)
    picture = next(pictures)
    size = (picture.shape[1], picture.shape[0])
    # moviepy turns rgb24 into yuv420p where both sides are even
    writer = FFMPEG_VideoWriter(
        str(aside), size, fps * repeat, codec="libx264", threads=ENCODER_THREADS, ffmpeg_params=["-f", "mp4"]
    )
    try:
        _write(writer, picture, repeat)
        for picture in pictures:
            _write(writer, picture, repeat)
        _write(writer, picture, ceil(LAST_SECONDS * fps) * repeat)
        _finish(writer)
        aside.replace(path)
    except BaseException:
        if writer.proc is not None:
            writer.proc.kill()
            writer.proc.communicate()
            writer.proc = None
        aside.unlink(missing_ok=True)
        raise


def _write(writer: Any, picture: NDArray[np.uint8], times: int) -> None:
    for _ in range(times):
        writer.write_frame(picture)


def _finish(writer: Any) -> None:
    """As moviepy's `close`, which does not ask whether ffmpeg succeeded: a full disk is noticed only here."""
    _, said = writer.proc.communicate()
    code = writer.proc.returncode
    writer.proc = None
    if code != 0:
        raise OSError(f"ffmpeg left with {code}: {said.decode(errors='replace')}")
