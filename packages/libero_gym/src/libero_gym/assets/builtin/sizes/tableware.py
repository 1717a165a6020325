"""Mugs, pans, the coffee pot, the wine bottle, and books."""

from __future__ import annotations

import math

from libero_gym.assets.builtin.labels import Band, Label, Words
from libero_gym.assets.builtin.lathe import WallSizes
from libero_gym.assets.builtin.shapes import Inertia, Panel, Point
from libero_gym.assets.builtin.textures import Colour
from libero_gym.assets.builtin.thing import Bar, Block, Prism, ThingSizes, Turned

_SCANNED, _TURBO = "stable_scanned_objects", "turbosquid_objects"
_PAGES: Colour = (206, 200, 186)


def _mug(
    outside: tuple[Point, ...],
    thickness: float,
    centre: Point,
    foot: float,
    handle: tuple[Point, ...],
    colours: tuple[Colour, Colour],
    inertia: Inertia,
    low: float = 0.0,
) -> ThingSizes:
    """A hollow mug: `outside` runs from the foot to the rim; the handle lies in the plane of its axis and x."""
    top_r, top_z = outside[-1]
    inside = [(max(0.0, r - thickness), z) for r, z in reversed(outside[1:])]
    profile = ((0.0, 0.0), *outside, (top_r - thickness, top_z - 0.0005), *inside[1:], (0.0, inside[-1][1]))
    middle = outside[len(outside) // 2]
    first = outside[1]
    rings = tuple(
        WallSizes(
            lower=(a[0] - thickness / 2, max(a[1], 0.006)),
            upper=(b[0] - thickness / 2, min(b[1], top_z - 0.003)),
            thickness=thickness,
            segments=12,
        )
        for a, b in ((first, middle), (middle, outside[-1]))
    )
    return ThingSizes(
        folder=_TURBO,
        inertia=inertia,
        label=Label(colours[0], (Band(0.0, 0.0, 1.0, 0.02, colours[1]),), (32, 32)),
        trim=(colours[0],),
        body=Turned(profile, slices=20, centre=centre),
        boxes=(Panel((centre[0], centre[1], (0.007 + low) / 2), (foot, foot, (0.007 - low) / 2)),),
        walls=rings,
        bars=(Bar(handle, (0.0035, 0.0062)),),
        shine=0.5,
    )


def _book(
    back: float, front: float, width: Point, height: float, cover: Colour, title: str, inertia: Inertia
) -> ThingSizes:
    """A book that stands on its lower edge: covers at both ends of x, the spine at the upper end of y."""
    low, high = width
    middle, half = (low + high) / 2, (high - low) / 2
    thick, centre, deep = 0.0012, (back + front) / 2, (front - back) / 2
    return ThingSizes(
        folder=_TURBO,
        inertia=inertia,
        label=Label(cover, (Words(title, 0.5, 0.5, 0.2, 0.8, _PAGES),), (32, 32)),
        trim=(cover, _PAGES),
        boxes=(Panel((centre, middle, height / 2 + 0.001), (deep, half - 0.001, height / 2 - 0.001)),),
        blocks=(
            Block(Panel((back + thick, middle, height / 2), (thick, half, height / 2))),
            Block(Panel((front - thick, middle, height / 2), (thick, half, height / 2))),
            Block(Panel((centre, high - thick, height / 2), (deep, thick, height / 2))),
            Block(
                Panel((centre, middle, height / 2), (deep - 2 * thick, half - 0.003, height / 2 - 0.003)),
                1,
            ),
        ),
        shine=0.1,
    )


_OCTAGON = math.pi / 8
_IN = 1 / math.cos(_OCTAGON)
"""From the circle inside an octagon to its corners."""

THINGS: dict[str, ThingSizes] = {
    "porcelain_mug": _mug(
        (
            (0.0300, 0.0), (0.0336, 0.0041), (0.0375, 0.0123), (0.0428, 0.0287), (0.0459, 0.0450), (0.0475, 0.0614),
            (0.0481, 0.0800), (0.0478, 0.1144),
        ),
        0.0036,
        (0.0168, -0.0018, 0.0),
        0.0225,
        (
            (-0.0310, -0.0018, 0.0960), (-0.0500, -0.0018, 0.0930), (-0.0618, -0.0018, 0.0780),
            (-0.0618, -0.0018, 0.0480),
            (-0.0520, -0.0018, 0.0300), (-0.0250, -0.0018, 0.0210),
        ),
        ((226, 226, 224), (240, 240, 240)),
        Inertia(0.016463, (0.0102, -0.001, 0.0546), (2.78e-05, 3.42e-05, 2.83e-05)),
        low=0.0024,
    ),
    "red_coffee_mug": _mug(
        (
            (0.0360, 0.0), (0.0366, 0.0048), (0.0374, 0.0241), (0.0386, 0.0433), (0.0395, 0.0626), (0.0407, 0.0819),
            (0.0424, 0.1108), (0.0435, 0.1240), (0.0462, 0.1349),
        ),
        0.0040,
        (-0.0169, -0.0010, 0.0),
        0.0250,
        (
            (0.0190, -0.0010, 0.0250), (0.0400, -0.0010, 0.0440), (0.0540, -0.0010, 0.0650),
            (0.0596, -0.0010, 0.0900),
            (0.0550, -0.0010, 0.1110), (0.0230, -0.0010, 0.1190),
        ),
        ((186, 22, 24), (204, 36, 36)),
        Inertia(0.029353, (-0.0152, -0.0028, 0.0624), (6.02e-05, 6.32e-05, 3.44e-05)),
        low=-0.0018,
    ),
    "white_yellow_mug": _mug(
        (
            (0.0310, 0.0), (0.0350, 0.0040), (0.0400, 0.0150), (0.0415, 0.0300), (0.0441, 0.0486), (0.0465, 0.0636),
            (0.0487, 0.0786), (0.0506, 0.0936), (0.0513, 0.1048),
        ),
        0.0040,
        (-0.0178, -0.0010, 0.0),
        0.0230,
        (
            (0.0280, -0.0010, 0.0870), (0.0625, -0.0010, 0.0860), (0.0655, -0.0010, 0.0560),
            (0.0620, -0.0010, 0.0270),
            (0.0200, -0.0010, 0.0240),
        ),
        ((222, 200, 116), (244, 240, 226)),
        Inertia(0.030912, (-0.0137, 0.0005, 0.051), (5.08e-05, 6.11e-05, 5.87e-05)),
    ),
    "moka_pot": ThingSizes(
        folder=_TURBO,
        inertia=Inertia(0.068243, (0.0001, 0.0017, 0.0043), (0.000143, 0.000128, 6.22e-05)),
        label=Label((176, 178, 182), (Band(0.0, 0.50, 1.0, 0.56, (128, 130, 134)),), (32, 32)),
        trim=((26, 26, 28), (190, 192, 196)),
        body=Turned(
            tuple(
                (r * _IN, z)
                for r, z in (
                    (0.0, -0.0671), (0.0378, -0.0671), (0.0340, -0.0180), (0.0316, -0.0170), (0.0316, -0.0060),
                    (0.0330, 0.0),
                    (0.0366, 0.0600), (0.0366, 0.0610), (0.0270, 0.0660), (0.0, 0.0740),
                )
            ),
            slices=8,
            facets=True,
            phase=_OCTAGON,
        ),
        boxes=(Panel((0.0, 0.0, -0.0600), (0.0270, 0.0270, 0.0061)),),
        prisms=(
            Prism(0.0365, -0.0655, -0.0170, 2),
            Prism(0.0305, -0.0170, 0.0050, 2),
            Prism(0.0385, 0.0050, 0.0640, 2),
        ),
        bars=(
            Bar(
                ((0.0, 0.0330, 0.0580), (0.0, 0.0640, 0.0590), (0.0, 0.0805, 0.0450), (0.0, 0.0690, 0.0060)),
                (0.0060, 0.0055),
            ),
            Bar(((0.0, -0.0330, 0.0330), (0.0, -0.0560, 0.0590)), (0.0090, 0.0030), trim=1),
        ),
        blocks=(Block(Panel((0.0, 0.0, 0.0790), (0.0070, 0.0070, 0.0080)), solid=True),),
        shine=0.6,
    ),
    "chefmate_8_frypan": ThingSizes(
        folder=_SCANNED,
        inertia=Inertia(0.050247, (0.0238, -0.0009, 0.0168), (0.000121, 0.000291, 0.000398)),
        label=Label((52, 53, 52),
        (Band(0.0, 0.94, 1.0, 1.0, (70, 72, 66)), Band(0.0, 0.0, 1.0, 0.04, (92, 92, 92))), (32, 64)),
        trim=((40, 40, 42),),
        body=Turned(
            (
                (0.0, 0.0), (0.0700, 0.0), (0.0795, 0.0058), (0.0878, 0.0137), (0.0925, 0.0215), (0.0970, 0.0333),
                (0.1020, 0.0410),
                (0.1000, 0.0418), (0.0940, 0.0333), (0.0895, 0.0215), (0.0845, 0.0137), (0.0740, 0.0045),
                (0.0, 0.0035),
            ),
            slices=24,
            centre=(0.0075, 0.0003, 0.0),
        ),
        boxes=(
            Panel((0.0075, 0.0, 0.0024), (0.0530, 0.0530, 0.0016)),
            Panel((0.0075, 0.0, 0.0024), (0.0700, 0.0290, 0.0016)),
            Panel((0.0075, 0.0, 0.0024), (0.0290, 0.0700, 0.0016)),
        ),
        walls=(WallSizes(lower=(0.0740, 0.0035), upper=(0.1012, 0.0400), thickness=0.0035, segments=20),),
        bars=(
            Bar(((0.1000, 0.0, 0.0240), (0.1350, 0.0, 0.0320), (0.1700, 0.0, 0.0440), (0.2560, 0.0, 0.0510)),
            (0.0050, 0.0150)),
        ),
    ),
    "wine_bottle": ThingSizes(
        folder=_TURBO,
        inertia=Inertia(0.015394, (0.0002, 0.0, 0.0561), (2.29e-05, 2.28e-05, 2.54e-06)),
        label=Label(
            (16, 34, 20),
            (
                Band(0.0, 0.0, 1.0, 0.08, (206, 158, 104)),
                Band(0.34, 0.66, 0.66, 0.88, (232, 228, 212)),
                Words("CHATEAU", 0.5, 0.73, 0.04, 0.24, (60, 50, 40)),
                Words("Rouge", 0.5, 0.80, 0.04, 0.18, (120, 40, 40)),
            ),
            (64, 128),
        ),
        body=Turned(
            (
                (0.0, 0.0), (0.0205, 0.0), (0.0217, 0.0020), (0.0216, 0.0624), (0.0198, 0.0737), (0.0171, 0.0851),
                (0.0127, 0.0964), (0.0095, 0.1077), (0.0080, 0.1191), (0.0075, 0.1304), (0.0079, 0.1418),
                (0.0077, 0.1588), (0.0, 0.1588),
            )
        ),
        boxes=(Panel((0.0, 0.0, 0.0373), (0.0150, 0.0150, 0.0362)),),
        prisms=(Prism(0.0205, 0.0035, 0.0631, 3), Prism(0.0118, 0.0631, 0.0950, 2), Prism(0.0072, 0.0950, 0.1580, 2)),
        shine=0.7,
    ),
    "black_book": _book(
        -0.0155, 0.0146, (-0.0687, 0.0446), 0.1382, (22, 20, 20), "ATLAS",
        Inertia(0.042547, (-0.0005, -0.0121, 0.0694), (0.000107, 6.7e-05, 4.61e-05)),
    ),
    "yellow_book": _book(
        -0.0107, 0.0162, (-0.0514, 0.0499), 0.1235, (206, 172, 82), "NOTES",
        Inertia(0.028125, (0.0016, 0.0001, 0.0631), (5.74e-05, 3.63e-05, 2.37e-05)),
    ),
}  # fmt: skip
