"""Microwave ovens with a door on a hinge."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import box_mesh, revolved, translated, union
from libero_gym.assets.builtin.shapes import Box, Damping, JointRange, Mass, PlacementSites, Position
from libero_gym.assets.builtin.textures import Metal, texture_image

#: LIBERO's soft contact of this appliance, which only others' shapes bring about.
_SOFT = {
    "contype": "0", "conaffinity": "1", "margin": "0.001", "solimp": "0.8 0.9 0.01", "solref": "0.02 1", "group": "0",
    "rgba": "0.8 0.8 0.8 0.3",
}  # fmt: skip


@dataclass(frozen=True)
class MicrowaveSizes:
    """A microwave: fixed walls around a chamber, and a door with an upright handle."""

    dark: Metal
    """Texture of the case and the door."""
    metal: Metal
    """Texture of the handle and the buttons."""
    walls: tuple[Box, ...]
    wall_mass: Mass
    buttons: tuple[Box, ...]
    """Rendered only."""
    door_position: Position
    """The hinge, in the oven's frame."""
    door: Box
    """In the hinge's frame, as all below."""
    door_mass: Mass
    window: Box
    handle: Box
    """The bar between its posts; round, as wide as x says."""
    handle_posts: tuple[Box, Box]
    handle_mass: Mass
    """Of the bar, and of a post."""
    joint_range: JointRange
    joint_damping: Damping
    regions: dict[str, Box]
    sites: PlacementSites


def write_microwave(directory: Path, name: str, sizes: MicrowaveSizes) -> None:
    """Write `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is created.
        name: LIBERO's name of the oven.
        sizes: its measured sizes.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    root, asset, worldbody = mjcf.document(name)
    for material, texture, shine in (("dark", sizes.dark, "0.5"), ("metal", sizes.metal, "0.6")):
        texture_image(texture).save(folder / f"{material}.png")
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
    bar = revolved([(0.0, -reach), (radius, -reach), (radius, reach), (0.0, reach)], 12)
    for part, mesh in (
        ("case", union(box_mesh(panel) for panel in sizes.walls)),
        ("buttons", union(box_mesh(panel) for panel in sizes.buttons)),
        ("door", box_mesh(sizes.door)),
        ("window", box_mesh(sizes.window)),
        ("handle", union([translated(bar, sizes.handle.centre), *(box_mesh(post) for post in sizes.handle_posts)])),
    ):
        mesh.write(folder / f"{part}_vis.obj")
        mjcf.mesh_asset(asset, f"micro_{part}_vis", f"{name}/{part}_vis.obj")

    body = mjcf.object_body(worldbody, sizes.sites)
    mjcf.visual_mesh(body, "micro_case_vis", "micro_dark")
    mjcf.visual_mesh(body, "micro_buttons_vis", "micro_metal")
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    for panel in sizes.walls:
        _collision_box(body, panel, sizes.wall_mass)
    door = ET.SubElement(body, "body", name="microdoorroot", pos=mjcf.numbers(sizes.door_position))
    mjcf.joint(door, "microjoint", "hinge", "0 0 1", sizes.joint_range, sizes.joint_damping)
    for part, material in (("door", "micro_dark"), ("window", "micro_window"), ("handle", "micro_metal")):
        mjcf.visual_mesh(door, f"micro_{part}_vis", material)
    _collision_box(door, sizes.door, sizes.door_mass)
    for panel in (sizes.handle, *sizes.handle_posts):
        _collision_box(door, panel, sizes.handle_mass)
    mjcf.write(root, directory / f"{name}.xml")


def _collision_box(body: ET.Element, box: Box, mass: float) -> None:
    shape = {"type": "box", "pos": mjcf.numbers(box.centre), "size": mjcf.numbers(box.half_size)}
    ET.SubElement(body, "geom", {**shape, "mass": mjcf.numbers([mass]), **_SOFT})
