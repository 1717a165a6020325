"""Cabinets with sliding drawers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import box, union
from libero_gym.assets.builtin.shapes import FIXTURE_SITES, Inertia, Panel, Point


@dataclass(frozen=True)
class DrawerSizes:
    """A drawer of a cabinet; it slides along -y."""

    level: str
    """LIBERO's word: "top", "middle" or "bottom"."""
    front: Panel
    back: Panel
    left: Panel
    right: Panel
    floor: Panel
    handle_bar: Panel
    handle_posts: tuple[Panel, Panel]
    region: Panel


@dataclass(frozen=True)
class CabinetSizes:
    """A cabinet with drawers: panels that stand still, drawers that slide."""

    panels: tuple[Panel, ...]
    drawers: tuple[DrawerSizes, ...]
    top_side: Panel
    joint_range: Point
    joint_damping: float
    drawer_inertia: Inertia


#: Metres of wood that one repeat of the texture shows.
_GRAIN_SPAN = 0.25


def write_cabinet(directory: Path, name: str, sizes: CabinetSizes, wood: Image.Image, metal: Image.Image) -> None:
    """Writes `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is made.
        name: LIBERO's name of the cabinet.
        sizes: its measured sizes.
        wood: texture of panels and drawers.
        metal: texture of the handles.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    wood.save(folder / "wood.png")
    metal.save(folder / "metal.png")

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
    """A drawer as a child of the cabinet's base, on a slide joint along y."""
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
    asset: ET.Element, body: ET.Element, directory: Path, name: str, part: str, panels: list[Panel], texture: str
) -> None:
    """The panels of one part as one mesh with a material of the part's name."""
    file = f"{name}/{part}_vis.obj"
    union(box(panel, texture_span=_GRAIN_SPAN) for panel in panels).write(directory / file)
    mjcf.mesh_asset(asset, f"{part}_vis", file)
    mjcf.material(asset, part, texture)
    mjcf.visual_mesh(body, f"{part}_vis", part)
