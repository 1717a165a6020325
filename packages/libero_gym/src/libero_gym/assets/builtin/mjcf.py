"""MJCF elements in the form that robosuite's object loader asks for.

robosuite (`MujocoXMLObject`) wants `worldbody/body/body[@name='object']` with three placement sites beside it, and a
group on every geom: 0 collides and is not rendered, 1 is rendered and does not collide.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from libero_gym.assets.builtin.shapes import CONTACT, UPRIGHT, Box, ContactMaterial, Inertia, PlacementSites, Point

HIDDEN = "0 0 0 0"
_COLLISION_RGBA = "0.8 0.8 0.8 0.3"
_REGION_RGBA = "0.8 0.8 0.8 0"


def numbers(values: Iterable[float]) -> str:
    """Return numbers as MJCF writes them, with six significant digits."""
    return " ".join(format(float(value) + 0.0, ".6g") for value in values)


def document(model: str) -> tuple[ET.Element, ET.Element, ET.Element]:
    """Return an empty model: its root, its `asset` and its `worldbody`."""
    root = ET.Element("mujoco", model=model)
    return root, ET.SubElement(root, "asset"), ET.SubElement(root, "worldbody")


def object_body(worldbody: ET.Element, sites: PlacementSites, position: Point | None = None) -> ET.Element:
    """Add the body that robosuite takes as the object, with its placement sites, and return it."""
    outer = ET.SubElement(worldbody, "body")
    body = ET.SubElement(outer, "body", name="object")
    if position is not None and any(position):
        body.set("pos", numbers(position))
    for name, site in (
        ("bottom_site", sites.bottom),
        ("top_site", sites.top),
        ("horizontal_radius_site", sites.horizontal_radius),
    ):
        ET.SubElement(outer, "site", name=name, pos=numbers(site), size=numbers([sites.size]), rgba=HIDDEN)
    return body


def inertial(body: ET.Element, inertia: Inertia) -> None:
    """Give a body its measured mass, so that simpler collision shapes do not change how it moves."""
    ET.SubElement(
        body,
        "inertial",
        pos=numbers(inertia.centre),
        mass=numbers([inertia.mass]),
        diaginertia=numbers(inertia.diagonal),
    )


def _contact(material: ContactMaterial) -> dict[str, str]:
    return {
        "solimp": numbers(material.solimp),
        "solref": numbers(material.solref),
        "density": numbers([material.density]),
        "friction": numbers(material.friction),
        "group": "0",
        "rgba": _COLLISION_RGBA,
    }


def collision_box(body: ET.Element, box: Box) -> None:
    """Add a box that collides and is not rendered."""
    attributes = {"type": "box", "pos": numbers(box.centre), "size": numbers(box.half_size), **_contact(CONTACT)}
    if box.quat != UPRIGHT:
        attributes["quat"] = numbers(box.quat)
    ET.SubElement(body, "geom", attributes)


def collision_cylinder(body: ET.Element, centre: Point, radius: float, half_height: float) -> None:
    """Add an upright cylinder that collides and is not rendered."""
    size = numbers((radius, half_height))
    ET.SubElement(body, "geom", {"type": "cylinder", "pos": numbers(centre), "size": size, **_contact(CONTACT)})


def visual_mesh(body: ET.Element, mesh: str, material: str, name: str | None = None) -> None:
    """Add a mesh that is rendered and does not collide."""
    attributes = {"type": "mesh", "mesh": mesh, "material": material}
    if name is not None:
        attributes["name"] = name
    ET.SubElement(body, "geom", {**attributes, "contype": "0", "conaffinity": "0", "group": "1"})


def box_site(body: ET.Element, name: str, site: Box) -> None:
    """Add a region for LIBERO's predicates; invisible."""
    ET.SubElement(
        body,
        "site",
        name=name,
        type="box",
        pos=numbers(site.centre),
        quat=numbers(site.quat),
        size=numbers(site.half_size),
        group="0",
        rgba=_REGION_RGBA,
    )


def joint(body: ET.Element, name: str, kind: str, axis: str, limits: Point, damping: float) -> None:
    """Add a "slide" or "hinge" joint of a fixture: bounds in metres or radians, damping in N s/m or N m s/rad."""
    bounds = {"limited": "true", "range": numbers(limits), "damping": numbers([damping])}
    ET.SubElement(body, "joint", {"name": name, "type": kind, "axis": axis, **bounds})


def texture(asset: ET.Element, name: str, file: str, kind: str = "2d") -> None:
    """Add a texture file, relative to the MJCF file."""
    ET.SubElement(asset, "texture", name=name, type=kind, file=file)


def material(asset: ET.Element, name: str, texture_name: str, **attributes: str) -> None:
    """Add a matt material: without reflectance MuJoCo renders the scene once, not again for the mirror image."""
    defaults = {"texrepeat": "1 1", "texuniform": "false", "specular": "0.2", "shininess": "0.1", "reflectance": "0"}
    ET.SubElement(asset, "material", {"name": name, "texture": texture_name, **defaults, **attributes})


def mesh_asset(asset: ET.Element, name: str, file: str) -> None:
    """Add a mesh file, relative to the MJCF file."""
    ET.SubElement(asset, "mesh", name=name, file=file)


def write(root: ET.Element, path: Path) -> None:
    """Write the model, indented."""
    ET.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ET.tostring(root, encoding="utf-8") + b"\n")
