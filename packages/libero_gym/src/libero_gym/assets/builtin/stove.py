"""Flat stoves with one burner and a knob."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import Mesh, box, moved, turned, union
from libero_gym.assets.builtin.shapes import FIXTURE_SITES, Inertia, Panel, Point


@dataclass(frozen=True)
class StoveSizes:
    """A flat stove: a plate with one burner, and a knob that turns about z."""

    burner_position: Point
    """From the stove's origin to the middle of its plate."""
    plate_half_size: Point
    lid: Panel
    """What pots stand on, just above the burner's rings; in the plate's frame. It reaches down into the plate: a bowl
    that falls onto a sheet of LIBERO's one millimetre passes through it within a time step."""
    cook_region: Panel
    glow_position: Point
    glow_radius: float
    glow_half_height: float
    rings: tuple[tuple[float, float], ...]
    """(inner, outer) radius of the burner's raised rings."""
    ring_bottom: float
    ring_top: float
    knob_quat: Point
    knob_disc_centre: Point
    knob_disc_radius: float
    knob_disc_half_height: float
    knob_grips: tuple[Panel, ...]
    """Boxes of the part that is gripped, in the knob's frame."""
    knob_inertia: Inertia
    joint_range: Point
    joint_damping: float


_SLICES = 18


def write_stove(directory: Path, name: str, sizes: StoveSizes, metal: Image.Image, dark: Image.Image) -> None:
    """Writes `NAME.xml` into `directory` and its meshes and textures into `directory/NAME`.

    Args:
        directory: LIBERO's `articulated_objects`; it is made.
        name: LIBERO's name of the stove.
        sizes: its measured sizes.
        metal: texture of the plate.
        dark: texture of the burner and of the knob.
    """
    folder = directory / name
    folder.mkdir(parents=True, exist_ok=True)
    metal.save(folder / "metal.png")
    dark.save(folder / "dark.png")
    box(Panel((0.0, 0.0, 0.0), sizes.plate_half_size)).write(folder / "plate_vis.obj")
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
    """The plate with its burner. It keeps MuJoCo's default contact, as LIBERO's does: bowls stand softly on it."""
    burner = ET.SubElement(base, "body", name="burner", pos=mjcf.numbers(sizes.burner_position))
    mjcf.box_site(burner, "cook_region", sizes.cook_region)
    mjcf.visual_mesh(burner, "stove_plate_vis", "stove_metal", name="base_vis")
    for geom_name, panel in (("base", Panel((0.0, 0.0, 0.0), sizes.plate_half_size)), ("collision_burner", sizes.lid)):
        ET.SubElement(
            burner,
            "geom",
            name=geom_name,
            type="box",
            pos=mjcf.numbers(panel.centre),
            size=mjcf.numbers(panel.half_size),
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
    """The knob, on a hinge about z."""
    button = ET.SubElement(base, "body", name="button", quat=mjcf.numbers(sizes.knob_quat))
    mjcf.inertial(button, sizes.knob_inertia)
    mjcf.joint(button, "button", "hinge", "0 0 1", sizes.joint_range, sizes.joint_damping)
    mjcf.visual_mesh(button, "stove_knob_vis", "stove_dark")
    mjcf.collision_cylinder(button, sizes.knob_disc_centre, sizes.knob_disc_radius, sizes.knob_disc_half_height)
    for grip in sizes.knob_grips:
        mjcf.collision_box(button, grip)


def _burner(sizes: StoveSizes) -> Mesh:
    """Raised rings around a raised disc, in the plate's frame."""
    parts = []
    for inner, outer in sizes.rings:
        low, high = sizes.ring_bottom, sizes.ring_top
        profile = [(inner, low), (outer, low), (outer, high), (inner, high)]
        parts.append(turned(profile if inner == 0.0 else [*profile, profile[0]], _SLICES))
    return union(parts)


def _knob(sizes: StoveSizes) -> Mesh:
    """A disc with a handle across it, in the knob's frame."""
    radius, half = sizes.knob_disc_radius, sizes.knob_disc_half_height
    chamfer = 0.3 * half
    disc = [(0.0, -half), (radius, -half), (radius, half - chamfer), (radius - chamfer, half), (0.0, half)]
    return union([moved(turned(disc, _SLICES), sizes.knob_disc_centre), *(box(grip) for grip in sizes.knob_grips)])
