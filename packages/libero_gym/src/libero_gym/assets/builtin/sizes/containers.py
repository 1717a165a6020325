"""Tray, caddy, wine rack and shelf; the basket."""

from __future__ import annotations

import math

from libero_gym.assets.builtin.boards import BoardSizes
from libero_gym.assets.builtin.labels import Band, Label
from libero_gym.assets.builtin.lathe import WallSizes
from libero_gym.assets.builtin.shapes import Inertia, Panel, Point
from libero_gym.assets.builtin.thing import ThingSizes, Turned

_TURBO = "turbosquid_objects"
_SEAM = (150, 110, 66)
_UPSIDE_DOWN = (0.0, 0.0, 1.0, 0.0)
_ON_EDGE = (0.70711, 0.0, 0.70711, 0.0)
"""A region whose half size is given as (height, depth, width)."""


def _about_x(degrees: float) -> Point:
    half = math.radians(degrees) / 2
    return (math.cos(half), math.sin(half), 0.0, 0.0)


def _slats(count: int, width: float, centre: Point, half_depth: float, lean: Point) -> tuple[Panel, ...]:
    """Boards side by side along x, with a narrow gap between them."""
    step = 2 * width / count
    return tuple(
        Panel((-width + (i + 0.5) * step, *centre[1:]), (step / 2 - 0.0015, half_depth, 0.0045), lean)
        for i in range(count)
    )


_TRAY_POSTS = tuple((x, y) for x in (-0.1321, 0.1453) for y in (-0.0785, 0.0685))
_CADDY_SIDES = (0.0706, 0.2084)

BASKET = ThingSizes(
    folder="stable_scanned_objects",
    inertia=Inertia(0.13611, (0.0013, 0.0001, 0.0609), (0.000639, 0.000684, 0.000817)),
    label=Label(
        (166, 124, 76),
        (Band(0.0, 0.0, 1.0, 0.03, (212, 160, 96)), *(Band(0.0, y / 9, 1.0, y / 9 + 0.02, _SEAM) for y in range(1, 9))),
        (32, 64),
    ),
    body=Turned(
        tuple(
            (r * math.sqrt(2), z)
            for r, z in ((0.0, 0.0), (0.0830, 0.0), (0.1000, 0.1400), (0.0920, 0.1400), (0.0760, 0.0120), (0.0, 0.0120))
        ),
        slices=4,
        facets=True,
        phase=-3 * math.pi / 4,
    ),
    boxes=(Panel((0.0006, 0.0, 0.0131), (0.0766, 0.0724, 0.0085)),),
    walls=(WallSizes(lower=(0.0695, 0.0130), upper=(0.0775, 0.1420), thickness=0.0134, segments=4),),
    regions={"contain_region": Panel((0.0, 0.0, 0.0718), (0.0611, 0.0611, 0.0695), (0.0, 0.0, 0.0, 1.0))},
    shine=0.1,
)

BOARDS: dict[str, BoardSizes] = {
    "wooden_tray": BoardSizes(
        folder=_TURBO,
        inertia=Inertia(0.057154, (0.0076, -0.0054, 0.0187), (0.000232, 0.000607, 0.00079)),
        boards={
            "oak": (
                *(Panel((x, -0.0055, 0.0299), (0.0023, 0.0778, 0.0246)) for x in (-0.1392, 0.1532)),
                *(Panel((0.0078, y, 0.0322), (0.1440, 0.0023, 0.0288)) for y in (-0.0845, 0.0758)),
                Panel((0.0078, -0.0056, 0.0035), (0.1440, 0.0246, 0.0036)),
                *(Panel((0.0078, y, 0.0036), (0.1440, 0.0200, 0.0036)) for y in (-0.0642, 0.0538)),
                *(Panel((x, y, 0.0408), (0.0062, 0.0055, 0.0392)) for x, y in _TRAY_POSTS),
                *(Panel((x, -0.0049, 0.0797), (0.0067, 0.0786, 0.0012)) for x in (-0.1335, 0.1471)),
            )
        },
        regions={"contain_region": Panel((0.0086, -0.0047, 0.0426), (0.0404, 0.0784, 0.1355), _ON_EDGE)},
    ),
    "desk_caddy": BoardSizes(
        folder=_TURBO,
        boards={
            "oak": (
                Panel((0.0, 0.0, 0.0076), (0.0755, 0.2169, 0.0062)),
                *(Panel((0.0, y, 0.0850), (0.0706, 0.0062, 0.0824)) for y in (-0.0680, -0.2094)),
                Panel((0.0668, 0.0, 0.0868), (0.0040, 0.2098, 0.0815)),
                Panel((-0.0016, 0.0, 0.0552), (0.0040, 0.0668, 0.0434)),
                Panel((-0.0669, 0.0, 0.0395), (0.0040, 0.2098, 0.0346)),
                Panel((-0.0669, -0.1398, 0.0877), (0.0040, 0.0796, 0.0766)),
                # The sides of the low part are steps under a slope.
                *(Panel((0.0, y, 0.0452), (0.0706, 0.0036, 0.0333)) for y in _CADDY_SIDES),
                *(Panel((0.0240, y, 0.0945), (0.0466, 0.0036, 0.0180)) for y in _CADDY_SIDES),
                *(Panel((0.0480, y, 0.1300), (0.0226, 0.0036, 0.0190)) for y in _CADDY_SIDES),
            )
        },
        regions={
            "right_contain_region": Panel((0.0063, -0.1434, 0.0656), (0.0620, 0.0622, 0.0605), _UPSIDE_DOWN),
            "left_contain_region": Panel((0.0063, 0.1455, 0.0656), (0.0620, 0.0622, 0.0605), _UPSIDE_DOWN),
            "back_contain_region": Panel((0.0336, -0.0006, 0.0856), (0.0278, 0.0622, 0.0605), _UPSIDE_DOWN),
            "front_contain_region": Panel(
                (-0.0310, -0.0006, 0.0405), (0.0278, 0.0360, 0.0622), (0.0, 0.0, 0.70711, -0.70711)
            ),
        },
    ),
    "wine_rack": BoardSizes(
        folder=_TURBO,
        boards={
            "pine": (
                *_slats(8, 0.1344, (0.0, -0.0061, 0.2512), 0.0789, _about_x(31.3)),
                *_slats(8, 0.1344, (0.0, -0.0427, 0.1273), 0.0789, _about_x(31.3)),
                *(
                    Panel((0.0, y, z), (0.1322, 0.0011, 0.0087), _about_x(31.3))
                    for y, z in ((-0.0748, 0.2207), (-0.1091, 0.0974))
                ),
            ),
            "mahogany": (
                Panel((0.0, 0.0, 0.0066), (0.0930, 0.0665, 0.0045)),
                Panel((0.0, 0.0694, 0.0101), (0.0900, 0.0600, 0.0045), _about_x(-7.5)),
                Panel((0.0, -0.0643, 0.0126), (0.0900, 0.0600, 0.0045), _about_x(8.1)),
                Panel((0.0, 0.0, 0.0205), (0.0904, 0.0141, 0.0045)),
                Panel((0.0, 0.0089, 0.1703), (0.0076, 0.0091, 0.1616), _about_x(-15.9)),
            ),
        },
        regions={"top_region": Panel((0.0, -0.0800, 0.2174), (0.1009, 0.0220, 0.0025), (0.85500, -0.51860, 0.0, 0.0))},
    ),
    "wooden_two_layer_shelf": BoardSizes(
        folder=_TURBO,
        boards={
            "walnut": (
                *(Panel((x, 0.0162, 0.1046), (0.0071, 0.0954, 0.1044)) for x in (-0.1538, 0.1631)),
                Panel((0.0029, 0.1094, 0.1046), (0.1633, 0.0023, 0.1044)),
                Panel((0.0052, 0.0187, 0.0700), (0.1532, 0.0894, 0.0012)),
                Panel((0.0050, 0.0164, 0.2082), (0.1756, 0.0951, 0.0021)),
            )
        },
        regions={
            "top_side": Panel((0.0050, 0.0157, 0.2069), (0.1756, 0.0944, 0.0015)),
            "top_region": Panel((0.0054, 0.0169, 0.1367), (0.0674, 0.0856, 0.1509), (0.70711, 0.0, -0.70711, 0.0)),
            "bottom_region": Panel((0.0056, 0.0169, 0.0141), (0.0353, 0.0856, 0.1558), _ON_EDGE),
        },
    ),
}
