"""Render a frame of a video as one image: the cameras side by side, the text under them.

Axes: H, W pixels.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_trainer.types import Frame, Video

IMAGE_HEIGHT = 256
"""Pixels; smaller images are enlarged to it, so that the text can be read."""
FONT_SIZE, LINE, MARGIN = 14, 19, 6
"""Pixels: height of letters, from line to line, around the text."""
WHITE, GREY, GREEN, RED = (255, 255, 255), (190, 190, 190), (90, 220, 120), (255, 110, 100)
DIMMED = 0.4
"""Factor of the brightness of an episode that has ended while others go on."""


class Cell:
    """Renders the frames of one video, all of one size: the layout is computed once."""

    def __init__(self, video: Video, *, info: bool) -> None:
        """
        Args:
            video: its images may be of any size, which does not change within it.
            info: write instruction, step, reward, value and success under the image, as far as they are known.
        """
        self._video = video
        self._views = [_enlarged(image, _height(video)) for image in _images(video.frames[0])]
        self.width = _even(sum(width for width, _ in self._views))
        self._image_height = self._views[0][1]
        self._instructions: dict[str, list[str]] = {}
        self._rows: list[list[int]] = []
        self._columns: list[int] = []
        if info:
            # over all frames, so that neither the height nor the columns change during the video
            self._instructions = {text: self._wrap(text) for text in {frame.instruction for frame in video.frames}}
            values = [self._values(frame) for frame in video.frames]
            gap = 2 * round(_length(" "))
            self._columns = [max(round(_length(text)) for text in texts) + gap for texts in zip(*values, strict=True)]
            self._rows = _rows(self._columns, self.width - 2 * MARGIN)
        self._lines = max((len(lines) for lines in self._instructions.values()), default=0)
        written = self._lines + len(self._rows)
        self.height = _even(self._image_height + (written * LINE + 2 * MARGIN if written else 0))

    def draw(self, index: int, *, ended: bool = False) -> NDArray[np.uint8]:
        """Return image `index` of the video (H, W, 3); `ended` dims it and writes over it how the episode ended."""
        from PIL import Image, ImageDraw

        frame = self._video.frames[index]
        canvas = Image.new("RGB", (self.width, self.height))
        left = 0
        for image, size in zip(_images(frame), self._views, strict=True):
            canvas.paste(Image.fromarray(image).resize(size, Image.Resampling.NEAREST), (left, 0))
            left += size[0]
        if ended:
            canvas = Image.fromarray(dimmed(np.asarray(canvas)))
        pen = ImageDraw.Draw(canvas)
        if ended:
            text, colour = _outcome(self._video.episode.success)
            middle = (self.width / 2, self._image_height / 2)
            pen.text(middle, text, fill=colour, font=font(2 * FONT_SIZE), anchor="mm")
        top = self._image_height + MARGIN
        for number, line in enumerate(self._instructions.get(frame.instruction, [])):
            pen.text((MARGIN, top + number * LINE), line, fill=WHITE, font=font(FONT_SIZE))
        top += self._lines * LINE
        values = self._values(frame) if self._rows else []
        for number, row in enumerate(self._rows):
            left = MARGIN
            for column in row:
                colour = GREEN if column == len(values) - 1 and frame.success else GREY
                pen.text((left, top + number * LINE), values[column], fill=colour, font=font(FONT_SIZE))
                left += self._columns[column]
        return np.asarray(canvas)

    def _values(self, frame: Frame) -> list[str]:
        """Return step, reward, value and success as text; the same entries in every frame of a video."""
        values = [f"step {frame.env_step}", f"reward {frame.episode_return:.2f}"]
        if any(other.value is not None for other in self._video.frames):
            values.append("value -" if frame.value is None else f"value {frame.value:.2f}")
        if any(other.success is not None for other in self._video.frames):
            values.append(f"success {'yes' if frame.success else 'no'}")
        return values

    def _wrap(self, text: str) -> list[str]:
        """Return lines of whole words that are no wider than the image."""
        lines: list[str] = []
        for word in text.split():
            if lines and _length(f"{lines[-1]} {word}") <= self.width - 2 * MARGIN:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines


def _rows(columns: list[int], width: int) -> list[list[int]]:
    """Return the columns of each line of at most `width` pixels."""
    rows: list[list[int]] = []
    used = 0
    for column, needed in enumerate(columns):
        if rows and used + needed <= width:
            rows[-1].append(column)
            used += needed
        else:
            rows.append([column])
            used = needed
    return rows


def dimmed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the image of an episode that has ended while another one goes on."""
    return (image * DIMMED).astype(np.uint8)


def _images(frame: Frame) -> list[NDArray[np.uint8]]:
    return [frame.image, *frame.other_images]


def _height(video: Video) -> int:
    """Return the height in pixels at which a video's images are shown: a whole multiple of their own."""
    own = video.frames[0].image.shape[0]
    return own * max(1, round(IMAGE_HEIGHT / own))


def _enlarged(image: NDArray[np.uint8], height: int) -> tuple[int, int]:
    return round(image.shape[1] * height / image.shape[0]), height


def _outcome(success: bool | None) -> tuple[str, tuple[int, int, int]]:
    if success is None:
        return "ended", WHITE
    return ("success", GREEN) if success else ("failure", RED)


def _even(size: int) -> int:
    return size + size % 2


def _length(text: str) -> float:
    return float(font(FONT_SIZE).getlength(text))


@cache
def font(size: int) -> Any:
    """Return the font of all text, `size` pixels high."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
