"""An object or a fixture of LIBERO as a part of a scene: its asset file under the name of an instance."""

from __future__ import annotations

import copy
import functools
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from libero_gym.errors import SceneError, unknown
from libero_gym.scene.mjcf import add_prefix, hide_sites, read_part, section
from libero_gym.scene.own_object import own_geometry
from libero_gym.tasks.own import OwnModel
from libero_gym.tasks.tables import Threshold


@dataclass(frozen=True)
class Category:
    """What LIBERO's class of such objects says of them."""

    file: str
    """Of the asset, from an asset set's folder."""
    rotation: dict[str, tuple[float, float]]
    """Bounds of its rotation about each axis when it is placed, radians, in the order in which they are applied."""
    conditions: dict[str, Threshold]
    """When a joint of it is "open", "close", "turnon" or "turnoff"."""
    ranges: dict[str, tuple[float, float]]
    """Bounds of its joints where a task begins with one of these."""
    indicators: tuple[str, ...]
    """Sites that show while it is turned on."""


@functools.cache
def categories() -> dict[str, Category]:
    """Return all categories that LIBERO's tasks have; `scripts/task_data.py` wrote the file from its classes."""
    return _read_categories("categories.json")


@functools.cache
def pro_categories() -> dict[str, Category]:
    """Return the categories that LIBERO-PRO's tasks may have beside those; `scripts/pro_categories.py` wrote the file.

    They are not among `categories()`, whose names an object of one's own cannot have.
    """
    return _read_categories("pro_categories.json")


def _read_categories(name: str) -> dict[str, Category]:
    tree = json.loads((files("libero_gym.tasks") / "data" / name).read_text())
    return {category: read_category(entry) for category, entry in tree.items()}


def read_category(entry: Mapping[str, Any]) -> Category:
    """Return a category from its entry in a table."""
    return Category(
        entry["file"],
        {axis: (low, high) for axis, (low, high) in entry["rotation"].items()},
        {condition: Threshold(*threshold) for condition, threshold in entry["conditions"].items()},
        {condition: (low, high) for condition, (low, high) in entry["ranges"].items()},
        tuple(entry["indicators"]),
    )


@dataclass(frozen=True)
class ObjectRegion:
    """A site of an object that is a region: a drawer's inside, a burner."""

    size: tuple[float, ...]
    """Half sizes, metres."""
    joints: list[str]
    """Joints of the innermost body that has it, by which it opens."""


@dataclass(frozen=True)
class SceneObject:
    """An instance of a category, with all its names, which begin with the instance's."""

    name: str
    category: Category
    assets: list[ET.Element]
    body: ET.Element
    """What is put into the world."""
    movable: bool
    bottom: float
    """Height of its lowest point above its origin, metres."""
    top: float
    radius: float
    """Half of its width at least, for placing objects apart, metres."""
    regions: dict[str, ObjectRegion]
    """What a task can name as a region of it, by the site's name."""
    own: bool = False
    """Whether it is an object of one's own, not one of LIBERO's."""

    @property
    def root_body(self) -> str:
        """Name of its first body."""
        return f"{self.name}_main"

    @property
    def contact_geoms(self) -> list[str]:
        """Names of its geometries that collide."""
        return [geom.attrib["name"] for geom in self.body.iter("geom") if geom.attrib["group"] == "0"]

    @property
    def joints(self) -> list[str]:
        """Names of its joints, the free joint of an object last, as its body has them in depth-first order."""
        return [joint.attrib["name"] for joint in self.body.iter("joint")]


def read_object(folder: Path, name: str, category: str, *, movable: bool) -> SceneObject:
    """Read the asset of an object or a fixture.

    Args:
        folder: of the asset set.
        name: of the instance.
        category: what it is; see `categories` and `pro_categories`.
        movable: with a free joint, as objects are; fixtures are not.

    Raises:
        SceneError: there is no such category, or its asset file is missing or not of LIBERO's form.
    """
    kind = categories().get(category) or pro_categories().get(category)
    if kind is None:
        raise unknown(SceneError, "category", category, list(categories()), f"the instance {name!r}")
    path = folder / kind.file
    root = read_part(path)
    container = section(root, "worldbody").find("./body")
    inner = container.find("./body[@name='object']") if container is not None else None
    if container is None or inner is None:
        raise SceneError(f'{path} has no <body> with a <body name="object"> in it')
    body = copy.deepcopy(inner)
    prefix = f"{name}_"
    _prepare(body, prefix, path, movable=movable)
    offsets = {key: _site(container, f"{key}_site", path) for key in ("bottom", "top", "horizontal_radius")}
    add_prefix(container, prefix)
    assets = section(root, "asset")
    add_prefix(assets, prefix)
    return SceneObject(
        name,
        kind,
        list(assets),
        body,
        movable,
        bottom=offsets["bottom"][2],
        top=offsets["top"][2],
        radius=offsets["horizontal_radius"][0],
        regions=_regions(container),
    )


def own_object(model: OwnModel, name: str, category: str, *, movable: bool) -> SceneObject:
    """Return an instance of an object of one's own.

    Args:
        model: as it was read.
        name: of the instance.
        category: what the task calls such objects.
        movable: with a free joint.
    """
    assets, body = own_geometry(model)
    prefix = f"{name}_"
    container = ET.Element("body")
    container.append(copy.deepcopy(body))
    _prepare(body, prefix, model.path, movable=movable)
    add_prefix(container, prefix)
    for asset in assets:
        add_prefix(asset, prefix)
    return SceneObject(
        name,
        Category(str(model.path), {}, {}, {}, ()),
        assets,
        body,
        movable,
        bottom=model.bottom,
        top=model.top,
        radius=model.radius,
        regions={key: region for key, region in _regions(container, whole=True).items() if len(region.size) == 3},
        own=True,
    )


def _prepare(body: ET.Element, prefix: str, path: Path, *, movable: bool) -> None:
    """Make an object's body one that can stand in a scene beside others."""
    body.set("name", "main")
    _name_geoms(body, path)
    if movable:
        ET.SubElement(body, "joint", type="free", damping="0.0005", name="joint0")
    site = {"pos": "0 0 0", "size": "0.002 0.002 0.002", "rgba": "1 0 0 0", "type": "sphere", "group": "0"}
    ET.SubElement(body, "site", site, name="default_site")
    add_prefix(body, prefix)
    hide_sites(body)


def _regions(container: ET.Element, *, whole: bool = False) -> dict[str, ObjectRegion]:
    """Return the sites of an object's bodies; LIBERO looks no further, unless `whole`, at a body that has none."""
    found: dict[str, ObjectRegion] = {}
    for part in container.findall(".//body"):
        sites = list(part.iter("site"))
        if not sites and not whole:
            break
        joints = [joint.attrib["name"] for joint in part.findall("joint")]
        for site in sites:
            if "name" in site.attrib:
                found[site.attrib["name"]] = ObjectRegion(tuple(map(float, site.get("size", "").split())), joints)
    return found


def _name_geoms(body: ET.Element, path: Path) -> None:
    """Name geometries by their number, and leave out those of other groups than collision (0) and sight (1)."""
    for parent in list(body.iter()):
        for geom in parent.findall("geom"):
            if "group" not in geom.attrib:
                raise SceneError(f"{path}: a <geom> has no group; 0 collides, 1 is seen")
    for number, (parent, geom) in enumerate(_geoms(body, None)):
        if geom.attrib["group"] in ("0", "1"):
            geom.attrib.setdefault("name", f"g{number}")
        else:
            parent.remove(geom)


def _geoms(element: ET.Element, parent: ET.Element | None) -> list[tuple[ET.Element, ET.Element]]:
    """Return geometries with their parents, depth first."""
    found = [(parent, element)] if parent is not None and element.tag == "geom" else []
    return found + [pair for child in element for pair in _geoms(child, element)]


def _site(container: ET.Element, name: str, path: Path) -> tuple[float, ...]:
    site = container.find(f"./site[@name='{name}']")
    if site is None:
        raise SceneError(f"{path} has no site {name!r}")
    return tuple(map(float, site.attrib["pos"].split()))
