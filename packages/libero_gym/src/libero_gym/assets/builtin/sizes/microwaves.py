"""Microwave ovens."""

from __future__ import annotations

from libero_gym.assets.builtin.microwave import MicrowaveSizes
from libero_gym.assets.builtin.shapes import Panel, PlacementSites

MICROWAVE = MicrowaveSizes(
    walls=(
        Panel((-0.1580, 0.0115, 0.0935), (0.0145, 0.0996, 0.0935)),  # left
        Panel((0.1180, 0.0115, 0.0935), (0.0545, 0.0996, 0.0935)),  # right, behind the buttons
        Panel((-0.0405, 0.0955, 0.0935), (0.1035, 0.0150, 0.0935)),  # back
        Panel((-0.0400, -0.0035, 0.1775), (0.1035, 0.0845, 0.0095)),  # ceiling
        Panel((-0.0400, -0.0040, 0.0120), (0.1035, 0.0840, 0.0120)),  # floor
        Panel((0.1300, -0.0985, 0.0935), (0.0425, 0.0120, 0.0935)),  # front of the buttons
    ),
    wall_mass=0.5,
    buttons=(Panel((0.1259, -0.1105, 0.0210), (0.0321, 0.0014, 0.0093)),),
    door_position=(-0.1725, -0.0880, 0.0960),
    door=Panel((0.1295, -0.0130, 0.0), (0.1295, 0.0120, 0.0925)),
    door_mass=0.2,
    window=Panel((0.1294, -0.0145, 0.0), (0.0869, 0.0112, 0.0613)),
    handle=Panel((0.2375, -0.0540, 0.0), (0.0100, 0.0100, 0.0700)),
    handle_posts=(
        Panel((0.2375, -0.0375, 0.0650), (0.0080, 0.0150, 0.0080)),
        Panel((0.2375, -0.0375, -0.0650), (0.0080, 0.0150, 0.0080)),
    ),
    handle_mass=0.02,
    joint_range=(-2.094, 0.0),
    joint_damping=0.5,
    regions={
        "top_side": Panel((0.0, 0.0100, 0.2000), (0.1200, 0.0835, 0.0050)),
        "heating_region": Panel((0.0, 0.0100, 0.0960), (0.1200, 0.0835, 0.0800)),
    },
    sites=PlacementSites((0.0, 0.0, -0.06), (0.0, 0.0, 0.06), (0.015, 0.015, 0.0), 0.005),
)
