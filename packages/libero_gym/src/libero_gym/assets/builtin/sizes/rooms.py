"""Rooms: walls, cameras, lamps."""

from __future__ import annotations

from libero_gym.assets.builtin.scene import CameraPose, LightPose, RoomSizes, WallPanel

TABLETOP_ROOM = RoomSizes(
    floor_half_size=(3.0, 3.0, 0.125),
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
)
