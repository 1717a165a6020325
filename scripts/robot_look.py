"""Make the coarse robot of the built-in asset set, for `robot_data.py`.

robosuite's Panda and its mount are 168,000 of the 172,000 triangles that such a scene would have, in 55 pieces. Here
the pieces of a link that have nearly one colour become one coarse mesh. Physics is untouched: only what is seen
changes.
"""

from __future__ import annotations

import mujoco
import numpy as np

from libero_gym.scene.decimation import simplified, vertex_normals, write_mesh

_PREFIXES = ("robot", "gripper", "mount")
#: Triangles that a link's pieces of one colour keep: this part, but not fewer than the second number; the wrist camera
#: sees the gripper from near.
_SHARE, _FEWEST, _FEWEST_OF_GRIPPER = 0.015, 100, 300
#: Geometries of this group are neither rendered nor touched.
HIDDEN_GROUP = 4


def simplify_look(model: mujoco.MjModel) -> None:
    """Replace what is seen of the robot, in place."""
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
    points, coarse = _coarser(np.concatenate(vertices), all_faces, max(int(_SHARE * len(all_faces)), fewest))
    space = min(int(model.mesh_vertnum[mesh]), int(model.mesh_normalnum[mesh]))
    if len(points) > space or len(coarse) > int(model.mesh_facenum[mesh]):
        return
    normals = vertex_normals(points, coarse)
    write_mesh(model, mesh, points, coarse, normals, np.zeros(len(points), dtype=np.int32))
    for geom in geoms:
        if geom != first:
            model.geom_group[geom] = HIDDEN_GROUP


def _pose(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rotation (3, 3) and position (3,) of a geometry in its body's frame."""
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    return turn.reshape(3, 3), model.geom_pos[geom].copy()


def _coarser(vertices: np.ndarray, faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a mesh of about `count` faces, whatever the shape.

    Many small closed parts, such as screws, leave edges that a quadric decimation cannot collapse; what it leaves is
    gathered in ever larger cubes until it is few enough.

    Args:
        vertices: (P, 3).
        faces: (Q, 3).
        count: of faces that are wanted.

    Returns:
        Vertices and faces.
    """
    points, triangles = simplified(vertices, faces, count)
    cell = float(np.ptp(points, axis=0).max()) / 200
    while len(triangles) > 1.5 * count:
        _, place, inverse = np.unique(np.floor(points / cell), axis=0, return_index=True, return_inverse=True)
        gathered = inverse.reshape(-1)[triangles]
        solid = (gathered != np.roll(gathered, 1, axis=1)).all(axis=1)
        points, triangles = points[place], np.unique(gathered[solid], axis=0)
        cell *= 1.25
    return points, triangles
