"""Books: a composite by formula from a cover's outer sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from libero_gym.assets.builtin.composite import Block, CompositeSizes
from libero_gym.assets.builtin.labels import Label, Text
from libero_gym.assets.builtin.schema import Colour, Range
from libero_gym.assets.builtin.shapes import Box, Folder, Inertia, Size

_Interval = Annotated[tuple[float, float], Range(-1, 1, "m")]

#: Half thickness of the covers and the spine, metres.
_COVER = 0.0012


@dataclass(frozen=True)
class BookSizes:
    """A book that stands on its lower edge: covers at both ends of x, the spine at the upper end of y."""

    folder: Folder
    depth: _Interval
    """Lowest and highest x, from cover to cover."""
    width: _Interval
    """Lowest and highest y."""
    height: Size
    cover: Colour
    pages: Colour
    title: str
    inertia: Inertia

    def composite(self) -> CompositeSizes:
        """Return the book as two covers, a spine and the pages between them, to render, and a box to collide with."""
        (back, front), (low, high), height = self.depth, self.width, self.height
        x, half_x, y, half_y = (back + front) / 2, (front - back) / 2, (low + high) / 2, (high - low) / 2
        pages = (half_x - 2 * _COVER, half_y - 0.003, height / 2 - 0.003)
        return CompositeSizes(
            folder=self.folder,
            inertia=self.inertia,
            label=Label(self.cover, (Text(self.title, ((0.5, 0.5, 0.2, 0.8),), self.pages),), (32, 32)),
            trim=(self.cover, self.pages),
            boxes=(Box((x, y, height / 2 + 0.001), (half_x, half_y - 0.001, height / 2 - 0.001)),),
            blocks=(
                Block(Box((back + _COVER, y, height / 2), (_COVER, half_y, height / 2))),
                Block(Box((front - _COVER, y, height / 2), (_COVER, half_y, height / 2))),
                Block(Box((x, high - _COVER, height / 2), (half_x, _COVER, height / 2))),
                Block(Box((x, y, height / 2), pages), trim=1),
            ),
            shine=0.1,
        )
