"""MuJoCo's XML as LIBERO's asset files have it: read a part, give its names a prefix, join parts."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from libero_gym.errors import SceneError

#: Attributes that name an element, or refer to one.
_NAMES = {
    *("class", "childclass", "name", "objname", "material", "texture", "mesh", "hfield", "body", "body1", "body2"),
    *("joint", "joint1", "joint2", "jointinparent", "geom", "geom1", "geom2", "site", "slidesite", "cranksite"),
    *("actuator", "tendon", "tendon1", "tendon2", "fixed", "target", "prefix"),
}


def read_part(path: Path) -> ET.Element:
    """Read an asset file: its default classes are written out in each element, and its files are absolute paths.

    Raises:
        SceneError: the file is missing, is not XML, or an element is of a class that it does not define.
    """
    try:
        root = ET.parse(path).getroot()
    except OSError as error:
        raise SceneError(f"{path} cannot be read: {error.strerror}") from error
    except ET.ParseError as error:
        raise SceneError(f"{path} is not a model: {error}") from error
    if (default := root.find("default")) is not None:
        classes = {group.get("class"): {child.tag: child.attrib for child in group} for group in default}
        root.remove(default)
    else:
        classes = {}
    for element in root.iter():
        if (name := element.attrib.pop("class", None)) is not None:
            if name not in classes:
                raise SceneError(f"{path}: <{element.tag}> is of class {name!r}, which the file does not define")
            for key, value in classes[name].get(element.tag, {}).items():
                element.attrib.setdefault(key, value)
    folder = os.path.abspath(path.parent)
    for asset in section(root, "asset"):
        if "file" in asset.attrib:
            asset.set("file", os.path.join(folder, asset.attrib["file"]))
    return root


def section(root: ET.Element, tag: str) -> ET.Element:
    """Return a part's <asset>, <worldbody>, ..., added where it has none."""
    found = root.find(tag)
    return found if found is not None else ET.SubElement(root, tag)


def add_prefix(root: ET.Element, prefix: str) -> None:
    """Put a prefix before all names and references of a part, in place, but where they begin with it."""
    for element in root.iter():
        for key in _NAMES & element.attrib.keys():
            if not element.attrib[key].startswith(prefix):
                element.attrib[key] = prefix + element.attrib[key]


def add_assets(target: ET.Element, assets: Iterable[ET.Element]) -> None:
    """Append assets to <asset>; of several with one tag and name, the first is kept, as robosuite does it."""
    there = {(asset.tag, asset.get("name")) for asset in target}
    for asset in assets:
        if (asset.tag, asset.get("name")) not in there:
            there.add((asset.tag, asset.get("name")))
            target.append(asset)


def colour_collision_geoms(root: ET.Element, rgba: str, but: str | None = None) -> None:
    """Colour the geometries that collide, which are not rendered, but for the one that is named `but`."""
    for geom in root.iter("geom"):
        if geom.get("group", "0") == "0" and (but is None or geom.get("name") != but):
            geom.set("rgba", rgba)
            geom.attrib.pop("material", None)


def numbers(values: Iterable[float]) -> str:
    """Return numbers as MuJoCo's XML has them, exact to the last bit."""
    return " ".join(repr(float(value)) for value in values)


def hide_sites(root: ET.Element) -> None:
    """Hide sites from cameras as robosuite does, by a negative alpha."""
    for site in root.iter("site"):
        *colour, alpha = site.get("rgba", "0.5 0.5 0.5 1").split()
        if float(alpha) > 0:
            site.set("rgba", " ".join([*colour, f"-{alpha}"]))
