"""Flat stoves with one burner and a knob."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import Mesh, box_mesh, revolved, translated, union
from libero_gym.assets.builtin.schema import Range
from libero_gym.assets.builtin.shapes import (
    FIXTURE_SITES,
    Box,
    Damping,
    HalfSize,
    Height,
    Inertia,
    JointRange,
    Position,
    Quaternion,
    Size,
)
from libero_gym.assets.builtin.textures import Metal, texture_image


@dataclass(frozen=True)
class StoveSizes:
    """A flat stove: a plate with one burner, and a knob that turns about z."""

    metal: Metal
    """Texture of the plate."""
    dark: Metal
    """Texture of the burner and of the knob."""
    burner_position: Position
    """From the stove's origin to the centre of its plate."""
    plate_half_size: HalfSize
    lid: Box
    """What pots stand on, just above the burner's rings; in the plate's frame. It reaches down into the plate: a bowl
    that falls onto a sheet of LIBERO's one millimetre passes through it within a time step."""
    cook_region: Box
    glow_position: Position
    glow_radius: Size
    glow_half_height: Size
    rings: tuple[Annotated[tuple[float, float], Range(0, 1, "m")], ...]
    """(inner, outer) radius of the burner's raised rings."""
    ring_bottom: Height
    ring_top: Height
    knob_quat: Quaternion
    knob_disc_centre: Position
    knob_disc_radius: Size
    knob_disc_half_height: Size
    knob_grips: tuple[Box, ...]
    """Boxes of the part that is gripped, in the knob's frame."""
    knob_inertia: Inertia
    joint_range: JointRange
    joint_damping: Damping


_SLICES = 18


def write_stove(directory: Path, name: str, sizes: StoveSizes) -> None:
    """Write `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is created.
        name: LIBERO's name of the stove.
        sizes: its measured sizes.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    texture_image(sizes.metal).save(folder / "metal.png")
    texture_image(sizes.dark).save(folder / "dark.png")
    box_mesh(Box((0.0, 0.0, 0.0), sizes.plate_half_size)).write(folder / "plate_vis.obj")
    _burner(sizes).write(folder / "burner_vis.obj")
    _knob(sizes).write(folder / "knob_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, "tex-stove_metal", f"{name}/metal.png")
    mjcf.texture(asset, "tex-stove_dark", f"{name}/dark.png")
    mjcf.material(asset, "stove_metal", "tex-stove_metal", specular="0.5", shininess="0.6")
    mjcf.material(asset, "stove_dark", "tex-stove_dark")
    for part in ("plate", "burner", "knob"):
        mjcf.mesh_asset(asset, f"stove_{part}_vis", f"{name}/{part}_vis.obj")

    base = ET.SubElement(mjcf.object_body(worldbody, FIXTURE_SITES), "body", name="base")
    _add_burner(base, sizes)
    _add_button(base, sizes)
    mjcf.write(root, directory / f"{name}.xml")


def _add_burner(base: ET.Element, sizes: StoveSizes) -> None:
    """Add the plate with its burner. It keeps MuJoCo's default contact, as LIBERO's does: bowls stand softly on it."""
    burner = ET.SubElement(base, "body", name="burner", pos=mjcf.numbers(sizes.burner_position))
    mjcf.box_site(burner, "cook_region", sizes.cook_region)
    mjcf.visual_mesh(burner, "stove_plate_vis", "stove_metal", name="base_vis")
    for geom_name, box in (("base", Box((0.0, 0.0, 0.0), sizes.plate_half_size)), ("collision_burner", sizes.lid)):
        ET.SubElement(
            burner,
            "geom",
            name=geom_name,
            type="box",
            pos=mjcf.numbers(box.centre),
            size=mjcf.numbers(box.half_size),
            group="0",
            rgba=mjcf.HIDDEN,
        )
    plate = ET.SubElement(burner, "body", name="burner_plate")
    mjcf.visual_mesh(plate, "stove_burner_vis", "stove_dark", name="burner")
    # LIBERO shows this disc, red, between the rings while the knob is turned on.
    ET.SubElement(
        burner,
        "site",
        name="burner",
        type="cylinder",
        pos=mjcf.numbers(sizes.glow_position),
        size=mjcf.numbers((sizes.glow_radius, sizes.glow_half_height)),
        rgba="0.9 0.05 0.05 1",
    )


def _add_button(base: ET.Element, sizes: StoveSizes) -> None:
    """Add the knob, on a hinge about z."""
    button = ET.SubElement(base, "body", name="button", quat=mjcf.numbers(sizes.knob_quat))
    mjcf.inertial(button, sizes.knob_inertia)
    mjcf.joint(button, "button", "hinge", "0 0 1", sizes.joint_range, sizes.joint_damping)
    mjcf.visual_mesh(button, "stove_knob_vis", "stove_dark")
    mjcf.collision_cylinder(button, sizes.knob_disc_centre, sizes.knob_disc_radius, sizes.knob_disc_half_height)
    for grip in sizes.knob_grips:
        mjcf.collision_box(button, grip)


def _burner(sizes: StoveSizes) -> Mesh:
    """Return raised rings around a raised disc, in the plate's frame."""
    parts = []
    for inner, outer in sizes.rings:
        low, high = sizes.ring_bottom, sizes.ring_top
        profile = [(inner, low), (outer, low), (outer, high), (inner, high)]
        parts.append(revolved(profile if inner == 0.0 else [*profile, profile[0]], _SLICES))
    return union(parts)


def _knob(sizes: StoveSizes) -> Mesh:
    """Return a disc with a handle across it, in the knob's frame."""
    radius, half = sizes.knob_disc_radius, sizes.knob_disc_half_height
    chamfer = 0.3 * half
    disc = [(0.0, -half), (radius, -half), (radius, half - chamfer), (radius - chamfer, half), (0.0, half)]
    turned_disc = translated(revolved(disc, _SLICES), sizes.knob_disc_centre)
    return union([turned_disc, *(box_mesh(grip) for grip in sizes.knob_grips)])
