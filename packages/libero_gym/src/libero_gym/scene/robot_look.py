"""The coarse robot that scenes of the built-in asset set show: its meshes come with this package.

robosuite's Panda and its mount are 168,000 triangles in 55 pieces, in 36 MB of files. Here the pieces of a link that
have nearly one colour are one coarse mesh; `scripts/robot_data.py` made them. Physics is untouched.
"""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET
from importlib.resources import as_file, files

import mujoco
import numpy as np

from libero_gym.scene.mjcf import section

#: Sides and rings of what MuJoCo itself tessellates, such as a table's legs.
_SLICES, _STACKS = 16, 4
#: Of a geometry, what the compiler finds from its mesh: `geom_...` of the model.
COPIED = ("pos", "quat", "size", "aabb", "rbound", "sameframe", "group")


def show_coarse_meshes(robot: ET.Element) -> None:
    """Give a robot's geometries that do not collide coarse meshes in place of files.

    Those that were merged into another share its mesh, and `finish` hides them.
    """
    look = _look()
    assets = section(robot, "asset")
    geoms = [geom for geom in robot.iter("geom") if geom.get("name") in look["names"]]
    shown = [geom for geom in geoms if f"vert_{geom.get('name')}" in look]
    for geom in geoms:
        geom.set("mesh", f"{(geom if geom in shown else shown[0]).get('name')}_mesh")
    used = {geom.get("mesh") for geom in robot.iter("geom")}
    for mesh in assets.findall("mesh"):
        if mesh.get("name") not in used:
            assets.remove(mesh)
    for geom in shown:
        vertices, faces = (look[f"{kind}_{geom.get('name')}"].ravel().tolist() for kind in ("vert", "face"))
        text = {"vertex": " ".join(map(repr, vertices)), "face": " ".join(map(str, faces))}
        if geom.get("name") in look["texcoord"]:  # MuJoCo shades meshes without them in another way
            text["texcoord"] = "0 0 " * (len(vertices) // 3)
        ET.SubElement(assets, "mesh", text, name=geom.get("mesh", ""), inertia="shell")


def finish(model: mujoco.MjModel) -> None:
    """Put the coarse meshes where the compiler would not leave them, and render cylinders with fewer sides.

    The compiler turns a mesh into the frame of its inertia; these keep the frames of the meshes that they stand for.
    """
    look = _look()
    model.vis.quality.numslices, model.vis.quality.numstacks = _SLICES, _STACKS
    for number, name in enumerate(look["names"]):
        geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name)
        if geom < 0:
            continue  # a robot on the ground has no pedestal
        for key in COPIED:
            getattr(model, f"geom_{key}")[geom] = look[f"geom_{key}"][number]
        if f"vert_{name}" in look:
            mesh = int(model.geom_dataid[geom])
            vertex, normal, face = model.mesh_vertadr[mesh], model.mesh_normaladr[mesh], model.mesh_faceadr[mesh]
            vertices, faces = look[f"vert_{name}"], look[f"face_{name}"]
            model.mesh_vert[vertex : vertex + len(vertices)] = vertices
            model.mesh_normal[normal : normal + len(vertices)] = look[f"normal_{name}"]
            model.mesh_face[face : face + len(faces)] = faces
            model.mesh_facenormal[face : face + len(faces)] = faces


@functools.cache
def _look() -> dict[str, np.ndarray]:
    with as_file(files("libero_gym.scene") / "data" / "look.npz") as path, np.load(path) as arrays:
        return dict(arrays)
