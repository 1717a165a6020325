"""Rooms: walls, cameras, lamps, tables, and what stands in the background."""

from __future__ import annotations

from dataclasses import replace

from libero_gym.assets.builtin.scene import CameraPose, FixedTable, Furniture, LightPose, RoomSizes, WallPanel
from libero_gym.assets.builtin.shapes import Panel

_WHITE, _GREEN, _BLACK = (206, 208, 210), (58, 104, 44), (26, 24, 24)

TABLETOP = RoomSizes(
    walls=(
        WallPanel("leftcorner", (-1.25, 2.25, 1.5), (0.65328, 0.65328, 0.2706, 0.2706), (1.06, 1.5, 0.01)),
        WallPanel("rightcorner", (-1.25, -2.25, 1.5), (0.65328, 0.65328, -0.2706, -0.2706), (1.06, 1.5, 0.01)),
        WallPanel("left", (1.25, 3.0, 1.5), (0.70711, 0.70711, 0.0, 0.0), (1.75, 1.5, 0.01)),
        WallPanel("right", (1.25, -3.0, 1.5), (0.70711, -0.70711, 0.0, 0.0), (1.75, 1.5, 0.01)),
        WallPanel("rear", (-2.0, 0.0, 1.5), (0.5, 0.5, 0.5, 0.5), (1.5, 1.5, 0.01)),
        WallPanel("front", (3.0, 0.0, 1.5), (0.5, 0.5, -0.5, -0.5), (3.0, 1.5, 0.01)),
    ),
    cameras=(
        CameraPose("frontview", (1.0, 0.0, 1.45), (0.56, 0.43, 0.43, 0.56)),
        CameraPose("birdview", (-0.2, 0.0, 3.0), (0.70711, 0.0, 0.0, 0.70711)),
        CameraPose("agentview", (0.5, 0.0, 1.35), (0.653, 0.271, 0.271, 0.653)),
        CameraPose("sideview", (-0.05652, 1.27612, 1.48796), (0.0099, 0.00688, 0.59122, 0.80642)),
    ),
    lights=(
        LightPose("light1", (1.0, 1.0, 4.0), (0.0, -0.15, -1.0), 0.8, 0.3),
        LightPose("light2", (-3.0, -3.0, 4.0), (0.0, -0.15, -1.0), 0.8, 0.3),
    ),
    wall=(222, 218, 210),
    wood="light_wood_table.png",
)

FLOOR = replace(TABLETOP, wood=None, floor_in_body=True)

KITCHEN = replace(
    TABLETOP,
    wall=(218, 211, 178),
    walls=(
        WallPanel("left", (0.5, 3.0, 1.5), (0.70711, 0.70711, 0.0, 0.0), (2.5, 1.5, 0.01)),
        WallPanel("right", (0.5, -3.0, 1.5), (0.70711, -0.70711, 0.0, 0.0), (2.5, 1.5, 0.01)),
        WallPanel("rear", (-2.0, 0.0, 1.5), (0.5, 0.5, 0.5, 0.5), (3.0, 1.5, 0.01)),
        WallPanel("front", (3.0, 0.0, 1.5), (0.5, 0.5, -0.5, -0.5), (3.0, 1.5, 0.01)),
    ),
    lights=(LightPose("light_kitchen", (-1.75, 0.0, 1.6), (0.0, 0.0, -1.0), 0.8, 0.8, True), *TABLETOP.lights),
    furniture=(
        Furniture(Panel((-1.75, -2.40, 0.88), (0.22, 0.435, 0.88)), (150, 152, 156)),  # fridge
        Furniture(Panel((-1.55, 0.26, 1.00), (0.12, 0.12, 0.07)), (92, 92, 94), round=True),  # pot
    ),
)

LIVING_ROOM = replace(
    TABLETOP,
    wood="rosewood_table.png",
    floor_in_body=True,
    table=FixedTable(
        "living_room_table",
        (
            Panel((-0.25, 0.0524, 0.42492), (0.44432, 0.67171, 0.01184)),
            *(Panel((-0.25, y, 0.42492), (0.41675, 0.10133, 0.01184)) for y in (-0.72006, 0.79936)),
            *(Panel((x, 0.0524, 0.42492), (0.07752, 0.67171, 0.01184)) for x in (-0.74665, 0.26121)),
            Panel((-0.25, 0.25, 0.20414), (0.41162, 0.43516, 0.20884)),
        ),
    ),
    furniture=(Furniture(Panel((-1.95, 0.58, 1.465), (0.004, 0.43, 0.505)), (116, 94, 70)),),  # picture
)

STUDY = replace(
    TABLETOP,
    wood="teak_table.png",
    table=FixedTable(
        "study_table",
        (
            Panel((0.0, 0.0, 0.84929), (0.68946, 1.39273, 0.03584)),
            *(
                Panel((x, y, 0.39431), (0.02002, 0.05031, 0.39407))
                for x, y in ((-0.5005, -0.6906), (-0.5005, 0.7122), (0.4962, -0.6906), (0.4962, 0.7122))
            ),
            *(Panel((-0.0049, y, 0.02528), (0.51262, 0.05031, 0.02002)) for y in (-0.6977, 0.7147)),
        ),
    ),
    furniture=(
        Furniture(Panel((-1.93, 0.495, 1.49), (0.02, 0.485, 0.49)), (120, 122, 128)),  # picture
        Furniture(Panel((-1.82, 0.565, 0.16), (0.13, 0.13, 0.16)), (170, 168, 164), round=True),  # plant's pot
        *(
            Furniture(Panel((-1.82 + dx, 0.565 + dy, z), (r, r, half)), _GREEN, round=True)
            for dx, dy, z, r, half in (
                (0.0, 0.0, 0.62, 0.025, 0.30), (0.06, 0.05, 0.62, 0.09, 0.05), (-0.06, -0.08, 0.78, 0.11, 0.05),
                (0.05, 0.10, 0.92, 0.12, 0.05), (-0.02, -0.04, 1.08, 0.12, 0.05), (0.02, 0.02, 1.20, 0.09, 0.06),
            )
        ),
        *(Furniture(Panel((-1.715, y, 0.895), (0.155, 0.02, 0.895)), _WHITE) for y in (-1.59, -0.995, -0.40)),
        *(Furniture(Panel((-1.715, -0.995, z), (0.155, 0.595, 0.015)), _WHITE) for z in (0.05, 0.88, 1.30, 1.77)),
        Furniture(Panel((-1.86, -0.995, 0.895), (0.008, 0.595, 0.895)), _WHITE),
        *(Furniture(Panel((-1.72, y, 1.02), (0.10, 0.022, 0.12)), _BLACK) for y in (-0.50, -0.45)),
    ),
)  # fmt: skip

#: LIBERO's scene file -> its room, floor and wall.
SCENES: dict[str, tuple[RoomSizes, str, str]] = {
    "tabletop": (TABLETOP, "light-gray-floor-tile.png", "light-gray-plaster.png"),
    "floor": (FLOOR, "light-gray-floor-tile.png", "light-gray-plaster.png"),
    "kitchen_tabletop": (KITCHEN, "gray_ceramic_tile.png", "yellow_linen_wall_texture.png"),
    "living_room_tabletop": (LIVING_ROOM, "seamless_wood_planks_floor.png", "light-gray-plaster.png"),
    "study": (STUDY, "light-gray-floor-tile.png", "light-gray-plaster.png"),
}
