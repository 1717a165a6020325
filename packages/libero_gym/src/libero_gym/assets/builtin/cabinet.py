"""Cabinets with sliding drawers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.boards import GRAIN_SPAN
from libero_gym.assets.builtin.mesh import box_mesh, union
from libero_gym.assets.builtin.shapes import FIXTURE_SITES, Box, Damping, Inertia, JointRange
from libero_gym.assets.builtin.textures import Metal, Wood, texture_image


@dataclass(frozen=True)
class DrawerSizes:
    """A drawer of a cabinet; it slides along -y."""

    level: Literal["top", "middle", "bottom"]
    front: Box
    back: Box
    left: Box
    right: Box
    floor: Box
    handle_bar: Box
    handle_posts: tuple[Box, Box]
    region: Box


@dataclass(frozen=True)
class CabinetSizes:
    """A cabinet: fixed panels and sliding drawers."""

    wood: Wood
    """Of panels and drawers."""
    metal: Metal
    """Of the handles."""
    panels: tuple[Box, ...]
    drawers: tuple[DrawerSizes, ...]
    top_side: Box
    joint_range: JointRange
    joint_damping: Damping
    drawer_inertia: Inertia


def write_cabinet(directory: Path, name: str, sizes: CabinetSizes) -> None:
    """Write `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is created.
        name: LIBERO's name of the cabinet.
        sizes: its measured sizes.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    texture_image(sizes.wood).save(folder / "wood.png")
    texture_image(sizes.metal).save(folder / "metal.png")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", f"{name}/wood.png")
    mjcf.texture(asset, f"tex-{name}_handle", f"{name}/metal.png")
    base = ET.SubElement(mjcf.object_body(worldbody, FIXTURE_SITES), "body", name="base")
    mjcf.box_site(base, "top_side", sizes.top_side)
    _add_part(asset, base, directory, name, f"{name}_base", list(sizes.panels), f"tex-{name}")
    for panel in sizes.panels:
        mjcf.collision_box(base, panel)
    for drawer in sizes.drawers:
        _add_drawer(asset, base, directory, name, sizes, drawer)
    mjcf.write(root, directory / f"{name}.xml")


def _add_drawer(
    asset: ET.Element, base: ET.Element, directory: Path, name: str, sizes: CabinetSizes, drawer: DrawerSizes
) -> None:
    """Add a drawer as a child of the cabinet's base, on a slide joint along y."""
    body = ET.SubElement(base, "body", name=f"cabinet_{drawer.level}")
    mjcf.inertial(body, sizes.drawer_inertia)
    mjcf.joint(body, f"{drawer.level}_level", "slide", "0 1 0", sizes.joint_range, sizes.joint_damping)
    mjcf.box_site(body, f"{drawer.level}_region", drawer.region)
    tray = [drawer.front, drawer.back, drawer.left, drawer.right, drawer.floor]
    handle = [drawer.handle_bar, *drawer.handle_posts]
    _add_part(asset, body, directory, name, f"{name}_{drawer.level}", tray, f"tex-{name}")
    _add_part(asset, body, directory, name, f"{name}_{drawer.level}_handle", handle, f"tex-{name}_handle")
    for panel in tray + handle:
        mjcf.collision_box(body, panel)


def _add_part(
    asset: ET.Element, body: ET.Element, directory: Path, name: str, part: str, panels: list[Box], texture: str
) -> None:
    """Add the panels of a part as one mesh, with a material of the part's name."""
    file = f"{name}/{part}_vis.obj"
    union(box_mesh(panel, texture_span=GRAIN_SPAN) for panel in panels).write(directory / file)
    mjcf.mesh_asset(asset, f"{part}_vis", file)
    mjcf.material(asset, part, texture)
    mjcf.visual_mesh(body, f"{part}_vis", part)
