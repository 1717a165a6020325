"""Vessels that are round about z: bowls, plates, ramekins."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.mesh import turned
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Inertia, Panel, Point


@dataclass(frozen=True)
class WallSizes:
    """A conical wall: the middle of its thickness runs from `lower` to `upper`, both (radius, height)."""

    lower: Point
    upper: Point
    thickness: float
    segments: int
    """Boxes in the ring. A rim that is lifted between two fingers needs each finger to lie on two or three boxes: with
    fewer contacts the bowl turns in the grip."""


@dataclass(frozen=True)
class LatheSizes:
    """A vessel that is round about z: a square foot and rings of boxes to touch, a turned profile to see."""

    foot_half_width: float
    foot_bottom: float
    foot_top: float
    walls: tuple[WallSizes, ...]
    profile: tuple[Point, ...]
    """(radius, height), from the axis underneath, around the rim, to the axis inside."""
    inertia: Inertia
    body_position: Point = (0.0, 0.0, 0.0)
    slices: int = 20
    """Sides of the visual mesh."""


def write_vessel(directory: Path, name: str, sizes: LatheSizes, glaze: Image.Image) -> None:
    """Writes `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is made.
        name: LIBERO's name of the object.
        sizes: its measured sizes.
        glaze: picture whose x follows the angle and whose y follows the profile.
    """
    directory.mkdir(parents=True, exist_ok=True)
    glaze.save(directory / "texture.png")
    turned(sizes.profile, sizes.slices).write(directory / "visual" / f"{name}_vis.obj")

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


def _foot(sizes: LatheSizes) -> Panel:
    """A square foot: box meets box in four points and by a closed formula, where a disc would rock on one."""
    middle, half = (sizes.foot_top + sizes.foot_bottom) / 2, (sizes.foot_top - sizes.foot_bottom) / 2
    return Panel((0.0, 0.0, middle), (sizes.foot_half_width, sizes.foot_half_width, half))


def add_wall(body: ET.Element, wall: WallSizes, middle: Point = (0.0, 0.0)) -> None:
    """Adds a ring of leaning boxes; each is as wide as the wall's upper edge needs, so that the ring closes there."""
    (lower_r, lower_z), (upper_r, upper_z) = wall.lower, wall.upper
    lean = math.atan2(upper_r - lower_r, upper_z - lower_z)
    half_length = math.hypot(upper_r - lower_r, upper_z - lower_z) / 2
    half_width = max(lower_r, upper_r) * math.tan(math.pi / wall.segments)
    radius, height = (lower_r + upper_r) / 2, (lower_z + upper_z) / 2
    for i in range(wall.segments):
        angle = 2 * math.pi * i / wall.segments
        centre = (middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle), height)
        mjcf.collision_box(body, Panel(centre, (wall.thickness / 2, half_width, half_length), _turn(angle, lean)))


def _turn(angle: float, lean: float) -> Point:
    """The quaternion that leans z towards x by `lean` and then turns about z by `angle` (radians)."""
    ca, sa, cl, sl = math.cos(angle / 2), math.sin(angle / 2), math.cos(lean / 2), math.sin(lean / 2)
    return (ca * cl, -sa * sl, ca * sl, sa * cl)
