"""Printed labels: a ground colour with bands, discs and words on it.

Positions are parts of the picture, x right and y down. Letters are Pillow's own font, so that no font file is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from libero_gym.assets.builtin.textures import Colour


@dataclass(frozen=True)
class Band:
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float
    colour: Colour


@dataclass(frozen=True)
class Disc:
    """An ellipse: its middle and its half axes."""

    x: float
    y: float
    half_width: float
    half_height: float
    colour: Colour


@dataclass(frozen=True)
class Words:
    """A line of text: its middle, the height of its letters, and its width, to which it is stretched."""

    text: str
    x: float
    y: float
    height: float
    width: float
    colour: Colour


@dataclass(frozen=True)
class Label:
    """A picture; later elements cover earlier ones."""

    ground: Colour
    elements: tuple[Band | Disc | Words, ...] = ()
    size: tuple[int, int] = (128, 128)
    """Width and height, pixels."""

    def draw(self) -> Image.Image:
        """The label as an image."""
        image = Image.new("RGB", self.size, self.ground)
        for element in self.elements:
            _draw(image, element)
        return image


def _draw(image: Image.Image, element: Band | Disc | Words) -> None:
    width, height = image.size
    draw = ImageDraw.Draw(image)
    match element:
        case Band(left, top, right, bottom, colour):
            box = (round(left * width), round(top * height), round(right * width) - 1, round(bottom * height) - 1)
            draw.rectangle(box, fill=colour)
        case Disc(x, y, half_width, half_height, colour):
            corners = [(x - half_width) * width, (y - half_height) * height]
            draw.ellipse([*corners, (x + half_width) * width, (y + half_height) * height], fill=colour)
        case Words(text, x, y, letters, wide, colour):
            font = ImageFont.load_default(64)
            left, top, right, bottom = font.getbbox(text)
            stencil = Image.new("L", (int(right - left), int(bottom - top)))
            ImageDraw.Draw(stencil).text((-left, -top), text, fill=255, font=font, stroke_width=2, stroke_fill=255)
            stencil = stencil.resize((max(1, round(wide * width)), max(1, round(letters * height))))
            corner = (round(x * width - stencil.width / 2), round(y * height - stencil.height / 2))
            image.paste(Image.new("RGB", stencil.size, colour), corner, stencil)
