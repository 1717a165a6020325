"""Textures of a shifted background: tables, floors and walls that LIBERO does not have, made by formulas.

They are the same with every asset set. Each tiles: its left edge goes on at its right one, its top at its bottom.
"""

from __future__ import annotations

import functools

import numpy as np

#: Height and width, pixels.
SIZE = 128

#: What a room may have; the others are patterns that none has.
PLAUSIBLE = (
    *("light_wood", "dark_wood", "red_wood", "white_tiles", "grey_tiles", "plaster", "concrete", "marble"),
    *("dark_marble", "linen"),
)
PATTERNS = ("checks", "stripes", "dots", "waves", "triangles", "noise")
NAMES = (*PLAUSIBLE, *PATTERNS)


@functools.cache
def texture(name: str) -> np.ndarray:
    """Return a texture, (SIZE, SIZE, 3) uint8.

    Args:
        name: one of `NAMES`.
    """
    rng = np.random.default_rng(NAMES.index(name))
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    match name:
        case "light_wood" | "dark_wood" | "red_wood":
            colours = {
                "light_wood": ((222, 184, 135), (188, 143, 92)),
                "dark_wood": ((94, 62, 40), (56, 35, 22)),
                "red_wood": ((150, 72, 48), (104, 42, 28)),
            }[name]
            grain = np.sin(2 * np.pi * (8 * y + 0.6 * _smooth(rng, 3))) * 0.5 + 0.5
            shade = 0.7 * grain + 0.3 * _smooth(rng, 40)
        case "white_tiles" | "grey_tiles":
            colours = ((238, 238, 232), (150, 150, 146)) if name == "white_tiles" else ((128, 132, 138), (70, 72, 78))
            joints = ((x * 4) % 1 < 0.05) | ((y * 4) % 1 < 0.05)
            shade = np.where(joints, 1.0, 0.15 * _smooth(rng, 8))
        case "plaster" | "concrete" | "linen":
            colours = {
                "plaster": ((226, 216, 196), (198, 186, 164)),
                "concrete": ((164, 164, 160), (112, 112, 110)),
                "linen": ((196, 188, 160), (140, 132, 104)),
            }[name]
            threads = (np.sin(2 * np.pi * 32 * x) * np.sin(2 * np.pi * 32 * y) + 1) / 2
            shade = threads if name == "linen" else 0.5 * _smooth(rng, 6) + 0.5 * _smooth(rng, 40)
        case "marble" | "dark_marble":
            colours = ((240, 240, 240), (150, 150, 158)) if name == "marble" else ((44, 48, 56), (150, 150, 150))
            shade = np.abs(np.sin(2 * np.pi * (x + y + 0.8 * _smooth(rng, 4)))) ** 8
        case "checks":
            colours, shade = ((30, 30, 30), (235, 235, 235)), ((x * 8).astype(int) + (y * 8).astype(int)) % 2
        case "stripes":
            colours, shade = ((200, 40, 40), (240, 230, 90)), (x * 8).astype(int) % 2
        case "dots":
            colours, shade = ((40, 70, 190), (250, 250, 250)), np.hypot((x * 6) % 1 - 0.5, (y * 6) % 1 - 0.5) < 0.3
        case "waves":
            colours, shade = (
                ((20, 130, 120), (240, 150, 60)),
                np.sin(2 * np.pi * (6 * y + 0.3 * np.sin(6 * np.pi * x))) > 0,
            )
        case "triangles":
            colours, shade = ((120, 40, 140), (150, 220, 120)), (x * 6) % 1 > (y * 6) % 1
        case _:
            pixels: np.ndarray = rng.integers(0, 256, (SIZE // 4, SIZE // 4, 3)).astype(np.uint8)
            return pixels.repeat(4, axis=0).repeat(4, axis=1)
    first, second = (np.array(colour, dtype=np.float64) for colour in colours)
    mixed = first + np.asarray(shade, dtype=np.float64)[..., None] * (second - first)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, frequency: int) -> np.ndarray:
    """Return noise without steps that tiles, (SIZE, SIZE) in [0, 1].

    Args:
        rng: draws it.
        frequency: how many hills it has from edge to edge, about.
    """
    waves = np.fft.fft2(rng.standard_normal((SIZE, SIZE)))
    rates = np.fft.fftfreq(SIZE, 1 / SIZE)
    waves *= np.exp(-((rates[:, None] ** 2 + rates[None, :] ** 2) / frequency**2))
    hills = np.fft.ifft2(waves).real
    hills -= hills.min()
    return np.asarray(hills / hills.max())
