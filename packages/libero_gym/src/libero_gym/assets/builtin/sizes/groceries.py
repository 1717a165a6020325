"""Cans, bottles and cartons. All but the barbecue sauce lie along y in their own frame, label up."""

from __future__ import annotations

import math
from dataclasses import replace

from libero_gym.assets.builtin.carton import BoxSizes
from libero_gym.assets.builtin.labels import Band, Disc, Label, Words
from libero_gym.assets.builtin.shapes import Inertia, Panel, PlacementSites, Point
from libero_gym.assets.builtin.thing import Block, Prism, ThingSizes, Turned

_HOPE = "stable_hope_objects"
_WHITE, _BLACK, _RED, _GREEN, _YELLOW = (244, 242, 236), (30, 28, 28), (206, 38, 26), (40, 126, 58), (248, 214, 60)
_ORANGE, _METAL, _BLUE, _SKY = (240, 140, 34), (186, 190, 196), (62, 104, 196), (120, 178, 228)


_RIMS = (Band(0.0, 0.0, 1.0, 0.035, _METAL), Band(0.0, 0.965, 1.0, 1.0, _METAL))


def _can(radius: float, centre: float, label: Label, inertia: Inertia, low_site: float) -> ThingSizes:
    """A can with a pull tab, which is all that reaches beyond its wall."""
    rim = ((0.0, -0.0418), (radius, -0.0418), (radius, 0.0410), (radius - 0.003, 0.0416), (0.0, 0.0390))
    return ThingSizes(
        folder=_HOPE,
        inertia=inertia,
        label=replace(label, elements=(*label.elements, *_RIMS)),
        trim=(_METAL,),
        body=Turned(rim, centre=(0.0, 0.0, centre)),
        lying=True,
        boxes=(Panel((0.0, -0.0005, centre), (0.0225, 0.0381, 0.0225)),),
        prisms=(Prism(radius - 0.0013, -0.0381, 0.0376, 4, (0.0, -centre)),),
        blocks=(Block(Panel((0.0, 0.0385, 0.0315), (0.006, 0.0022, 0.0038))),),
        sites=PlacementSites((0.0, 0.0, low_site), (0.0, 0.0, 0.04), (0.025, 0.025, 0.0), 0.005),
        shine=0.5,
    )


def _bottle(
    profile: tuple[Point, ...],
    boxes: tuple[Panel, ...],
    label: Label,
    inertia: Inertia,
    centre: Point = (0.0, 0.0, 0.0),
) -> ThingSizes:
    return ThingSizes(
        folder=_HOPE, inertia=inertia, label=label, body=Turned(profile, centre=centre), lying=True, boxes=boxes
    )


def _milk_carton(label: Label, inertia: Inertia, radius: float = 0.025) -> ThingSizes:
    """A carton with a gable: a turned square that narrows to a fin."""
    side = 0.0269 * math.sqrt(2)
    gable = ((0.0, -0.0718), (side, -0.0718), (side, 0.0395), (side, 0.0610, 0.08), (side, 0.0718, 0.06), (0.0, 0.0718))
    return ThingSizes(
        folder=_HOPE,
        inertia=inertia,
        label=label,
        body=Turned(gable, slices=4, facets=True, phase=-3 * math.pi / 4),
        lying=True,
        boxes=(
            Panel((0.0, -0.0145, 0.0), (0.0265, 0.0553, 0.0263)),
            Panel((0.0, 0.0460, 0.0), (0.0260, 0.0060, 0.0190)),
            Panel((0.0, 0.0560, 0.0), (0.0260, 0.0054, 0.0100)),
        ),
        sites=PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.04), (radius, radius, 0.0), 0.005),
    )


def _dressing(along: float, inertia: Inertia) -> ThingSizes:
    """A round bottle with a belly, its middle `along` y."""
    profile = (
        (0.0, -0.0737), (0.0240, -0.0737, 0.87), (0.0297, -0.0579, 0.74), (0.0320, -0.0400, 0.68),
        (0.0320, -0.0260, 0.67),
        (0.0306, -0.0158, 0.70), (0.0275, -0.0052, 0.77), (0.0231, 0.0053, 0.91), (0.0202, 0.0158, 0.98),
        (0.0185, 0.0264),
        (0.0182, 0.0420), (0.0182, 0.0421), (0.0182, 0.0730), (0.0, 0.0737),
    )  # fmt: skip
    boxes = (
        Panel((-0.001, along - 0.0350, 0.0), (0.0264, 0.0377, 0.0178)),
        Panel((-0.001, along + 0.0180, 0.0), (0.0175, 0.0200, 0.0170)),
        Panel((-0.001, along + 0.0527, 0.0), (0.0150, 0.0200, 0.0150)),
    )
    label = Label(
        _WHITE,
        (
            Band(0.0, 0.0, 1.0, 0.22, _GREEN),
            Disc(0.5, 0.68, 0.13, 0.26, _GREEN),
            Disc(0.5, 0.68, 0.12, 0.235, _WHITE),
            Words("CREAMY", 0.5, 0.53, 0.055, 0.13, _GREEN),
            Words("Ranch", 0.5, 0.62, 0.085, 0.16, _BLACK),
            Words("Dressing", 0.5, 0.71, 0.075, 0.19, _BLACK),
            Disc(0.46, 0.83, 0.05, 0.06, _RED),
            Disc(0.54, 0.83, 0.04, 0.05, _ORANGE),
        ),
        (192, 128),
    )
    return _bottle(profile, boxes, label, inertia, (-0.0007, along, 0.0))


THINGS: dict[str, ThingSizes] = {
    "alphabet_soup": _can(
        0.0324,
        -0.0031,
        Label(
            _BLUE,
            (
                Band(0.0, 0.72, 1.0, 1.0, _ORANGE),
                Disc(0.5, 0.60, 0.15, 0.14, _WHITE),
                Band(0.33, 0.46, 0.67, 0.60, _BLUE),
                Words("ALPHABET", 0.5, 0.16, 0.10, 0.27, _WHITE),
                Words("SOUP", 0.5, 0.36, 0.20, 0.25, _YELLOW),
                Words("A X O E B N K Q R", 0.5, 0.87, 0.12, 0.9, _YELLOW),
            ),
            (192, 128),
        ),
        Inertia(0.025851, (0.0, -0.0008, -0.0027), (1.82e-05, 1.34e-05, 1.87e-05)),
        -0.04,
    ),
    "tomato_sauce": _can(
        0.0326,
        -0.0021,
        Label(
            (176, 26, 24),
            (
                Band(0.36, 0.08, 0.64, 0.70, _GREEN),
                Band(0.0, 0.66, 1.0, 1.0, _WHITE),
                *(Disc(x, 0.82, 0.075, 0.16, (226, 62, 34)) for x in (0.1, 0.3, 0.5, 0.7, 0.9)),
                Words("TOMATO", 0.5, 0.25, 0.15, 0.24, _WHITE),
                Words("SAUCE", 0.5, 0.48, 0.18, 0.24, _WHITE),
            ),
            (192, 128),
        ),
        Inertia(0.026633, (0.0006, -0.0008, -0.0023), (1.88e-05, 1.39e-05, 1.94e-05)),
        -0.06,
    ),
    "bbq_sauce": ThingSizes(
        folder=_HOPE,
        inertia=Inertia(0.01218, (0.0, 0.0, -0.0076), (1.12e-05, 1.21e-05, 2.6e-06)),
        label=Label(
            (104, 36, 14),
            (
                Band(0.0, 0.0, 1.0, 0.26, (214, 74, 16)),
                Disc(0.5, 0.66, 0.13, 0.28, _YELLOW),
                Words("TANGY", 0.5, 0.50, 0.06, 0.13, _RED),
                Words("BBQ", 0.5, 0.63, 0.14, 0.17, (150, 24, 16)),
                Words("Sauce", 0.5, 0.76, 0.09, 0.15, _RED),
                Disc(0.5, 0.87, 0.03, 0.04, _WHITE),
            ),
            (192, 128),
        ),
        body=Turned(
            (
                (0.0, -0.0571),
                (0.0225, -0.0571, 0.68),
                (0.0247, -0.0449, 0.68),
                (0.0249, -0.0250, 0.65),
                (0.0244, -0.0122, 0.66),
                (0.0222, 0.0041, 0.73),
                (0.0182, 0.0204, 0.89),
                (0.0153, 0.0286),
                (0.0139, 0.0330),
                (0.0140, 0.0331),
                (0.0142, 0.0560),
                (0.0, 0.0571),
            )
        ),
        boxes=(
            Panel((0.0, 0.0, -0.0273), (0.0235, 0.0146, 0.0273)),
            Panel((0.0, 0.0, 0.0110), (0.0180, 0.0146, 0.0110)),
            Panel((0.0, 0.0, 0.0373), (0.0130, 0.0130, 0.0152)),
        ),
        sites=PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.06), (0.015, 0.015, 0.0), 0.005),
    ),
    "ketchup": _bottle(
        (
            (0.0, -0.0743),
            (0.0305, -0.0743, 0.68),
            (0.0321, -0.0620, 0.67),
            (0.0323, -0.0372, 0.66),
            (0.0318, -0.0200, 0.67),
            (0.0304, -0.0053, 0.70),
            (0.0264, 0.0159, 0.80),
            (0.0234, 0.0265, 0.90),
            (0.0198, 0.0372),
            (0.0181, 0.0420),
            (0.0182, 0.0421),
            (0.0184, 0.0735),
            (0.0, 0.0743),
        ),
        (
            Panel((0.0004, -0.0320, 0.0008), (0.0281, 0.0404, 0.0184)),
            Panel((0.0004, 0.0220, 0.0008), (0.0215, 0.0140, 0.0180)),
            Panel((0.0004, 0.0540, 0.0008), (0.0165, 0.0192, 0.0165)),
        ),
        Label(
            (208, 56, 20),
            (
                Band(0.0, 0.0, 1.0, 0.22, _WHITE),
                Disc(0.5, 0.66, 0.14, 0.30, _WHITE),
                Words("Fancy", 0.5, 0.47, 0.08, 0.15, (190, 150, 30)),
                Words("Tomato", 0.5, 0.61, 0.09, 0.20, _BLACK),
                Words("Ketchup", 0.5, 0.73, 0.09, 0.22, _BLACK),
                *(Disc(x, 0.87, 0.035, 0.055, _RED) for x in (0.44, 0.5, 0.56)),
            ),
            (192, 128),
        ),
        Inertia(0.023217, (0.0004, -0.009, 0.0008), (3.79e-05, 6.99e-06, 4.03e-05)),
    ),
    "salad_dressing": _dressing(0.0, Inertia(0.021785, (-0.0005, -0.0056, 0.0002), (3.4e-05, 5.19e-06, 3.52e-05))),
    "new_salad_dressing": _dressing(0.05, Inertia(0.021785, (-0.0005, 0.0444, 0.0002), (3.4e-05, 5.19e-06, 3.52e-05))),
    "milk": _milk_carton(
        Label(
            _SKY,
            (
                Band(0.0, 0.0, 1.0, 0.08, _WHITE),
                Band(0.0, 0.08, 1.0, 0.50, _RED),
                Band(0.0, 0.84, 1.0, 1.0, (36, 104, 48)),
                *(Words("Milk", x, 0.36, 0.24, 0.21, _WHITE) for x in (0.125, 0.375, 0.625, 0.875)),
                *(Disc(x, 0.74, 0.07, 0.08, _BLACK) for x in (0.125, 0.625)),
                *(Disc(x + 0.02, 0.72, 0.03, 0.045, _WHITE) for x in (0.125, 0.625)),
                *(Disc(x - 0.06, 0.66, 0.03, 0.04, _BLACK) for x in (0.125, 0.625)),
                Band(0.27, 0.54, 0.48, 0.82, _WHITE),
            ),
            (256, 128),
        ),
        Inertia(0.031666, (0.0004, -0.012, 0.0), (4.33e-05, 1.45e-05, 4.34e-05)),
        radius=0.03,
    ),
    "orange_juice": _milk_carton(
        Label(
            (240, 222, 120),
            (
                Band(0.0, 0.0, 1.0, 0.08, _WHITE),
                Band(0.0, 0.08, 1.0, 0.30, (238, 112, 30)),
                *(Words("ORANGE", x, 0.38, 0.11, 0.22, (60, 128, 44)) for x in (0.125, 0.375, 0.625, 0.875)),
                *(Words("JUICE", x, 0.52, 0.11, 0.19, (28, 70, 52)) for x in (0.125, 0.375, 0.625, 0.875)),
                *(Disc(x, 0.79, 0.105, 0.19, (232, 120, 20)) for x in (0.125, 0.375, 0.625, 0.875)),
                *(Disc(x, 0.79, 0.085, 0.15, (250, 176, 60)) for x in (0.125, 0.375, 0.625, 0.875)),
            ),
            (256, 128),
        ),
        Inertia(0.031666, (-0.0004, -0.012, 0.0), (4.33e-05, 1.45e-05, 4.34e-05)),
    ),
}

#: Flat cartons: sizes and label. A label's left three quarters are the front, the rest is the narrow sides.
CARTONS: dict[str, tuple[BoxSizes, Label]] = {
    "cookies": (
        BoxSizes(
            half_size=(0.0310, 0.0413, 0.0094),
            visual_half_size=(0.0307, 0.0418, 0.0100),
            inertia=Inertia(0.00964, (0.0, 0.0, 0.0), (5.77e-6, 3.38e-6, 8.58e-6)),
        ),
        Label(
            _WHITE,
            (
                Band(0.0, 0.0, 1.0, 0.14, _RED),
                Words("Oatmeal Raisin", 0.375, 0.07, 0.09, 0.6, _WHITE),
                Words("COOKIES", 0.375, 0.25, 0.15, 0.66, (116, 54, 24)),
                *(Band(x / 16, 0.84, (x + 1) / 16, 0.92, _RED) for x in range(0, 16, 2)),
                *(Band(x / 16, 0.92, (x + 1) / 16, 1.0, _RED) for x in range(1, 16, 2)),
                *(
                    Disc(x + dx, y + dy, r, r, colour)
                    for x, y in ((0.2, 0.52), (0.55, 0.52), (0.375, 0.62), (0.2, 0.76), (0.55, 0.76))
                    for dx, dy, r, colour in (
                        (0.0, 0.0, 0.13, (222, 172, 92)),
                        (-0.05, -0.03, 0.02, (72, 42, 26)),
                        (0.05, -0.05, 0.02, (72, 42, 26)),
                        (0.02, 0.06, 0.02, (72, 42, 26)),
                    )
                ),
                Band(0.75, 0.14, 1.0, 0.84, _RED),
            ),
            (256, 256),
        ),
    ),
    "butter": (
        BoxSizes(
            half_size=(0.0381, 0.0198, 0.0087),
            visual_half_size=(0.0387, 0.0199, 0.0090),
            inertia=Inertia(0.0052472, (0.0, 0.0, 0.0), (8.16e-07, 2.67e-06, 3.22e-06)),
        ),
        Label(
            _RED,
            (
                Band(0.47, 0.0, 0.75, 1.0, _SKY),
                Disc(0.62, 0.50, 0.12, 0.30, _WHITE),
                Disc(0.68, 0.80, 0.08, 0.22, _BLACK),
                Words("FARM", 0.19, 0.18, 0.22, 0.32, _YELLOW),
                Words("FRESH", 0.21, 0.46, 0.22, 0.36, _YELLOW),
                Words("BUTTER", 0.235, 0.80, 0.30, 0.44, _WHITE),
                Band(0.75, 0.0, 1.0, 1.0, (214, 196, 160)),
            ),
        ),
    ),
    "chocolate_pudding": (
        BoxSizes(
            half_size=(0.0401, 0.0232, 0.0137),
            visual_half_size=(0.0415, 0.0246, 0.0149),
            inertia=Inertia(0.010186, (0.0, 0.0, 0.0), (2.46e-06, 6.1e-06, 7.28e-06)),
        ),
        Label(
            (78, 34, 22),
            (
                Band(0.0, 0.0, 0.25, 0.16, _RED),
                Words("INSTANT", 0.125, 0.08, 0.11, 0.22, _WHITE),
                Words("CHOCOLATE", 0.375, 0.34, 0.24, 0.62, (196, 150, 116)),
                Words("PUDDING", 0.375, 0.64, 0.28, 0.62, _ORANGE),
                Words("Just add milk!", 0.55, 0.88, 0.13, 0.36, _WHITE),
                Band(0.75, 0.0, 1.0, 1.0, (140, 172, 212)),
                Words("PUDDING", 0.875, 0.5, 0.4, 0.22, (214, 150, 80)),
            ),
        ),
    ),
    "cream_cheese": (
        BoxSizes(
            half_size=(0.0406, 0.0213, 0.0089),
            visual_half_size=(0.0414, 0.0213, 0.0097),
            inertia=Inertia(0.0061938, (0.0, 0.0, 0.0), (1.1e-06, 3.57e-06, 4.34e-06)),
        ),
        Label(
            (192, 204, 226),
            (
                Disc(0.375, 0.5, 0.28, 0.40, (76, 84, 190)),
                Words("Cream Cheese", 0.375, 0.42, 0.28, 0.50, _WHITE),
                Words("Fresh Taste", 0.375, 0.72, 0.14, 0.30, _WHITE),
                Band(0.75, 0.0, 1.0, 1.0, (170, 184, 212)),
            ),
        ),
    ),
}
