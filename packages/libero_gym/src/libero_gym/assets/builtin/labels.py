"""Printed labels: a ground colour with bands, ellipses and text on it.

Positions and sizes are parts of the image's width and height, x right and y down. Letters are Pillow's own font: no
font file is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from PIL import Image, ImageDraw, ImageFont

from libero_gym.assets.builtin.schema import Colour, Range

_Shapes = tuple[Annotated[tuple[float, float, float, float], Range(0, 1, "of the image")], ...]


@dataclass(frozen=True)
class Bands:
    """Filled rectangles."""

    bands: _Shapes
    """(left, top, right, bottom)."""
    colour: Colour


@dataclass(frozen=True)
class Ellipses:
    """Filled ellipses along the axes."""

    ellipses: _Shapes
    """(x, y) of the centre, half width, half height."""
    colour: Colour


@dataclass(frozen=True)
class Text:
    """A line of text, in one or several places."""

    text: str
    at: _Shapes
    """(x, y) of the centre, height of the letters, width to which the line is stretched."""
    colour: Colour


@dataclass(frozen=True)
class Label:
    """A printed image; later elements cover earlier ones."""

    ground: Colour
    elements: tuple[Bands | Ellipses | Text, ...] = ()
    size: Annotated[tuple[int, int], Range(1, 512, "pixels")] = (128, 128)
    """Width and height, pixels."""

    def render(self) -> Image.Image:
        """Return the label as an RGB image of `size`."""
        image = Image.new("RGB", self.size, self.ground)
        for element in self.elements:
            _draw(image, element)
        return image


def _draw(image: Image.Image, element: Bands | Ellipses | Text) -> None:
    width, height = image.size
    draw = ImageDraw.Draw(image)
    match element:
        case Bands(bands, colour):
            for left, top, right, bottom in bands:
                corner = (round(right * width) - 1, round(bottom * height) - 1)
                draw.rectangle((round(left * width), round(top * height), *corner), fill=colour)
        case Ellipses(ellipses, colour):
            for x, y, half_width, half_height in ellipses:
                upper_left = [(x - half_width) * width, (y - half_height) * height]
                draw.ellipse([*upper_left, (x + half_width) * width, (y + half_height) * height], fill=colour)
        case Text(text, places, colour):
            font = ImageFont.load_default(64)
            left, top, right, bottom = font.getbbox(text)
            stencil = Image.new("L", (int(right - left), int(bottom - top)))
            ImageDraw.Draw(stencil).text((-left, -top), text, fill=255, font=font, stroke_width=2, stroke_fill=255)
            for x, y, letter_height, text_width in places:
                size = (max(1, round(text_width * width)), max(1, round(letter_height * height)))
                corner = (round(x * width - size[0] / 2), round(y * height - size[1] / 2))
                image.paste(Image.new("RGB", size, colour), corner, stencil.resize(size))
