"""Things made of a turned body, bent bars and boxes under one picture: cans, bottles, cartons, mugs, pans, books.

The picture is the label's upper seven eighths; below lies a strip with the colours of handles and other trim.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.labels import Label
from libero_gym.assets.builtin.lathe import WallSizes, add_wall
from libero_gym.assets.builtin.mesh import Mesh, Rectangle, box, moved, rotated, turned, union
from libero_gym.assets.builtin.shapes import OBJECT_SITES, Inertia, Panel, PlacementSites, Point
from libero_gym.assets.builtin.textures import Colour

BODY: Rectangle = (0.0, 0.0, 1.0, 0.875)
_TRIM_TOP = 0.875
#: Turns z, a turned body's axis, to y, and its front, at -y, up: so LIBERO's groceries lie in their own frames.
_LYING: Point = (math.sqrt(0.5), -math.sqrt(0.5), 0.0, 0.0)


@dataclass(frozen=True)
class Turned:
    """What is seen of a body of revolution."""

    profile: tuple[Point, ...]
    """(radius, height) or (radius, height, part that y keeps), as `mesh.turned` takes it."""
    slices: int = 18
    centre: Point = (0.0, 0.0, 0.0)
    facets: bool = False
    phase: float = math.pi / 2
    """Puts the label's middle at -y."""


@dataclass(frozen=True)
class Bar:
    """A bent bar with a rectangular section, a box for each stretch: handles and spouts. Seen and touched."""

    path: tuple[Point, ...]
    """(x, y, z) of its corners, in a plane that holds z."""
    half_section: Point
    """Half size of the section along x and y, where a stretch is upright."""
    trim: int = 0
    """Which of the trim's colours it has."""


@dataclass(frozen=True)
class Prism:
    """An upright regular prism to touch, made of boxes through its middle: fingers find a flat side."""

    radius: float
    """Of the circle inside."""
    low: float
    high: float
    boxes: int = 3
    """Twice as many sides."""
    centre: Point = (0.0, 0.0)


@dataclass(frozen=True)
class Block:
    """A box that is seen, in one of the trim's colours, and touched where `solid`."""

    panel: Panel
    trim: int = 0
    solid: bool = False


@dataclass(frozen=True)
class ThingSizes:
    """One thing; all in the frame of its own body."""

    folder: str
    """LIBERO's folder of its kind."""
    inertia: Inertia
    label: Label
    trim: tuple[Colour, ...] = ((128, 128, 128),)
    body: Turned | None = None
    lying: bool = False
    """Whether the body, with its prisms, lies along y."""
    boxes: tuple[Panel, ...] = ()
    """Touched, not seen."""
    prisms: tuple[Prism, ...] = ()
    walls: tuple[WallSizes, ...] = ()
    bars: tuple[Bar, ...] = ()
    blocks: tuple[Block, ...] = ()
    regions: dict[str, Panel] = field(default_factory=dict)
    sites: PlacementSites = OBJECT_SITES
    shine: float = 0.3


def write_thing(directory: Path, name: str, sizes: ThingSizes) -> None:
    """Writes `NAME.xml` with its mesh and its texture into `directory`.

    Args:
        directory: LIBERO's folder of this object; it is made.
        name: LIBERO's name of the object.
        sizes: its measured sizes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _picture(sizes).save(directory / "texture.png")
    union(_seen(sizes)).write(directory / "visual" / f"{name}_vis.obj")

    root, asset, worldbody = mjcf.document(name)
    mjcf.texture(asset, f"tex-{name}", "texture.png")
    mjcf.material(asset, name, f"tex-{name}", specular=str(sizes.shine), shininess=str(sizes.shine))
    mjcf.mesh_asset(asset, f"{name}_vis", f"visual/{name}_vis.obj")
    body = mjcf.object_body(worldbody, sizes.sites)
    mjcf.inertial(body, sizes.inertia)
    mjcf.visual_mesh(body, f"{name}_vis", name)
    _add_touched(body, sizes)
    for region, site in sizes.regions.items():
        mjcf.box_site(body, region, site)
    mjcf.write(root, directory / f"{name}.xml")


def _picture(sizes: ThingSizes) -> Image.Image:
    """The label above the trim's colours, side by side."""
    label = sizes.label.draw()
    width, height = label.size
    image = Image.new("RGB", (width, round(height / _TRIM_TOP)))
    image.paste(label, (0, 0))
    strip = width // len(sizes.trim)
    for i, colour in enumerate(sizes.trim):
        image.paste(colour, (i * strip, height, (i + 1) * strip, image.height))
    return image


def _trim(sizes: ThingSizes, number: int) -> dict[str, Rectangle]:
    """A point in the middle of a trim colour, for all sides of a box."""
    x, y = (number + 0.5) / len(sizes.trim), (1 + _TRIM_TOP) / 2
    return dict.fromkeys(("+x", "-x", "+y", "-y", "+z", "-z"), (x, y, x, y))


def _seen(sizes: ThingSizes) -> Iterator[Mesh]:
    if sizes.body is not None:
        body = sizes.body
        mesh = turned(body.profile, body.slices, BODY, phase=body.phase, facets=body.facets, upright_picture=True)
        yield moved(rotated(mesh, _LYING) if sizes.lying else mesh, body.centre)
    for bar in sizes.bars:
        yield from (box(panel, _trim(sizes, bar.trim)) for panel in stretches(bar))
    for block in sizes.blocks:
        yield box(block.panel, _trim(sizes, block.trim))


def _add_touched(body: ET.Element, sizes: ThingSizes) -> None:
    for panel in (*sizes.boxes, *(block.panel for block in sizes.blocks if block.solid)):
        mjcf.collision_box(body, panel)
    for prism in sizes.prisms:
        _add_prism(body, prism, sizes.lying)
    for wall in sizes.walls:
        add_wall(body, wall, sizes.body.centre if sizes.body is not None else (0.0, 0.0))
    for bar in sizes.bars:
        for panel in stretches(bar):
            mjcf.collision_box(body, panel)


def _add_prism(body: ET.Element, prism: Prism, lying: bool) -> None:
    side = prism.radius * math.tan(math.pi / (2 * prism.boxes))
    middle, half = (prism.high + prism.low) / 2, (prism.high - prism.low) / 2
    for i in range(prism.boxes):
        angle = math.pi * i / prism.boxes
        x, y = prism.centre
        if lying:  # z becomes y, and y becomes -z
            quat = (math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0)
            panel = Panel((x, middle, -y), (prism.radius, half, side), quat)
        else:
            quat = (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2))
            panel = Panel((x, y, middle), (prism.radius, side, half), quat)
        mjcf.collision_box(body, panel)


def stretches(bar: Bar) -> Iterator[Panel]:
    """A box for each stretch of a bar, its z turned along the stretch."""
    for start, end in zip(bar.path[:-1], bar.path[1:], strict=True):
        dx, dy, dz = np.subtract(end, start)
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        # The shortest turn from z to the stretch: half of the way from z to it, and their cross product.
        w, x, y = (length + dz, -dy, dx) if length + dz > 1e-9 else (0.0, 1.0, 0.0)
        norm = math.sqrt(w * w + x * x + y * y)
        reach = length / 2 + min(bar.half_section) / 2  # stretches meet without a gap
        centre = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, (start[2] + end[2]) / 2)
        yield Panel(centre, (*bar.half_section, reach), (w / norm, x / norm, y / norm, 0.0))
