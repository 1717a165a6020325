"""Printed labels of cartons."""

from __future__ import annotations

import numpy as np

from libero_gym.assets.builtin.textures import Colour, colour

#: Letters as 7 rows of 5 dots, only those that a label needs.
_LETTERS: dict[str, tuple[str, ...]] = {
    "C": (".###.", "#...#", "#....", "#....", "#....", "#...#", ".###."),
    "E": ("#####", "#....", "#....", "####.", "#....", "#....", "#####"),
    "I": ("#####", "..#..", "..#..", "..#..", "..#..", "..#..", "#####"),
    "K": ("#...#", "#..#.", "#.#..", "##...", "#.#..", "#..#.", "#...#"),
    "O": (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    "S": (".####", "#....", "#....", ".###.", "....#", "....#", "####."),
}

_RED: Colour = (205, 44, 32)
_WHITE: Colour = (244, 240, 230)
_BROWN: Colour = (116, 54, 24)
_DOUGH: Colour = (222, 172, 92)
_CHIP: Colour = (72, 42, 26)


def cookie_box() -> np.ndarray:
    """The cookie box: front in the left three quarters, a narrow side in the last; (256, 256, 3).

    From the top: a red band, the word COOKIES, a heap of cookies, a red and white check.
    """
    image = np.broadcast_to(colour(_WHITE), (256, 256, 3)).copy()
    image[:28] = colour(_RED)
    _write(image, "COOKIES", top=40, left=14, dot_height=7, dot_width=4, rgb=_BROWN)
    _check(image[100:256, :192], 24)
    for x, y in ((52, 136), (140, 136), (96, 158), (50, 204), (142, 204), (96, 222)):
        _disc(image, x, y, 34, _DOUGH)
        for dx, dy in ((-14, -8), (6, -17), (15, 5), (-5, 12), (0, -3)):
            _disc(image, x + dx, y + dy, 5, _CHIP)
    image[:, 192:] = colour(_RED)
    _check(image[168:256, 192:], 22)
    return image


def _write(image: np.ndarray, word: str, top: int, left: int, dot_height: int, dot_width: int, rgb: Colour) -> None:
    """Writes a word into the image, in place."""
    for position, letter in enumerate(word):
        for row, line in enumerate(_LETTERS[letter]):
            for column, dot in enumerate(line):
                if dot == "#":
                    y, x = top + row * dot_height, left + (6 * position + column) * dot_width
                    image[y : y + dot_height, x : x + dot_width] = colour(rgb)


def _disc(image: np.ndarray, x: int, y: int, radius: int, rgb: Colour) -> None:
    """Fills a disc, in place."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    image[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = colour(rgb)


def _check(image: np.ndarray, edge: int) -> None:
    """Fills with red and white squares, in place."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    red = (rows // edge + columns // edge) % 2 == 0
    image[:] = np.where(red[:, :, None], colour(_RED), colour(_WHITE))
