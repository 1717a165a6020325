"""Objects of a turned body, bent bars and boxes under one texture: cans, bottles, cartons, mugs, pans, books.

The texture is the label's upper seven eighths; below lies a strip with the colours of handles and other trim.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.labels import Label
from libero_gym.assets.builtin.mesh import Mesh, Rectangle, box_mesh, revolved, rotated, translated, union
from libero_gym.assets.builtin.schema import Colour, Length, Range
from libero_gym.assets.builtin.shapes import (
    OBJECT_SITES,
    Box,
    Folder,
    Height,
    Inertia,
    PlacementSites,
    Position,
    ProfilePoint,
    Quaternion,
    Size,
)
from libero_gym.assets.builtin.vessel import WallSizes, add_wall

_BODY_PART: Rectangle = (0.0, 0.0, 1.0, 0.875)
_TRIM_TOP = 0.875
#: Rotates z, a turned body's axis, to y, and its front, at -y, up: so LIBERO's groceries lie in their own frames.
_LYING: Quaternion = (math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0)

_TrimIndex = Annotated[int, Range(0, 7)]
_Plane = Annotated[tuple[float, float], Range(-1, 1, "m")]


@dataclass(frozen=True)
class TurnedBody:
    """A body of revolution, to render."""

    profile: tuple[ProfilePoint, ...]
    """(radius, height) or (radius, height, part that y keeps), as `mesh.revolved` takes it."""
    slices: Annotated[int, Range(3, 64)] = 18
    centre: Position = (0.0, 0.0, 0.0)
    facets: bool = False
    """Whether the sides are flat; radii then reach to their middle."""
    phase: Annotated[float, Range(-180, 180, "degrees")] = 90.0
    """Where the label begins; the default puts its middle at -y."""


@dataclass(frozen=True)
class Bar:
    """A bent bar with a rectangular section, a box for each straight part: handles and spouts. Rendered and solid."""

    path: Annotated[tuple[Position, ...], Length(2, 20)]
    """Its corners, in a plane that holds z."""
    half_section: Annotated[tuple[float, float], Range(0, 1, "m", above=True)]
    """Half size of the section along x and y, where the bar is upright."""
    trim: _TrimIndex = 0
    """Index of its colour among the object's trim."""


@dataclass(frozen=True)
class Prism:
    """An upright regular prism to collide with, made of boxes through its middle: fingers find a flat side."""

    radius: Size
    """Of the circle inside."""
    low: Height
    high: Height
    boxes: Annotated[int, Range(2, 8)] = 3
    """Half the number of sides."""
    centre: _Plane = (0.0, 0.0)


@dataclass(frozen=True)
class Block:
    """A box to render in a colour of the trim; collided with where `solid`."""

    box: Box
    trim: _TrimIndex = 0
    solid: bool = False


@dataclass(frozen=True)
class CompositeSizes:
    """An object; all in the frame of its own body."""

    folder: Folder
    inertia: Inertia
    label: Label
    trim: Annotated[tuple[Colour, ...], Length(1, 8)] = ((128, 128, 128),)
    body: TurnedBody | None = None
    lying: bool = False
    """Whether the body, with its prisms, lies along y."""
    boxes: tuple[Box, ...] = ()
    """Collided with, not rendered."""
    prisms: tuple[Prism, ...] = ()
    walls: tuple[WallSizes, ...] = ()
    bars: tuple[Bar, ...] = ()
    blocks: tuple[Block, ...] = ()
    regions: dict[str, Box] = field(default_factory=dict)
    sites: PlacementSites = OBJECT_SITES
    shine: Annotated[float, Range(0, 1)] = 0.3


def write_composite(directory: Path, name: str, sizes: CompositeSizes) -> None:
    """Write `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is created.
        name: LIBERO's name of the object.
        sizes: its measured sizes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _texture(sizes).save(directory / "texture.png")
    union(_meshes(sizes)).write(directory / "visual" / f"{name}_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", "texture.png")
    mjcf.material(asset, name, f"tex-{name}", specular=str(sizes.shine), shininess=str(sizes.shine))
    mjcf.mesh_asset(asset, f"{name}_vis", f"visual/{name}_vis.obj")
    body = mjcf.object_body(worldbody, sizes.sites)
    mjcf.inertial(body, sizes.inertia)
    mjcf.visual_mesh(body, f"{name}_vis", name)
    _add_collision_shapes(body, sizes)
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    mjcf.write(root, directory / f"{name}.xml")


def _texture(sizes: CompositeSizes) -> Image.Image:
    """Return the label above the trim's colours, side by side."""
    label = sizes.label.render()
    width, height = label.size
    image = Image.new("RGB", (width, round(height / _TRIM_TOP)))
    image.paste(label, (0, 0))
    strip = width // len(sizes.trim)
    for i, colour in enumerate(sizes.trim):
        image.paste(colour, (i * strip, height, (i + 1) * strip, image.height))
    return image


def _trim_parts(sizes: CompositeSizes, index: int) -> dict[str, Rectangle]:
    """Return a point in the middle of a trim colour, for all sides of a box."""
    x, y = (index + 0.5) / len(sizes.trim), (1 + _TRIM_TOP) / 2
    return dict.fromkeys(("+x", "-x", "+y", "-y", "+z", "-z"), (x, y, x, y))


def _meshes(sizes: CompositeSizes) -> Iterator[Mesh]:
    if sizes.body is not None:
        body = sizes.body
        phase = math.radians(body.phase)
        mesh = revolved(body.profile, body.slices, _BODY_PART, phase=phase, facets=body.facets, upright_texture=True)
        yield translated(rotated(mesh, _LYING) if sizes.lying else mesh, body.centre)
    for bar in sizes.bars:
        yield from (box_mesh(box, _trim_parts(sizes, bar.trim)) for box in bar_boxes(bar))
    for block in sizes.blocks:
        yield box_mesh(block.box, _trim_parts(sizes, block.trim))


def _add_collision_shapes(body: ET.Element, sizes: CompositeSizes) -> None:
    for box in (*sizes.boxes, *(block.box for block in sizes.blocks if block.solid)):
        mjcf.collision_box(body, box)
    for prism in sizes.prisms:
        _add_prism(body, prism, sizes.lying)
    for wall in sizes.walls:
        add_wall(body, wall, sizes.body.centre if sizes.body is not None else (0.0, 0.0))
    for bar in sizes.bars:
        for box in bar_boxes(bar):
            mjcf.collision_box(body, box)


def _add_prism(body: ET.Element, prism: Prism, lying: bool) -> None:
    side = prism.radius * math.tan(math.pi / (2 * prism.boxes))
    middle, half = (prism.high + prism.low) / 2, (prism.high - prism.low) / 2
    for i in range(prism.boxes):
        angle = math.pi * i / prism.boxes
        x, y = prism.centre
        if lying:  # z becomes y, and y becomes -z
            quat = (math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0)
            box = Box((x, middle, -y), (prism.radius, half, side), quat)
        else:
            quat = (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2))
            box = Box((x, y, middle), (prism.radius, side, half), quat)
        mjcf.collision_box(body, box)


def bar_boxes(bar: Bar) -> Iterator[Box]:
    """Yield a box for each straight part of a bar, its z along that part."""
    for lower, upper in zip(bar.path[:-1], bar.path[1:], strict=True):
        dx, dy, dz = np.subtract(upper, lower)
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        # The shortest rotation from z to the part's direction: half of the way to it, and their cross product.
        w, x, y = (length + dz, -dy, dx) if length + dz > 1e-9 else (0.0, 1.0, 0.0)
        norm = math.sqrt(w * w + x * x + y * y)
        reach = length / 2 + min(bar.half_section) / 2  # the boxes meet without a gap
        centre = ((lower[0] + upper[0]) / 2, (lower[1] + upper[1]) / 2, (lower[2] + upper[2]) / 2)
        yield Box(centre, (*bar.half_section, reach), (w / norm, x / norm, y / norm, 0.0))
