"""Rooms with a table: what LIBERO's arena classes open and then resize."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from libero_gym.assets.builtin import mjcf
from libero_gym.assets.builtin.shapes import Point


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


@dataclass(frozen=True)
class RoomSizes:
    """The room around a table scene: floor, walls, cameras, lamps. The table's size comes from LIBERO's arena class."""

    floor_half_size: Point
    walls: tuple[WallPanel, ...]
    cameras: tuple[CameraPose, ...]
    lights: tuple[LightPose, ...]


_UNIT_TABLE = "0.4 0.4 0.4"


def write_tabletop(path: Path, room: RoomSizes, floor: str, wall: str, table: str) -> None:
    """Writes a scene with floor, walls, a table on four legs, cameras and lamps.

    LIBERO's `TableArena` looks the table's parts up by name, sets their sizes, and replaces the file names of the
    textures "texplane" and "tex-wall" by those of its styles, within the same folder.

    Args:
        path: the MJCF file, in LIBERO's `scenes`.
        room: its measured sizes.
        floor, wall, table: texture files beside `scenes`, in `textures`.
    """
    root, asset, worldbody = mjcf.document("table_arena")
    sky = {"type": "skybox", "builtin": "gradient", "rgb1": ".9 .9 1", "rgb2": ".2 .3 .4", "width": "64"}
    ET.SubElement(asset, "texture", {**sky, "height": "64"})
    mjcf.texture(asset, "texplane", f"../textures/{floor}")
    mjcf.texture(asset, "tex-wall", f"../textures/{wall}")
    mjcf.texture(asset, "tex-table", f"../textures/{table}", kind="cube")
    mjcf.material(asset, "floorplane", "texplane", texrepeat="3 3", texuniform="true", specular="0", shininess="0")
    mjcf.material(asset, "walls_mat", "tex-wall", texrepeat="3 3", texuniform="true", specular="0.8")
    mjcf.material(asset, "table_texture", "tex-table", shininess="0")
    mjcf.material(asset, "table_legs", "tex-table")

    size = mjcf.numbers(room.floor_half_size)
    floor_attributes = {"type": "plane", "size": size, "pos": "0 0 0", "condim": "3", "group": "1"}
    ET.SubElement(worldbody, "geom", {"name": "floor", "material": "floorplane", **floor_attributes})
    for panel in room.walls:
        _visual(
            worldbody,
            f"wall_{panel.name}_visual",
            "walls_mat",
            type="box",
            pos=mjcf.numbers(panel.centre),
            quat=mjcf.numbers(panel.quat),
            size=mjcf.numbers(panel.half_size),
        )
    _add_table(worldbody)
    for light in room.lights:
        ET.SubElement(
            worldbody,
            "light",
            name=light.name,
            pos=mjcf.numbers(light.position),
            dir=mjcf.numbers(light.direction),
            diffuse=mjcf.numbers([light.diffuse] * 3),
            specular=mjcf.numbers([light.specular] * 3),
            directional="false",
            castshadow="false",
        )
    for camera in room.cameras:
        pose = {"pos": mjcf.numbers(camera.position), "quat": mjcf.numbers(camera.quat)}
        ET.SubElement(worldbody, "camera", {"name": camera.name, "mode": "fixed", **pose})
    mjcf.write(root, path)


def _add_table(worldbody: ET.Element) -> None:
    """The table and its legs, of a size that the arena class replaces."""
    table = ET.SubElement(worldbody, "body", name="table", pos="0 0 0.4")
    collision = {"name": "table_collision", "type": "box", "pos": "0 0 0", "size": _UNIT_TABLE, "group": "0"}
    ET.SubElement(table, "geom", {**collision, "friction": "1 0.005 0.0001"})
    _visual(table, "table_visual", "table_texture", type="box", pos="0 0 0", size=_UNIT_TABLE)
    ET.SubElement(table, "site", name="table_top", pos="0 0 0.4", size="0.001 0.001 0.001", rgba=mjcf.HIDDEN)
    for leg in range(1, 5):
        _visual(table, f"table_leg{leg}_visual", "table_legs", type="cylinder", pos="0 0 0", size="0.05 0.1")


def _visual(body: ET.Element, name: str, material: str, **attributes: str) -> None:
    """A primitive that is seen and does not touch."""
    untouchable = {"contype": "0", "conaffinity": "0", "group": "1"}
    ET.SubElement(body, "geom", {"name": name, "material": material, **attributes, **untouchable})
