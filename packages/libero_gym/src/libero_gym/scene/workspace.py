"""LIBERO's six workspaces: the arena of a class of tasks, with its table, cameras and the place of the robot."""

from __future__ import annotations

import functools
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from libero_gym.errors import SceneError, unknown
from libero_gym.scene.mjcf import colour_collision_geoms, numbers, read_part, section
from libero_gym.tasks.definition import Region

#: robosuite's colour of what collides in an arena.
_COLLISION = "0.5 0.5 0 1"
#: Half height of a region of the workspace, metres.
_HALF_HEIGHT = 0.007


@dataclass(frozen=True)
class Workspace:
    """What LIBERO's class of such tasks says of their scene; lengths in metres."""

    name: str
    """Of the fixture that regions of the workspace belong to."""
    category: str
    """Of that fixture; the arena has it, so that it is not built."""
    scene: str
    """File of the arena, from an asset set's folder."""
    floor: str
    """File of the floor's texture."""
    wall: str
    offset: tuple[float, float, float]
    """Middle of the workspace in the world: regions are given from there."""
    fixture_z: float
    """Height of fixtures' lowest points from there."""
    surface: float
    """Height of the table or floor in the world, on which fixtures of one's own stand; LIBERO's sink into it."""
    objects_within: bool
    """Whether objects, not only their middles, are placed inside their regions."""
    body: str
    """Of the arena, which gets the regions' sites."""
    region: tuple[float, float, float]
    """Where the middle of the workspace is for a region's site, in that body."""
    robot: tuple[float, float, float]
    """Place of the robot's base."""
    mount: str
    """"pedestal" or "ground"."""
    cameras: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]
    """Position and quaternion (w, x, y, z), each in the world."""
    table: tuple[float, float, float] | None = None
    """Sizes of the table where the arena's is made to measure."""
    friction: tuple[float, float, float] = (1, 0.005, 0.0001)
    """Of that table."""

    def fixture_height(self, bottom: float, *, own: bool) -> float:
        """Return the height of a fixture's origin in the world.

        Args:
            bottom: height of its lowest point above the origin.
            own: whether it is one's own, not one of LIBERO's.
        """
        return self.surface - bottom if own else self.fixture_z + self.offset[2] - bottom


@functools.cache
def workspaces() -> dict[str, Workspace]:
    """Return LIBERO's workspaces by the problem class of their tasks."""
    tree = tomllib.loads((files("libero_gym.scene") / "data" / "workspaces.toml").read_text())
    return {problem: _workspace(entry) for problem, entry in tree.items()}


def workspace_of(problem: str) -> Workspace:
    """Return the workspace of a problem class.

    Raises:
        SceneError: there is no such class.
    """
    found = {name.lower(): workspace for name, workspace in workspaces().items()}
    if problem.lower() not in found:
        raise unknown(SceneError, "problem", problem, list(workspaces()))
    return found[problem.lower()]


def _workspace(entry: dict[str, Any]) -> Workspace:
    cameras = {name: (tuple(pose["pos"]), tuple(pose["quat"])) for name, pose in entry.pop("cameras").items()}
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Workspace(cameras=cameras, **values)


def read_arena(folder: Path, workspace: Workspace) -> ET.Element:
    """Read the arena of a workspace from an asset set's folder, with its textures, table and cameras as LIBERO sets
    them.

    Raises:
        SceneError: the file is missing, or not of LIBERO's form.
    """
    path = folder / workspace.scene
    root = read_part(path)
    world, assets = section(root, "worldbody"), section(root, "asset")
    colour_collision_geoms(world, _COLLISION, but="floor")
    if workspace.table is not None:
        _measure_table(world, workspace.table, workspace.friction, workspace.offset, path)
    for name, file in (("texplane", workspace.floor), ("tex-wall", workspace.wall)):
        texture = _named(assets, "texture", name, path)
        texture.set("file", "/".join([*texture.attrib["file"].split("/")[:-1], file]))
    for name, (position, quaternion) in workspace.cameras.items():
        camera = world.find(f"./camera[@name='{name}']")
        if camera is None:
            camera = ET.SubElement(world, "camera", name=name)
        camera.set("pos", numbers(position))
        camera.set("quat", numbers(quaternion))
    return root


def add_region(arena: ET.Element, workspace: Workspace, name: str, region: Region) -> tuple[float, float, float]:
    """Add the site of a region of the workspace to its arena.

    Returns:
        The site's half sizes, metres.

    Raises:
        SceneError: the region has no rectangle.
    """
    if not region.ranges:
        raise SceneError(f"region {name} of {region.target} has no rectangle")
    x0, y0, x1, y1 = region.ranges[0]
    size = ((x1 - x0) / 2, (y1 - y0) / 2, _HALF_HEIGHT)
    dx, dy, z = workspace.region
    position = ((x1 + x0) / 2 + dx, (y1 + y0) / 2 + dy, z)
    body = arena.find(f"./worldbody/body[@name='{workspace.body}']")
    if body is None:
        raise SceneError(f"the arena {workspace.scene} has no body {workspace.body!r}")
    ET.SubElement(
        body,
        "site",
        name=name,
        pos=numbers(position),
        quat="1 0 0 0",
        rgba="0 0 1 0",
        size=numbers(size),
        type="box",
    )
    return size


def _measure_table(
    world: ET.Element,
    size: tuple[float, float, float],
    friction: tuple[float, float, float],
    offset: tuple[float, float, float],
    path: Path,
) -> None:
    """Give the arena's table its sizes, friction and legs."""
    table = _named(world, "body", "table", path)
    half = tuple(length / 2 for length in size)
    table.set("pos", numbers((offset[0], offset[1], -half[2] + offset[2])))
    _named(world, "geom", "floor", path).set("pos", "0 0 0")
    collision, visual = _named(table, "geom", "table_collision", path), _named(table, "geom", "table_visual", path)
    collision.set("size", numbers(half))
    collision.set("friction", numbers(friction))
    visual.set("size", numbers(half))
    _named(table, "site", "table_top", path).set("pos", numbers((0, 0, half[2])))
    z = (offset[2] - half[2]) / 2
    for number, (dx, dy) in enumerate(((0.1, 0.1), (-0.1, 0.1), (-0.1, -0.1), (0.1, -0.1)), start=1):
        leg = _named(table, "geom", f"table_leg{number}_visual", path)
        # near a corner, or below the middle of a table that is too small for that
        x, y = (_beside(length, shift) for length, shift in zip(half, (dx, dy), strict=False))
        leg.set("pos", numbers((x, y, -z)))
        leg.set("size", numbers((0.025, z)))


def _beside(half: float, shift: float) -> float:
    return (half if shift > 0 else -half) - shift if half > abs(shift * 2) else 0.0


def _named(root: ET.Element, tag: str, name: str, path: Path) -> ET.Element:
    found = root.find(f"./{tag}[@name='{name}']")
    if found is None:
        raise SceneError(f"{path} has no <{tag}> named {name!r}")
    return found
