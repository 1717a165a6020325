"""Vessels that are round about z: bowls, plates, ramekins; and round walls, which mugs and pans have too."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import revolved
from libero_gym.assets.builtin.schema import Range
from libero_gym.assets.builtin.shapes import (
    OBJECT_SITES,
    Box,
    Folder,
    Height,
    Inertia,
    Point,
    Position,
    ProfilePoint,
    Quaternion,
    Size,
)
from libero_gym.assets.builtin.textures import Glaze, texture_image

_RadiusHeight = Annotated[tuple[float, float], Range(-1, 1, "m")]


@dataclass(frozen=True)
class WallSizes:
    """A conical wall: the centre of its thickness runs from `lower` to `upper`, both (radius, height)."""

    lower: _RadiusHeight
    upper: _RadiusHeight
    thickness: Size
    segments: Annotated[int, Range(3, 64)]
    """Boxes in the ring. A rim that is lifted between two fingers needs a finger to lie on two or three boxes: with
    fewer contacts the bowl turns in the grip."""


@dataclass(frozen=True)
class VesselSizes:
    """A vessel that is round about z: a square foot and rings of boxes to collide with, a profile to render."""

    folder: Folder
    glaze: Glaze
    """Texture whose x follows the angle and whose y follows the profile."""
    foot_half_width: Size
    foot_bottom: Height
    foot_top: Height
    walls: tuple[WallSizes, ...]
    profile: tuple[ProfilePoint, ...]
    """(radius, height), from the axis underneath, around the rim, to the axis inside."""
    inertia: Inertia
    body_position: Position = (0.0, 0.0, 0.0)
    slices: Annotated[int, Range(3, 64)] = 20
    """Sides of the visual mesh."""


def write_vessel(directory: Path, name: str, sizes: VesselSizes) -> None:
    """Write `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is created.
        name: LIBERO's name of the object.
        sizes: its measured sizes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    texture_image(sizes.glaze).save(directory / "texture.png")
    revolved(sizes.profile, sizes.slices).write(directory / "visual" / f"{name}_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", "texture.png")
    mjcf.material(asset, name, f"tex-{name}", specular="0.4", shininess="0.5")
    mjcf.mesh_asset(asset, f"{name}_vis", f"visual/{name}_vis.obj")
    body = mjcf.object_body(worldbody, OBJECT_SITES, sizes.body_position)
    mjcf.inertial(body, sizes.inertia)
    mjcf.visual_mesh(body, f"{name}_vis", name)
    mjcf.collision_box(body, _foot(sizes))
    for wall in sizes.walls:
        add_wall(body, wall)
    mjcf.write(root, directory / f"{name}.xml")


def _foot(sizes: VesselSizes) -> Box:
    """Return a square foot: box meets box in four points and by a closed formula, where a disc would rock on one."""
    centre, half = (sizes.foot_top + sizes.foot_bottom) / 2, (sizes.foot_top - sizes.foot_bottom) / 2
    return Box((0.0, 0.0, centre), (sizes.foot_half_width, sizes.foot_half_width, half))


def add_wall(body: ET.Element, wall: WallSizes, axis: Point = (0.0, 0.0)) -> None:
    """Add a ring of leaning boxes about an upright axis, so wide that the ring closes at the wall's wider edge."""
    (lower_r, lower_z), (upper_r, upper_z) = wall.lower, wall.upper
    lean = math.atan2(upper_r - lower_r, upper_z - lower_z)
    half_length = math.hypot(upper_r - lower_r, upper_z - lower_z) / 2
    half_width = max(lower_r, upper_r) * math.tan(math.pi / wall.segments)
    radius, height = (lower_r + upper_r) / 2, (lower_z + upper_z) / 2
    for i in range(wall.segments):
        angle = 2 * math.pi * i / wall.segments
        centre = (axis[0] + radius * math.cos(angle), axis[1] + radius * math.sin(angle), height)
        mjcf.collision_box(body, Box(centre, (wall.thickness / 2, half_width, half_length), _quaternion(angle, lean)))


def _quaternion(angle: float, lean: float) -> Quaternion:
    """Return the quaternion that leans z towards x by `lean` and then rotates about z by `angle` (radians)."""
    ca, sa, cl, sl = math.cos(angle / 2), math.sin(angle / 2), math.cos(lean / 2), math.sin(lean / 2)
    return (ca * cl, -sa * sl, ca * sl, sa * cl)
