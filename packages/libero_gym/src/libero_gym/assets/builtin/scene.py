"""Rooms: floor, walls, cameras, lamps, furniture in the background and a table, as LIBERO's arena classes open them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.shapes import Panel, Point
from libero_gym.assets.builtin.textures import Colour


@dataclass(frozen=True)
class WallPanel:
    """A wall of the room, a box (visual only)."""

    name: str
    centre: Point
    quat: Point
    half_size: Point


@dataclass(frozen=True)
class CameraPose:
    """A fixed camera. LIBERO's problem classes move some of them afterwards."""

    name: str
    position: Point
    quat: Point


@dataclass(frozen=True)
class LightPose:
    """A lamp that casts no shadow."""

    name: str
    position: Point
    direction: Point
    diffuse: float
    specular: float
    directional: bool = False


@dataclass(frozen=True)
class Furniture:
    """Something in the background, seen only: a box, or an upright cylinder (radius, -, half height) where round."""

    panel: Panel
    colour: Colour
    round: bool = False


@dataclass(frozen=True)
class FixedTable:
    """A table of boxes that are seen and touched; a legged one is resized by LIBERO's arena class instead."""

    body: str
    """The name that LIBERO's problem classes look up."""
    boards: tuple[Panel, ...]


@dataclass(frozen=True)
class RoomSizes:
    """One room."""

    walls: tuple[WallPanel, ...]
    cameras: tuple[CameraPose, ...]
    lights: tuple[LightPose, ...]
    wall: Colour
    wood: str | None
    """Texture file of the table; None where there is no table."""
    table: FixedTable | None = None
    """None for the legged one."""
    furniture: tuple[Furniture, ...] = ()
    floor_in_body: bool = False
    """Whether the floor is a body of its own: where things stand on it."""
    floor_half_size: Point = (3.0, 3.0, 0.125)


_UNIT_TABLE = "0.4 0.4 0.4"


def write_room(path: Path, room: RoomSizes, floor: str, wall: str) -> None:
    """Writes a scene.

    LIBERO's arena classes look the parts of a legged table up by name, set their sizes, and replace the file names of
    the textures "texplane" and "tex-wall" by those of its styles, within the same folder.

    Args:
        path: the MJCF file, in LIBERO's `scenes`.
        room: its measured sizes.
        floor, wall: texture files beside `scenes`, in `textures`.
    """
    root, asset, worldbody = mjcf.document("arena")
    mjcf.texture(asset, "texplane", f"../textures/{floor}")
    mjcf.texture(asset, "tex-wall", f"../textures/{wall}")
    mjcf.material(asset, "floorplane", "texplane", texrepeat="3 3", texuniform="true", specular="0", shininess="0")
    # Plain: a texture that nobody can make out would cost a tenth of a picture's time. There is no sky to be seen.
    ET.SubElement(asset, "material", name="walls_mat", rgba=_rgba(room.wall), specular="0.8", reflectance="0")
    if room.wood is not None:
        mjcf.texture(asset, "tex-table", f"../textures/{room.wood}", kind="cube")
        mjcf.material(asset, "table_texture", "tex-table", shininess="0")
        mjcf.material(asset, "table_legs", "tex-table")

    size = mjcf.numbers(room.floor_half_size)
    ground = ET.SubElement(worldbody, "body", name="floor", pos="0 0 0") if room.floor_in_body else worldbody
    floor_attributes = {"type": "plane", "size": size, "pos": "0 0 0", "condim": "3", "group": "1"}
    ET.SubElement(ground, "geom", {"name": "floor", "material": "floorplane", **floor_attributes})
    for panel in room.walls:
        place = {"pos": mjcf.numbers(panel.centre), "quat": mjcf.numbers(panel.quat)}
        size = mjcf.numbers(panel.half_size)
        _seen(worldbody, name=f"wall_{panel.name}_visual", material="walls_mat", type="box", size=size, **place)
    if room.table is not None:
        _add_fixed_table(worldbody, room.table)
    elif room.wood is not None:
        _add_legged_table(worldbody)
    for piece in room.furniture:
        kind, half = ("cylinder", (0, 2)) if piece.round else ("box", (0, 1, 2))
        size = mjcf.numbers(piece.panel.half_size[axis] for axis in half)
        _seen(worldbody, type=kind, pos=mjcf.numbers(piece.panel.centre), size=size, rgba=_rgba(piece.colour))
    for light in room.lights:
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
    for camera in room.cameras:
        pose = {"pos": mjcf.numbers(camera.position), "quat": mjcf.numbers(camera.quat)}
        ET.SubElement(worldbody, "camera", {"name": camera.name, "mode": "fixed", **pose})
    mjcf.write(root, path)


def _rgba(colour: Colour) -> str:
    return " ".join(format(value / 255, ".3g") for value in colour) + " 1"


def _add_legged_table(worldbody: ET.Element) -> None:
    """The table and its legs, of a size that the arena class replaces."""
    table = ET.SubElement(worldbody, "body", name="table", pos="0 0 0.4")
    collision = {"name": "table_collision", "type": "box", "pos": "0 0 0", "size": _UNIT_TABLE, "group": "0"}
    ET.SubElement(table, "geom", {**collision, "friction": "1 0.005 0.0001"})
    _seen(table, name="table_visual", material="table_texture", type="box", pos="0 0 0", size=_UNIT_TABLE)
    ET.SubElement(table, "site", name="table_top", pos="0 0 0.4", size="0.001 0.001 0.001", rgba=mjcf.HIDDEN)
    for leg in range(1, 5):
        _seen(
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
        place = {"pos": mjcf.numbers(board.centre), "size": mjcf.numbers(board.half_size)}
        _seen(body, material="table_texture", type="box", **place)


def _seen(body: ET.Element, **attributes: str) -> None:
    """A primitive that is seen and does not touch."""
    ET.SubElement(body, "geom", {**attributes, "contype": "0", "conaffinity": "0", "group": "1"})
