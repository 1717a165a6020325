"""The coarse robot of built-in scenes: less to draw, the same physics."""

from __future__ import annotations

import mujoco
import numpy as np

from libero_gym.assets import resolve_assets
from libero_gym.scene import compiled_scene
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

TASK = load_suite("libero_spatial").tasks[1]


def seen_faces(model: mujoco.MjModel, prefixes: tuple[str, ...] = ("robot", "gripper", "mount")) -> int:
    geoms = np.flatnonzero((model.geom_group == 1) & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH))
    mine = [geom for geom in geoms if model.body(model.geom_bodyid[geom]).name.startswith(prefixes)]
    return int(sum(model.mesh_facenum[model.geom_dataid[geom]] for geom in mine))


def test_the_robot_is_coarse_and_moves_as_before():
    builtin = resolve_assets("builtin")
    coarse = compiled_scene(TASK, builtin).load_model()
    whole = compiled_scene(TASK, resolve_assets(builtin.folder)).load_model()  # under another name it is left alone
    assert seen_faces(whole) > 150_000
    assert 2_000 < seen_faces(coarse) < 10_000
    ends = []
    for model in (coarse, whole):
        data = mujoco.MjData(model)
        state = published_states(TASK)[0][0]
        data.qpos[:], data.qvel[:] = state[1 : 1 + model.nq], state[1 + model.nq :]
        mujoco.mj_step(model, data, 200)
        ends.append(data.qpos.copy())
    np.testing.assert_array_equal(*ends)


def test_no_piece_of_the_robot_leaves_its_place():
    """What is seen of each link lies within what was seen of it, give or take the coarseness."""
    builtin = resolve_assets("builtin")
    boxes = []
    for assets in (builtin, resolve_assets(builtin.folder)):
        model = compiled_scene(TASK, assets).load_model()
        data = mujoco.MjData(model)
        mujoco.mj_forward(model, data)
        found: dict[str, list[np.ndarray]] = {}
        for geom in np.flatnonzero((model.geom_group == 1) & (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)):
            name = model.body(model.geom_bodyid[geom]).name
            if name.startswith(("robot", "gripper", "mount")):
                mesh = model.geom_dataid[geom]
                used = np.unique(model.mesh_face[model.mesh_faceadr[mesh] :][: model.mesh_facenum[mesh]])
                points = model.mesh_vert[model.mesh_vertadr[mesh] + used]
                found.setdefault(name, []).append(points @ data.geom_xmat[geom].reshape(3, 3).T + data.geom_xpos[geom])
        boxes.append({name: np.concatenate(points) for name, points in found.items()})
    assert boxes[0].keys() == boxes[1].keys()
    for name, coarse in boxes[0].items():
        whole = boxes[1][name]
        size = np.linalg.norm(np.ptp(whole, axis=0))
        for edge in (np.min, np.max):
            np.testing.assert_allclose(edge(coarse, axis=0), edge(whole, axis=0), atol=0.12 * size, err_msg=name)
