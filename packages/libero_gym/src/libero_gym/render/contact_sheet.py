"""Many small images on one sheet, each with a line under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

_MARGIN = 6
_BACKGROUND, _INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True)
class Tile:
    """One place on a sheet."""

    images: tuple[np.ndarray, ...]
    """Side by side; each (S, S, 3) uint8, upright."""
    caption: str


def contact_sheet(tiles: Sequence[Tile], columns: int) -> Image.Image:
    """Lay tiles out in rows; captions are wrapped to the width of their tile.

    Args:
        tiles: at least one, all with as many images of the same size.
        columns: tiles in a row; fewer where there are fewer tiles.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = tiles[0].images[0].shape[0]
    width = size * len(tiles[0].images)
    columns = min(columns, len(tiles))
    font = ImageFont.load_default(size=max(9, min(16, size // 8)))
    line = int(font.getbbox("Ag")[3]) + 3
    rows = [tiles[first : first + columns] for first in range(0, len(tiles), columns)]
    captions = [[_wrapped(tile.caption, font, width) for tile in row] for row in rows]
    heights = [size + line * max(len(lines) for lines in row) + 2 * _MARGIN for row in captions]
    canvas = Image.new("RGB", (columns * (width + _MARGIN) + _MARGIN, sum(heights) + _MARGIN), _BACKGROUND)
    pen, top = ImageDraw.Draw(canvas), _MARGIN
    for row, texts, height in zip(rows, captions, heights, strict=True):
        for column, (tile, lines) in enumerate(zip(row, texts, strict=True)):
            left = _MARGIN + column * (width + _MARGIN)
            for index, image in enumerate(tile.images):
                canvas.paste(Image.fromarray(image), (left + index * size, top))
            for index, text in enumerate(lines):
                pen.text((left, top + size + 2 + index * line), text, fill=_INK, font=font)
        top += height
    return canvas


def _wrapped(text: str, font: FreeTypeFont | ImageFont, width: int) -> list[str]:
    """Return lines that fit into `width` pixels, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
