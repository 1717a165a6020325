"""Textures by formula: wood, plaster, tiles, metal, glazes. Small, seamless, the same bytes on every machine.

Textures are (H, W, 3) float arrays in [0, 1] until `to_image` makes them images. Noise comes from an integer
hash, not from a random generator, so that no library version can change it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from PIL import Image

from libero_gym.assets.builtin.schema import Colour


def to_image(values: np.ndarray) -> Image.Image:
    """Return an 8-bit image of (H, W, 3) values in [0, 1]; values outside are clipped."""
    return Image.fromarray(np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8))


def colour(rgb: Colour) -> np.ndarray:
    """Return the colour as a (3,) array in [0, 1]."""
    return np.array([value / 255 for value in rgb])


def noise(height: int, width: int, cells_y: int, cells_x: int, seed: int) -> np.ndarray:
    """Return seamless value noise: cells_y x cells_x hashed values, smoothly interpolated; (H, W) in [0, 1]."""
    y = np.arange(height) * cells_y / height
    x = np.arange(width) * cells_x / width
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (_ease(y - y0))[:, None], (_ease(x - x0))[None, :]
    y1, x1 = (y0 + 1) % cells_y, (x0 + 1) % cells_x
    lattice = _hash(np.arange(cells_y)[:, None] * 7919 + np.arange(cells_x)[None, :] * 104729 + seed * 15485863)
    top = lattice[np.ix_(y0, x0)] * (1 - fx) + lattice[np.ix_(y0, x1)] * fx
    bottom = lattice[np.ix_(y1, x0)] * (1 - fx) + lattice[np.ix_(y1, x1)] * fx
    values: np.ndarray = top * (1 - fy) + bottom * fy
    return values


def wood(size: int, dark: Colour, light: Colour, seed: int) -> np.ndarray:
    """Return wood whose grain runs along x, (size, size, 3)."""
    bend = noise(size, size, 4, 2, seed)
    y = np.arange(size)[:, None] / size
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (6 * y + 1.5 * bend))
    fibre = noise(size, size, size // 2, 4, seed + 1)
    pores = noise(size, size, size, 8, seed + 2)
    mix = 0.45 * rings + 0.35 * fibre + 0.2 * pores
    return _blend(dark, light, mix)


def planks(size: int, dark: Colour, light: Colour, seam: Colour, boards: int, seed: int) -> np.ndarray:
    """Return boards of `wood` laid along x with staggered ends, (size, size, 3)."""
    image = wood(size, dark, light, seed)
    depth = size // boards
    for board in range(boards):
        rows = slice(board * depth, (board + 1) * depth)
        joint = int(_hash(np.array([seed * 31 + board]))[0] * size)
        shade = 0.86 + 0.2 * _hash(np.array([seed * 57 + 2 * board, seed * 57 + 2 * board + 1]))
        image[rows] = np.roll(image[rows], 3 * joint, axis=1)
        left = (np.arange(size) - joint) % size < size // 2
        image[rows] *= np.where(left, shade[0], shade[1])[None, :, None]
        image[rows][:, [joint % size, (joint + size // 2) % size]] = colour(seam)
        image[board * depth] = colour(seam)
    return image


def plaster(size: int, dark: Colour, light: Colour, seed: int) -> np.ndarray:
    """Return blotches over a fine grain, (size, size, 3)."""
    mix = 0.5 * noise(size, size, 5, 5, seed) + 0.3 * noise(size, size, 16, 16, seed + 1)
    return _blend(dark, light, mix + 0.2 * noise(size, size, size, size, seed + 2))


def tiles(size: int, dark: Colour, light: Colour, seam: Colour, count: int, seed: int) -> np.ndarray:
    """Return square tiles of `plaster` of different shades, (size, size, 3)."""
    image = plaster(size, dark, light, seed)
    edge = size // count
    shades = 0.94 + 0.1 * _hash(np.arange(count * count) + seed * 101).reshape(count, count)
    index = np.minimum(np.arange(size) // edge, count - 1)
    image *= shades[np.ix_(index, index)][:, :, None]
    image[::edge] = colour(seam)
    image[:, ::edge] = colour(seam)
    return image


def linen(size: int, dark: Colour, light: Colour, seed: int) -> np.ndarray:
    """Return woven threads, (size, size, 3)."""
    return _blend(dark, light, 0.6 * noise(size, size, 4, size, seed) + 0.4 * noise(size, size, size, 4, seed + 1))


def brushed_metal(size: int, dark: Colour, light: Colour, seed: int) -> np.ndarray:
    """Return fine scratches along x under a soft sheen, (size, size, 3)."""
    return _blend(dark, light, 0.6 * noise(size, size, size, 3, seed) + 0.4 * noise(size, size, 3, 2, seed + 1))


def glaze(
    height: int, width: int, body: Colour, bands: tuple[tuple[float, float, Colour], ...], seed: int
) -> np.ndarray:
    """Return a turned vessel's skin: y follows its profile, a band covers (from, to) of it; (height, width, 3)."""
    image = np.broadcast_to(colour(body), (height, width, 3)).copy()
    along = (np.arange(height) + 0.5) / height
    for lower, upper, rgb in bands:
        image[(along >= lower) & (along < upper)] = colour(rgb)
    return image * (0.94 + 0.06 * noise(height, width, 32, 32, seed))[:, :, None]


def fluted(image: np.ndarray, lower: float, upper: float, flutes: int, depth: float) -> np.ndarray:
    """Return a copy with upright flutes shaded into the rows from `lower` to `upper` (parts of the height)."""
    result = image.copy()
    height, width = image.shape[:2]
    rows = slice(int(lower * height), int(upper * height))
    phase = 2 * np.pi * flutes * np.arange(width) / width
    result[rows] *= (1 - depth * (0.5 + 0.5 * np.cos(phase)))[None, :, None]
    return result


_WHITE: Colour = (238, 236, 230)
_RED_BROWN: Colour = (150, 58, 44)
_TILE: tuple[Colour, Colour, Colour] = ((182, 172, 163), (208, 200, 192), (236, 232, 226))

Wood = Literal["oak", "pine", "mahogany", "walnut", "white", "ebony"]
Metal = Literal["steel", "cast_iron"]
Glaze = Literal["black_glaze", "plate_glaze", "ramekin_glaze", "white_porcelain"]

_TEXTURES: dict[Wood | Metal | Glaze, Callable[[], np.ndarray]] = {
    "oak": partial(wood, 128, (136, 98, 56), (186, 142, 92), 31),
    "pine": partial(wood, 128, (206, 180, 138), (238, 220, 184), 32),
    "mahogany": partial(wood, 128, (66, 24, 14), (112, 48, 28), 33),
    "walnut": partial(wood, 128, (48, 42, 38), (84, 74, 66), 34),
    "white": partial(wood, 128, (206, 206, 204), (232, 232, 230), 35),
    # Lighter than a black bowl, so that the bowl stands out against it.
    "ebony": partial(wood, 128, (58, 40, 28), (104, 74, 52), 5),
    "steel": partial(brushed_metal, 64, (130, 132, 136), (206, 208, 210), 6),
    "cast_iron": partial(plaster, 32, (34, 34, 36), (62, 62, 64), 7),
    # Black inside and out, a thin worn rim.
    "black_glaze": partial(glaze, 128, 64, (26, 26, 29), ((0.10, 0.14, (44, 44, 48)), (0.495, 0.53, (84, 82, 80))), 8),
    # White, with a red-brown ring near the rim and a thin one where the wall begins.
    "plate_glaze": partial(glaze, 256, 32, _WHITE, ((0.545, 0.585, _RED_BROWN), (0.735, 0.745, _RED_BROWN)), 9),
    # White porcelain, fluted outside, with a brown glazed rim.
    "ramekin_glaze": lambda: fluted(
        glaze(128, 128, (232, 230, 224), ((0.475, 0.545, (168, 120, 78)),), 10), 0.27, 0.42, flutes=32, depth=0.35
    ),
    # Off-white, a little darker inside.
    "white_porcelain": partial(glaze, 64, 32, (232, 231, 228), ((0.56, 1.0, (220, 219, 216)),), 11),
}

#: Files in LIBERO's `textures`: its tables, and the floors and walls that `libero.libero.envs.arenas.style` names.
SCENE_TEXTURES: dict[str, Callable[[], np.ndarray]] = {
    "light_wood_table.png": partial(wood, 256, (182, 162, 142), (214, 198, 182), 3),
    "rosewood_table.png": partial(wood, 128, (62, 34, 24), (104, 62, 44), 36),
    "teak_table.png": partial(wood, 128, (122, 82, 40), (174, 124, 66), 37),
    "dark_floor_texture.png": partial(planks, 128, (44, 40, 36), (72, 66, 58), (30, 28, 26), 8, 11),
    "rustic_floor.png": partial(planks, 128, (135, 134, 128), (190, 190, 184), (108, 100, 92), 4, 12),
    "light-gray-floor-tile.png": partial(planks, 128, *_TILE, 4, 13),
    "white_marble_floor.png": partial(plaster, 128, (214, 214, 216), (250, 250, 250), 14),
    "seamless_wood_planks_floor.png": partial(planks, 128, (222, 182, 112), (246, 218, 160), (198, 158, 96), 8, 15),
    "brown_ceramic_tile.png": partial(tiles, 128, (160, 132, 112), (194, 172, 152), (206, 190, 174), 2, 16),
    "gray_ceramic_tile.png": partial(tiles, 128, (166, 150, 134), (206, 192, 176), (212, 202, 190), 3, 17),
    "tile_grigia_caldera_porcelain_floor.png": partial(planks, 128, *_TILE, 4, 13),
    "light_blue_wall.png": partial(plaster, 128, (172, 216, 240), (198, 232, 248), 21),
    "dark_blue_wall.png": partial(plaster, 128, (88, 132, 160), (116, 158, 182), 22),
    "dark_gray_plaster.png": partial(plaster, 128, (84, 92, 100), (110, 120, 126), 23),
    "gray_plaster.png": partial(plaster, 128, (226, 228, 225), (246, 247, 245), 24),
    "dark_green_plaster_wall.png": partial(plaster, 128, (62, 88, 70), (86, 114, 94), 25),
    "light-gray-plaster.png": partial(plaster, 128, (214, 210, 202), (232, 228, 222), 26),
    "ceramic.png": partial(tiles, 128, (244, 243, 238), (254, 253, 248), (226, 225, 220), 4, 27),
    "white_wall.png": partial(plaster, 128, (228, 230, 227), (240, 242, 239), 28),
    "yellow_linen_wall_texture.png": partial(linen, 128, (206, 198, 160), (234, 228, 200), 29),
}


def texture_image(name: Wood | Metal | Glaze) -> Image.Image:
    """Return the 8-bit texture of a material."""
    return to_image(_TEXTURES[name]())


def _ease(t: np.ndarray) -> np.ndarray:
    eased: np.ndarray = t * t * (3 - 2 * t)
    return eased


def _blend(dark: Colour, light: Colour, mix: np.ndarray) -> np.ndarray:
    blended: np.ndarray = colour(dark) + (colour(light) - colour(dark)) * mix[:, :, None]
    return blended


def _hash(keys: np.ndarray) -> np.ndarray:
    """Map integers to values in [0, 1), by the finalizer of MurmurHash3 (32 bits)."""
    h = np.asarray(keys, np.uint64) & np.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h = ((h ^ (h >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return (h ^ (h >> np.uint64(16))).astype(float) / 2**32
