"""Microwave ovens with a door on a hinge."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import box, moved, turned, union
from libero_gym.assets.builtin.shapes import Panel, PlacementSites, Point

#: LIBERO's soft contact of this appliance, which only others' shapes bring about.
_SOFT = {
    "contype": "0", "conaffinity": "1", "margin": "0.001", "solimp": "0.8 0.9 0.01", "solref": "0.02 1", "group": "0",
    "rgba": "0.8 0.8 0.8 0.3",
}  # fmt: skip


@dataclass(frozen=True)
class MicrowaveSizes:
    """A microwave: walls that stand still around a chamber, and a door with an upright handle."""

    walls: tuple[Panel, ...]
    wall_mass: float
    buttons: tuple[Panel, ...]
    """Seen only."""
    door_position: Point
    """The hinge, in the oven's frame."""
    door: Panel
    """In the hinge's frame, as all below."""
    door_mass: float
    window: Panel
    handle: Panel
    """The bar between its posts; round, as wide as x says."""
    handle_posts: tuple[Panel, Panel]
    handle_mass: float
    """Of the bar and of each post."""
    joint_range: Point
    joint_damping: float
    regions: dict[str, Panel]
    sites: PlacementSites


def write_microwave(directory: Path, name: str, sizes: MicrowaveSizes, dark: Image.Image, metal: Image.Image) -> None:
    """Writes `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is made.
        name: LIBERO's name of the oven.
        sizes: its measured sizes.
        dark: texture of the case and the door.
        metal: texture of the handle and the buttons.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    root, asset, worldbody = mjcf.document(name)
    for material, picture, shine in (("dark", dark, "0.5"), ("metal", metal, "0.6")):
        picture.save(folder / f"{material}.png")
        mjcf.texture(asset, f"tex-micro_{material}", f"{name}/{material}.png")
        mjcf.material(asset, f"micro_{material}", f"tex-micro_{material}", specular=shine, shininess=shine)
    ET.SubElement(
        asset,
        "material",
        name="micro_window",
        rgba="0.05 0.05 0.06 1",
        specular="0.8",
        shininess="0.8",
        reflectance="0",
    )
    radius, reach = sizes.handle.half_size[0], sizes.handle.half_size[2]
    bar = turned([(0.0, -reach), (radius, -reach), (radius, reach), (0.0, reach)], 12)
    for part, mesh in (
        ("case", union(box(panel) for panel in sizes.walls)),
        ("buttons", union(box(panel) for panel in sizes.buttons)),
        ("door", box(sizes.door)),
        ("window", box(sizes.window)),
        ("handle", union([moved(bar, sizes.handle.centre), *(box(post) for post in sizes.handle_posts)])),
    ):
        mesh.write(folder / f"{part}_vis.obj")
        mjcf.mesh_asset(asset, f"micro_{part}_vis", f"{name}/{part}_vis.obj")

    body = mjcf.object_body(worldbody, sizes.sites)
    mjcf.visual_mesh(body, "micro_case_vis", "micro_dark")
    mjcf.visual_mesh(body, "micro_buttons_vis", "micro_metal")
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    for panel in sizes.walls:
        _touched(body, panel, sizes.wall_mass)
    door = ET.SubElement(body, "body", name="microdoorroot", pos=mjcf.numbers(sizes.door_position))
    mjcf.joint(door, "microjoint", "hinge", "0 0 1", sizes.joint_range, sizes.joint_damping)
    for part, material in (("door", "micro_dark"), ("window", "micro_window"), ("handle", "micro_metal")):
        mjcf.visual_mesh(door, f"micro_{part}_vis", material)
    _touched(door, sizes.door, sizes.door_mass)
    for panel in (sizes.handle, *sizes.handle_posts):
        _touched(door, panel, sizes.handle_mass)
    mjcf.write(root, directory / f"{name}.xml")


def _touched(body: ET.Element, panel: Panel, mass: float) -> None:
    place = {"type": "box", "pos": mjcf.numbers(panel.centre), "size": mjcf.numbers(panel.half_size)}
    ET.SubElement(body, "geom", {**place, "mass": mjcf.numbers([mass]), **_SOFT})
