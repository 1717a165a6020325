"""Cabinets with drawers."""

from __future__ import annotations

from libero_gym.assets.builtin.cabinet import CabinetSizes, DrawerSizes
from libero_gym.assets.builtin.shapes import Inertia, Panel

_SIDEWAYS = (0.70711, 0.0, 0.70711, 0.0)
"""Drawer regions are turned by a quarter about y: their half size is given as (height, depth, width)."""


def _drawer(level: str, wall_z: float, floor_z: float, handle_z: float, region_z: float) -> DrawerSizes:
    """A drawer of the wooden cabinet: all three are alike but for their heights (metres, in the cabinet's frame)."""
    return DrawerSizes(
        level=level,
        front=Panel((0.0033, -0.0715, wall_z - 0.0005), (0.1093, 0.0065, 0.0342)),
        back=Panel((0.0033, 0.0908, wall_z), (0.1068, 0.0036, 0.0321)),
        left=Panel((-0.1019, 0.0110, wall_z), (0.0024, 0.0815, 0.0316)),
        right=Panel((0.1089, 0.0110, wall_z), (0.0024, 0.0815, 0.0313)),
        floor=Panel((0.0035, 0.0105, floor_z), (0.1070, 0.0809, 0.0040)),
        handle_bar=Panel((-0.0028, -0.1016, handle_z), (0.0445, 0.0082, 0.0077)),
        handle_posts=(
            Panel((-0.0356, -0.0835, handle_z), (0.0051, 0.0106, 0.0056)),
            Panel((0.0292, -0.0835, handle_z), (0.0051, 0.0106, 0.0056)),
        ),
        region=Panel((0.0033, 0.0113, region_z), (0.0299, 0.0756, 0.1022), _SIDEWAYS),
    )


WOODEN_CABINET = CabinetSizes(
    panels=(
        Panel((-0.1122, 0.0163, 0.1135), (0.0052, 0.0954, 0.1066)),  # left side
        Panel((0.1190, 0.0163, 0.1135), (0.0052, 0.0954, 0.1066)),  # right side
        Panel((0.0034, 0.1094, 0.1135), (0.1104, 0.0023, 0.1066)),  # back
        Panel((0.0040, 0.0164, 0.0069), (0.1228, 0.0896, 0.0020)),  # bottom
        Panel((0.0039, 0.0158, 0.2216), (0.1273, 0.0941, 0.0014)),  # top
        # The shelves between the drawers begin behind the drawers' fronts: nothing touches while a drawer slides.
        Panel((0.0034, 0.0274, 0.1494), (0.1104, 0.0795, 0.0009)),
        Panel((0.0034, 0.0274, 0.0793), (0.1104, 0.0795, 0.0009)),
    ),
    drawers=(
        _drawer("top", wall_z=0.1836, floor_z=0.1551, handle_z=0.1839, region_z=0.1856),
        _drawer("middle", wall_z=0.1139, floor_z=0.0854, handle_z=0.1104, region_z=0.1169),
        _drawer("bottom", wall_z=0.0453, floor_z=0.0168, handle_z=0.0411, region_z=0.0470),
    ),
    top_side=Panel((0.0035, 0.0157, 0.2215), (0.1253, 0.0944, 0.0015)),
    joint_range=(-0.16, 0.01),
    joint_damping=50.0,
    drawer_inertia=Inertia(3.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
)

#: The same carcass in another finish.
WHITE_CABINET = WOODEN_CABINET
