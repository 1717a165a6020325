"""Arenas: floor, walls, cameras, lamps, background furniture and a table, as LIBERO's arena classes open them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.schema import Colour, Range
from libero_gym.assets.builtin.shapes import Box, HalfSize, Position, Quaternion

_Intensity = Annotated[float, Range(0, 1)]
_Direction = Annotated[tuple[float, float, float], Range(-1, 1)]


@dataclass(frozen=True)
class WallPanel:
    """A wall, a box (visual only)."""

    name: str
    centre: Position
    quat: Quaternion
    half_size: HalfSize


@dataclass(frozen=True)
class CameraPose:
    """A fixed camera. LIBERO's problem classes move some of them afterwards."""

    name: str
    position: Position
    quat: Quaternion


@dataclass(frozen=True)
class LightPose:
    """A lamp that casts no shadow."""

    name: str
    position: Position
    direction: _Direction
    diffuse: _Intensity
    specular: _Intensity
    directional: bool = False


@dataclass(frozen=True)
class Furniture:
    """A box in the background, to render only; where round an upright cylinder (radius, -, half height)."""

    box: Box
    colour: Colour
    round: bool = False


@dataclass(frozen=True)
class FixedTable:
    """A table of solid boxes; LIBERO's arena class resizes a legged one instead."""

    body: str
    """The name that LIBERO's problem classes look up."""
    boards: tuple[Box, ...]


@dataclass(frozen=True)
class ArenaSizes:
    """An arena; texture files lie beside LIBERO's `scenes`, in `textures`."""

    floor_texture: str
    wall_texture: str
    wall_colour: Colour
    walls: tuple[WallPanel, ...]
    cameras: tuple[CameraPose, ...]
    lights: tuple[LightPose, ...]
    table_texture: str | None = None
    """None where there is no table."""
    table: FixedTable | None = None
    """None for the legged one."""
    furniture: tuple[Furniture, ...] = ()
    floor_in_body: bool = False
    """Whether the floor is a body of its own: where objects stand on it."""
    floor_half_size: HalfSize = (3.0, 3.0, 0.125)


_UNIT_TABLE = "0.4 0.4 0.4"


def write_arena(path: Path, arena: ArenaSizes) -> None:
    """Write a scene.

    LIBERO's arena classes look the parts of a legged table up by name, set their sizes, and replace the file names of
    the textures "texplane" and "tex-wall" by those of its styles, within the same folder.

    Args:
        path: the MJCF file, in LIBERO's `scenes`.
        arena: its measured sizes.
    """
    root, asset, worldbody = mjcf.document("arena")
    mjcf.texture(asset, "texplane", f"../textures/{arena.floor_texture}")
    mjcf.texture(asset, "tex-wall", f"../textures/{arena.wall_texture}")
    mjcf.material(asset, "floorplane", "texplane", texrepeat="3 3", texuniform="true", specular="0", shininess="0")
    # Plain: a texture that nobody can make out would cost a tenth of the rendering time. No camera looks at a sky.
    ET.SubElement(asset, "material", name="walls_mat", rgba=_rgba(arena.wall_colour), specular="0.8", reflectance="0")
    if arena.table_texture is not None:
        mjcf.texture(asset, "tex-table", f"../textures/{arena.table_texture}", kind="cube")
        mjcf.material(asset, "table_texture", "tex-table", shininess="0")
        mjcf.material(asset, "table_legs", "tex-table")

    size = mjcf.numbers(arena.floor_half_size)
    ground = ET.SubElement(worldbody, "body", name="floor", pos="0 0 0") if arena.floor_in_body else worldbody
    floor_attributes = {"type": "plane", "size": size, "pos": "0 0 0", "condim": "3", "group": "1"}
    ET.SubElement(ground, "geom", {"name": "floor", "material": "floorplane", **floor_attributes})
    for panel in arena.walls:
        pose = {"pos": mjcf.numbers(panel.centre), "quat": mjcf.numbers(panel.quat)}
        size = mjcf.numbers(panel.half_size)
        _visual(worldbody, name=f"wall_{panel.name}_visual", material="walls_mat", type="box", size=size, **pose)
    if arena.table is not None:
        _add_fixed_table(worldbody, arena.table)
    elif arena.table_texture is not None:
        _add_legged_table(worldbody)
    for piece in arena.furniture:
        kind, half = ("cylinder", (0, 2)) if piece.round else ("box", (0, 1, 2))
        size = mjcf.numbers(piece.box.half_size[axis] for axis in half)
        _visual(worldbody, type=kind, pos=mjcf.numbers(piece.box.centre), size=size, rgba=_rgba(piece.colour))
    for light in arena.lights:
        ET.SubElement(
            worldbody,
            "light",
            name=light.name,
            pos=mjcf.numbers(light.position),
            dir=mjcf.numbers(light.direction),
            diffuse=mjcf.numbers([light.diffuse] * 3),
            specular=mjcf.numbers([light.specular] * 3),
            directional=str(light.directional).lower(),
            castshadow="false",
        )
    for camera in arena.cameras:
        pose = {"pos": mjcf.numbers(camera.position), "quat": mjcf.numbers(camera.quat)}
        ET.SubElement(worldbody, "camera", {"name": camera.name, "mode": "fixed", **pose})
    mjcf.write(root, path)


def _rgba(colour: Colour) -> str:
    return " ".join(format(value / 255, ".3g") for value in colour) + " 1"


def _add_legged_table(worldbody: ET.Element) -> None:
    """Add the table and its legs, of a size that the arena class replaces."""
    table = ET.SubElement(worldbody, "body", name="table", pos="0 0 0.4")
    collision = {"name": "table_collision", "type": "box", "pos": "0 0 0", "size": _UNIT_TABLE, "group": "0"}
    ET.SubElement(table, "geom", {**collision, "friction": "1 0.005 0.0001"})
    _visual(table, name="table_visual", material="table_texture", type="box", pos="0 0 0", size=_UNIT_TABLE)
    ET.SubElement(table, "site", name="table_top", pos="0 0 0.4", size="0.001 0.001 0.001", rgba=mjcf.HIDDEN)
    for leg in range(1, 5):
        _visual(
            table,
            name=f"table_leg{leg}_visual",
            material="table_legs",
            type="cylinder",
            pos="0 0 0",
            size="0.05 0.1",
        )


def _add_fixed_table(worldbody: ET.Element, table: FixedTable) -> None:
    body = ET.SubElement(worldbody, "body", name=table.body, pos="0 0 0")
    for board in table.boards:
        mjcf.collision_box(body, board)
        shape = {"pos": mjcf.numbers(board.centre), "size": mjcf.numbers(board.half_size)}
        _visual(body, material="table_texture", type="box", **shape)


def _visual(body: ET.Element, **attributes: str) -> None:
    """Add a primitive that is rendered and does not collide."""
    ET.SubElement(body, "geom", {**attributes, "contype": "0", "conaffinity": "0", "group": "1"})
