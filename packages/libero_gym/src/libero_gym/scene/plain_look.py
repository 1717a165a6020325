"""A coarse robot and coarse cylinders to look at, for scenes of the built-in asset set.

robosuite's Panda and its mount are 168,000 of the 172,000 triangles that such a scene would have, in 55 pieces. Here
the pieces of a link that have nearly one colour become one coarse mesh. Physics is untouched: only what is seen
changes.
"""

from __future__ import annotations

import mujoco
import numpy as np

from libero_gym.scene.decimation import coarser, write_mesh

_PREFIXES = ("robot", "gripper", "mount")
#: Triangles that a link's pieces of one colour keep: this part, but not fewer than the second number; the wrist camera
#: sees the gripper from near.
_SHARE, _FEWEST, _FEWEST_OF_GRIPPER = 0.015, 100, 300
#: Sides and rings of what MuJoCo itself tessellates, such as a table's legs.
_SLICES, _STACKS = 16, 4
#: Geometries of this group are neither rendered nor touched.
_HIDDEN_GROUP = 4


def simplify_look(model: mujoco.MjModel) -> None:
    """Replace what is seen of the robot, and render cylinders with fewer sides, in place."""
    model.vis.quality.numslices, model.vis.quality.numstacks = _SLICES, _STACKS
    pieces: dict[tuple[int, ...], list[int]] = {}
    for geom in range(model.ngeom):
        name = model.body(model.geom_bodyid[geom]).name
        visual = model.geom_contype[geom] == model.geom_conaffinity[geom] == 0 and model.geom_group[geom] == 1
        if visual and model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH and name.startswith(_PREFIXES):
            material = int(model.geom_matid[geom])
            colour = model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
            key = (int(model.geom_bodyid[geom]), *np.round(4 * colour[:3]).astype(int).tolist())
            pieces.setdefault(key, []).append(geom)
    for geoms in pieces.values():
        _merge(model, geoms)


def _merge(model: mujoco.MjModel, geoms: list[int]) -> None:
    """Make one coarse mesh of several, in the place of the largest, whose frame it takes."""
    first = max(geoms, key=lambda geom: int(model.mesh_vertnum[model.geom_dataid[geom]]))
    home = _pose(model, first)
    vertices, faces, count = [], [], 0
    for geom in geoms:
        mesh = model.geom_dataid[geom]
        start, size = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        triangle, triangles = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        turn, place = _pose(model, geom)
        # From the piece's frame to the link's, and on to the frame of the piece that stays.
        vertices.append((model.mesh_vert[start : start + size] @ turn.T + place - home[1]) @ home[0])
        faces.append(model.mesh_face[triangle : triangle + triangles] + count)
        count += size
    all_faces = np.concatenate(faces)
    near = model.body(model.geom_bodyid[first]).name.startswith("gripper")
    fewest = _FEWEST_OF_GRIPPER if near else _FEWEST
    mesh = int(model.geom_dataid[first])
    points, coarse = coarser(np.concatenate(vertices), all_faces, max(int(_SHARE * len(all_faces)), fewest))
    space = min(int(model.mesh_vertnum[mesh]), int(model.mesh_normalnum[mesh]))
    if len(points) > space or len(coarse) > int(model.mesh_facenum[mesh]):
        return
    write_mesh(model, mesh, points, coarse)
    for geom in geoms:
        if geom != first:
            model.geom_group[geom] = _HIDDEN_GROUP


def _pose(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rotation (3, 3) and position (3,) of a geometry in its body's frame."""
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    return turn.reshape(3, 3), model.geom_pos[geom].copy()
