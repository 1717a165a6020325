"""Build a task's scene as LIBERO does, without it: arena, robot, objects and fixtures, joined in its order.

task definition --+--> workspace --> arena with the sites of its regions --+
                  +--> objects -----> a body and assets each --------------+--> one model --> MjSpec
robot's numbers --------------------> arm, mount, gripper -----------------+

LIBERO's classes are the oracle of the tests: names, order and all numbers are theirs.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import mujoco

from libero_gym.errors import SceneError
from libero_gym.scene.mjcf import add_assets, numbers, section
from libero_gym.scene.robot_look import show_coarse_meshes
from libero_gym.scene.scene_object import SceneObject, own_object, read_object
from libero_gym.scene.workspace import Workspace, add_region, read_arena, workspace_of
from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.own import OwnModel

_BASE = """<mujoco model="base">
  <compiler angle="radian" inertiagrouprange="0 0"/>
  <option impratio="20" cone="elliptic" density="1.2" viscosity="0.00002" timestep="0.002"/>
  <size nconmax="5000" njmax="5000"/>
  <visual><map znear="0.001"/></visual>
  <asset/>
  <actuator/>
  <worldbody/>
  <sensor/>
</mujoco>"""
"""What robosuite gives every model."""


@dataclass(frozen=True)
class SceneRegion:
    """A region that a goal or an initial condition can name."""

    size: tuple[float, ...]
    """Half sizes, metres."""
    parent: str = ""
    """SceneObject that it belongs to; empty for one of the workspace."""
    joints: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scene:
    """A scene before it is compiled."""

    definition: TaskDefinition
    workspace: Workspace
    root: ET.Element
    """The whole model, in MuJoCo's XML."""
    objects: dict[str, SceneObject]
    fixtures: dict[str, SceneObject]
    """Without the table or floor, which the arena has."""
    regions: dict[str, SceneRegion]

    @property
    def all_objects(self) -> dict[str, SceneObject]:
        """Objects, then fixtures."""
        return {**self.objects, **self.fixtures}

    def spec(self) -> mujoco.MjSpec:
        """Return the scene as an editable specification.

        Raises:
            SceneError: MuJoCo does not take it.
        """
        try:
            return mujoco.MjSpec.from_string(ET.tostring(self.root, encoding="unicode"))
        except ValueError as error:
            raise SceneError(f"MuJoCo does not take the scene: {error}") from error


def build_scene(
    definition: TaskDefinition,
    folder: Path,
    robot_meshes: Path | None,
    own_models: Mapping[str, OwnModel] | None = None,
) -> Scene:
    """Build the scene of a task from an asset set.

    Args:
        definition: of the task.
        folder: of the asset set.
        robot_meshes: folder with the meshes that are seen of the robot, laid out as robosuite's `models/assets`;
            None for the coarse ones of the built-in assets.
        own_models: category -> model, of objects of one's own.

    Raises:
        SceneError: an asset is missing or of another form, or the task names what there is not.
    """
    workspace = workspace_of(definition.problem)
    arena = read_arena(folder, workspace)

    def read(name: str, category: str, *, movable: bool) -> SceneObject:
        if own_models and category in own_models:
            return own_object(own_models[category], name, category, movable=movable)
        return read_object(folder, name, category, movable=movable)

    fixtures = {
        name: read(name, category, movable=False)
        for name, category in definition.fixtures.items()
        if category != workspace.category
    }
    objects = {name: read(name, category, movable=True) for name, category in _grouped(definition)}
    regions = _regions(definition, workspace, arena, {**objects, **fixtures})
    root = ET.fromstring(_BASE)
    _join(root, arena)
    _join(root, _robot(workspace, robot_meshes))
    for item in (*objects.values(), *fixtures.values()):
        add_assets(section(root, "asset"), item.assets)
        section(root, "worldbody").append(item.body)
    return Scene(definition, workspace, root, objects, fixtures, regions)


def _grouped(definition: TaskDefinition) -> list[tuple[str, str]]:
    """Return objects with their categories, those of one category together, as LIBERO makes them."""
    order = list(dict.fromkeys(definition.objects.values()))
    return sorted(definition.objects.items(), key=lambda item: order.index(item[1]))


def _regions(
    definition: TaskDefinition, workspace: Workspace, arena: ET.Element, all_objects: dict[str, SceneObject]
) -> dict[str, SceneRegion]:
    """Find the site of each region of the task; those of the workspace are added to the arena."""
    found: dict[str, SceneRegion] = {}
    for name, region in definition.regions.items():
        if workspace.name in name:
            found[name] = SceneRegion(add_region(arena, workspace, name, region))
        for item in all_objects.values() if workspace.name not in name else ():
            if name in item.regions:
                site = item.regions[name]
                found[name] = SceneRegion(site.size, item.name, tuple(site.joints))
    return found


def _robot(workspace: Workspace, meshes: Path | None) -> ET.Element:
    """Return the arm on its mount, with the gripper, where the workspace has it."""
    root, mount = (_read(f"{name}.xml") for name in ("panda", workspace.mount))
    base = section(root, "worldbody")[0]
    base.set("pos", numbers(workspace.robot))
    base.extend(section(mount, "worldbody"))
    assets = section(root, "asset")
    gripper = next(i for i, asset in enumerate(assets) if asset.attrib["name"].startswith("gripper"))
    for place, asset in enumerate(section(mount, "asset"), start=gripper):
        assets.insert(place, asset)
    if meshes is None:
        show_coarse_meshes(root)
    own = Path(str(files("libero_gym.scene"))) / "data" / "robot"
    for asset in assets:
        if "file" in asset.attrib:
            here = own / Path(asset.attrib["file"]).name
            asset.set("file", str(here if meshes is None or here.exists() else meshes / asset.attrib["file"]))
    return root


def _read(name: str) -> ET.Element:
    with as_file(files("libero_gym.scene") / "data" / name) as path:
        return ET.parse(path).getroot()


def _join(root: ET.Element, part: ET.Element) -> None:
    """Append what a part has to the model."""
    section(root, "worldbody").extend(section(part, "worldbody"))
    add_assets(section(root, "asset"), section(part, "asset"))
    for tag in ("actuator", "sensor"):
        section(root, tag).extend(section(part, tag))
