"""Write the robot that scenes are built with, from robosuite's: `uv run python scripts/robot_data.py`.

scene/data/panda.xml     Panda arm and gripper, as LIBERO puts them together, with the names that LIBERO gives
scene/data/pedestal.xml  the mount of a table's robot; scene/data/ground.xml the one of a robot on the ground
scene/data/robot/        the meshes of these that collide
scene/data/look.npz      coarse meshes to look at, for the built-in assets

It needs hf-libero and robosuite, which the package itself does not.
"""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from robot_look import HIDDEN_GROUP, simplify_look

from libero_gym.assets.source import resolve_assets
from libero_gym.scene.build import build_scene
from libero_gym.scene.libero_import import import_libero
from libero_gym.scene.mjcf import hide_sites
from libero_gym.scene.robot_look import COPIED
from libero_gym.tasks.suites import load_suite

DATA = Path(__file__).resolve().parents[1] / "packages" / "libero_gym" / "src" / "libero_gym" / "scene" / "data"
HEADER = "\n  Numbers of robosuite 1.4.0 ({source}), MIT licence, Copyright 2022 Stanford Vision and Learning Lab and\n\
  UT Robot Perception and Learning Lab; written by scripts/robot_data.py.\n"


def robot(kind: str) -> Any:
    """Return robosuite's model of a robot with its mount and gripper, merged as an environment of LIBERO does."""
    from libero.libero.envs.robots import MountedPanda, OnTheGroundPanda
    from robosuite.models.grippers import gripper_factory
    from robosuite.models.mounts import mount_factory

    model = {"mounted": MountedPanda, "ground": OnTheGroundPanda}[kind](idn=0)
    model.add_mount(mount=mount_factory(model.default_mount, idn=0))
    model.add_gripper(gripper_factory(model.default_gripper, idn=0))
    return model


def main() -> None:
    """Write all files."""
    import_libero(resolve_assets("builtin").folder)
    import robosuite

    originals = Path(robosuite.__file__).parent / "models" / "assets"
    mounts = {}
    for kind, name in (("mounted", "pedestal"), ("ground", "ground")):
        model = robot(kind)
        base = model.worldbody.find("./body[@name='robot0_base']")
        mount = base.find("./body[@name='mount0_base']")
        base.remove(mount)
        assets = [asset for asset in model.asset if asset.get("name").startswith("mount0_")]
        mounts[name] = write(name, assets, [mount], [], [], originals)
        if kind == "mounted":
            own = [asset for asset in model.asset if asset not in assets]
            arm = write("panda", own, [base], list(model.actuator), list(model.sensor), originals)
    collide = {geom.get("mesh") for geom in arm.iter("geom") if geom.get("group") in (None, "0")}
    (DATA / "robot").mkdir(exist_ok=True)
    for mesh in arm.iter("mesh"):
        if mesh.get("name") in collide:
            shutil.copyfile(originals / mesh.get("file"), DATA / "robot" / Path(mesh.get("file")).name)


def write(
    name: str, assets: list[Any], bodies: list[Any], actuators: list[Any], sensors: list[Any], originals: Path
) -> ET.Element:
    """Write a part of the robot; its files are named from robosuite's folder of assets."""
    root = ET.Element("mujoco", model=name)
    root.append(ET.Comment(HEADER.format(source="models/robots/panda, grippers/panda_gripper, mounts")))
    for tag, elements in (("asset", assets), ("worldbody", bodies), ("actuator", actuators), ("sensor", sensors)):
        if elements:
            ET.SubElement(root, tag).extend(elements)
    hide_sites(root)
    for element in root.iter():
        element.text = element.text if callable(element.tag) else None
        element.tail = None
        if "file" in element.attrib:
            element.set("file", Path(element.get("file")).relative_to(originals).as_posix())
    ET.indent(root)
    (DATA / f"{name}.xml").write_text(ET.tostring(root, encoding="unicode") + "\n")
    return root


def write_look() -> None:
    """Write the coarse meshes that the built-in assets show of the robot, merged and decimated from robosuite's.

    Of each geometry: its pose in its body, bounds, and group (hidden ones were merged into another). Of each mesh that
    is left: vertices, faces and normals as MuJoCo's model has them.
    """
    import robosuite

    task = load_suite("libero_spatial").tasks[0]
    originals = Path(robosuite.__file__).parent / "models" / "assets"
    model = build_scene(task.definition, resolve_assets("builtin").folder, originals).spec().compile()
    simplify_look(model)
    names, textured, arrays = [], [], {}
    for number in range(model.ngeom):
        geom = model.geom(number)
        mesh = int(model.geom_dataid[number])
        is_robots = geom.name.startswith(("robot0_", "gripper0_", "mount0_"))
        if not is_robots or geom.contype[0] or geom.conaffinity[0] or geom.type[0] != mujoco.mjtGeom.mjGEOM_MESH:
            continue
        names.append(geom.name)
        if geom.group[0] != HIDDEN_GROUP:
            vertex, normal, face = model.mesh_vertadr[mesh], model.mesh_normaladr[mesh], model.mesh_faceadr[mesh]
            faces = model.mesh_face[face : face + model.mesh_facenum[mesh]]
            count = int(faces.max()) + 1
            arrays[f"vert_{geom.name}"] = model.mesh_vert[vertex : vertex + count]
            arrays[f"normal_{geom.name}"] = model.mesh_normal[normal : normal + count]
            arrays[f"face_{geom.name}"] = faces
            if model.mesh_texcoordadr[mesh] >= 0:
                textured.append(geom.name)
    geoms = [model.geom(name).id for name in names]
    for key in COPIED:
        arrays[f"geom_{key}"] = getattr(model, f"geom_{key}")[geoms]
    np.savez_compressed(DATA / "look.npz", names=np.array(names), texcoord=np.array(textured), **arrays)


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    main()
    write_look()
