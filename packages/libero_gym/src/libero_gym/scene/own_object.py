"""Read an object of one's own: any MuJoCo model of one body, in LIBERO's form or not.

    mug.xml --MuJoCo--> one XML: includes in place, radians, quaternions
            --------->  classes written out, whole paths, geometries in LIBERO's groups  -->  OwnModel
            --------->  bottom, top and radius: LIBERO's sites, or measured

LIBERO's form is a body that has a body named "object" in it, and beside that the sites `bottom_site`, `top_site` and
`horizontal_radius_site`. Otherwise the one body of the world is the object, and the sites may be in it.
"""

from __future__ import annotations

import copy
import hashlib
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np

from libero_gym.errors import ObjectError
from libero_gym.scene.mjcf import section
from libero_gym.scene.mujoco_log import route_warnings
from libero_gym.tasks.own import OwnModel

#: Sections of a model that cannot be moved into a scene, because they name what the scene names otherwise.
_REFUSED = ("actuator", "contact", "deformable", "equality", "sensor", "tendon")
_SITES = ("bottom_site", "top_site", "horizontal_radius_site")


def read_own_model(path: Path) -> OwnModel:
    """Read the model of an object of one's own.

    Raises:
        ObjectError: the file or a mesh of it is missing, MuJoCo does not take it, or it is not one body that collides.
    """
    if not path.is_file():
        raise ObjectError(f"{path} is not there")
    route_warnings()
    try:
        spec = mujoco.MjSpec.from_file(str(path))
        for body in spec.bodies[1:]:
            body.childclass = ""  # beside it, MuJoCo does not write that an element is of the class "main"
        model = spec.compile()
        root = ET.fromstring(spec.to_xml())
    except (ValueError, OSError, ET.ParseError, mujoco.FatalError) as error:
        raise ObjectError(f"MuJoCo does not take {path}: {' '.join(str(error).split())}") from error
    _check_sections(root, path)
    _write_out_classes(root)
    files = _resolve_files(root, path)
    body, sites = _take_body(root, path)
    sizes = _measure(model, body.attrib["name"], path)
    # LIBERO's sites, where the file has them
    bottom, top, radius = (
        sizes[key] if site is None else float(site.get("pos", "0 0 0").split()[axis])
        for key, axis, site in zip(("bottom", "top", "radius"), (2, 2, 0), sites, strict=True)
    )
    if not (bottom <= top and radius > 0):
        raise ObjectError(
            f"{path}: bottom_site is at {bottom:g} m, top_site at {top:g} m, horizontal_radius_site at {radius:g} m; "
            "the top must not be below the bottom, and the radius must be above 0"
        )
    _group_geoms(body)
    tree = ET.Element("mujoco")
    tree.append(section(root, "asset"))
    ET.SubElement(tree, "worldbody").append(body)
    _check_alone(tree, path)
    digest = hashlib.sha256()
    for content in (_without_paths(tree), *(file.read_bytes() for file in files)):
        digest.update(hashlib.sha256(content).digest())
    digest.update(repr((bottom, top, radius)).encode())
    return OwnModel(path, ET.tostring(tree, encoding="unicode"), bottom, top, radius, digest.hexdigest())


def _check_alone(tree: ET.Element, path: Path) -> None:
    """Compile an object as a scene compiles it: what collides gives it its mass."""
    alone = copy.deepcopy(tree)
    ET.SubElement(alone, "compiler", angle="radian", inertiagrouprange="0 0")
    ET.SubElement(section(alone, "worldbody")[0], "freejoint")
    try:
        mujoco.MjSpec.from_string(ET.tostring(alone, encoding="unicode")).compile()
    except (ValueError, mujoco.FatalError) as error:
        raise ObjectError(f"MuJoCo does not take {path} as a movable object: {' '.join(str(error).split())}") from error


def _check_sections(root: ET.Element, path: Path) -> None:
    for name in _REFUSED:
        if found := root.findall(f"./{name}/*"):
            raise ObjectError(
                f"{path} has <{name}><{found[0].tag}>; an object of one's own is bodies, joints, geometries, sites, "
                "meshes, materials and textures"
            )
    for element in section(root, "worldbody"):
        if element.tag not in ("body", "light", "camera"):
            raise ObjectError(f"{path}: a <{element.tag}> stands in the world; put it into the object's <body>")
    for element in root.iter():
        if element.tag in ("flexcomp", "composite", "flex", "skin", "hfield", "plugin"):
            raise ObjectError(f"{path}: a <{element.tag}> cannot be part of an object of one's own")


def _write_out_classes(root: ET.Element) -> None:
    """Give each element what its default class says, so that the model needs no <default>."""
    classes: dict[str, dict[str, dict[str, str]]] = {"main": {}}

    def collect(default: ET.Element, inherited: dict[str, dict[str, str]], name: str) -> None:
        here = {tag: dict(attributes) for tag, attributes in inherited.items()}
        for child in default:
            if child.tag != "default":
                here[child.tag] = {**here.get(child.tag, {}), **child.attrib}
        classes[name] = here
        for child in default.findall("default"):
            collect(child, here, child.attrib["class"])

    for default in root.findall("default"):
        collect(default, {}, default.get("class", "main"))
        root.remove(default)

    def apply(element: ET.Element, inherited: str) -> None:
        inherited = element.attrib.pop("childclass", inherited)
        chosen = element.attrib.pop("class", inherited)
        tag = "joint" if element.tag == "freejoint" else element.tag
        for key, value in classes.get(chosen, {}).get(tag, {}).items():
            element.attrib.setdefault(key, value)
        for child in element:
            apply(child, inherited)

    for name in ("asset", "worldbody"):
        for child in section(root, name):
            apply(child, "main")


def _resolve_files(root: ET.Element, path: Path) -> list[Path]:
    """Make the files of meshes and textures whole paths; return them in order."""
    compiler = section(root, "compiler")
    files = []
    for asset in section(root, "asset"):
        folder = compiler.get({"mesh": "meshdir", "texture": "texturedir"}.get(asset.tag, "meshdir"), "")
        for key, name in asset.attrib.items():
            if key == "file" or key.startswith("file"):
                whole = os.path.abspath(path.parent / folder / name)
                asset.set(key, whole)
                files.append(Path(whole))
    return files


def _take_body(root: ET.Element, path: Path) -> tuple[ET.Element, list[ET.Element | None]]:
    """Return the object's body, without a free joint and a pose of its own, and LIBERO's three sites."""
    bodies = section(root, "worldbody").findall("body")
    if len(bodies) != 1:
        raise ObjectError(f"{path} has {len(bodies)} bodies in the world; an object of one's own is one body")
    (outer,) = bodies
    inner = outer.find("./body[@name='object']")
    body = outer if inner is None else inner
    sites = [outer.find(f"./site[@name='{name}']") for name in _SITES]
    body = copy.deepcopy(body)
    for site in body.findall("site"):
        if site.get("name") in _SITES:
            body.remove(site)
    for joint in [*body.findall("freejoint"), *(j for j in body.findall("joint") if j.get("type") == "free")]:
        body.remove(joint)
    for key in ("pos", "quat"):
        body.attrib.pop(key, None)
    body.attrib.setdefault("name", "")
    return body, sites


def _measure(model: mujoco.MjModel, name: str, path: Path) -> dict[str, float]:
    """Return the extent of what collides of a body, in its own frame, metres."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    root = model.body(name).id if name else 1
    place, turn = data.xpos[root], data.xmat[root].reshape(3, 3)
    points = [
        (_corners(model, geom) @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom] - place) @ turn
        for geom in range(model.ngeom)
        if model.geom_contype[geom] or model.geom_conaffinity[geom]
    ]
    if not points:
        raise ObjectError(f"{path} has no geometry that collides: contype and conaffinity of all are 0")
    cloud = np.concatenate(points)
    radius = float(np.linalg.norm(cloud[:, :2], axis=1).max())
    return {"bottom": float(cloud[:, 2].min()), "top": float(cloud[:, 2].max()), "radius": radius}


def _corners(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Return a mesh's vertices, or the corners of a primitive's box, (P, 3), in the geometry's frame."""
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        return model.mesh_vert[first : first + count].astype(np.float64)
    centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), -1).reshape(-1, 3)
    return centre + signs * half


def _group_geoms(body: ET.Element) -> None:
    """Put geometries into LIBERO's groups: 0 collides and is not rendered, 1 is rendered and does not collide.

    Of an object that has only geometries that collide, each is rendered as well.
    """
    seen = []
    for geom in body.iter("geom"):
        collides = geom.get("contype", "1") != "0" or geom.get("conaffinity", "1") != "0"
        geom.set("group", "0" if collides else "1")
        seen += [] if collides else [geom]
    if seen:
        return
    for parent in [element for element in body.iter() if element.tag in ("body", "frame")]:
        for geom in parent.findall("geom"):
            shown = copy.deepcopy(geom)
            for key in ("name", "mass", "density"):
                shown.attrib.pop(key, None)
            shown.attrib.update(group="1", contype="0", conaffinity="0")
            parent.append(shown)


def _without_paths(tree: ET.Element) -> bytes:
    """Return the XML with files' names alone, so that a moved object is the same."""
    tree = copy.deepcopy(tree)
    for asset in section(tree, "asset"):
        for key in [key for key in asset.attrib if key.startswith("file")]:
            asset.set(key, os.path.basename(asset.attrib[key]))
    return ET.tostring(tree)


def own_geometry(model: OwnModel) -> tuple[list[ET.Element], ET.Element]:
    """Return the assets and the body of a model, as new trees."""
    root = ET.fromstring(model.xml)
    return list(section(root, "asset")), section(root, "worldbody")[0]


__all__ = ["own_geometry", "read_own_model"]
