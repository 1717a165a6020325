"""The coarse robot of built-in scenes: less to draw, the same physics."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np

from libero_gym.assets import resolve_assets
from libero_gym.engine.shared_model import SharedModel
from libero_gym.engine.world import World
from libero_gym.render.renderer import Renderer
from libero_gym.scene import compiled_scene
from libero_gym.scene.build import build_scene
from libero_gym.scene.compile import robot_meshes
from libero_gym.scene.fixtures import sample_fixture_poses
from libero_gym.scene.robot_look import finish
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


def test_images_are_those_of_robosuite_s_meshes_made_coarse(monkeypatch):
    """What `scripts/robot_data.py` stored gives the images that decimating robosuite's meshes here gives."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "scripts"))
    from robot_look import simplify_look

    builtin = resolve_assets("builtin").folder
    stored = build_scene(TASK.definition, builtin, None).spec().compile()
    finish(stored)
    made = build_scene(TASK.definition, builtin, robot_meshes()).spec().compile()
    simplify_look(made)
    made.vis.quality.numslices, made.vis.quality.numstacks = (
        stored.vis.quality.numslices,
        stored.vis.quality.numstacks,
    )
    images = []
    for model in (stored, made):
        renderer = Renderer.of_thread()
        world = World(SharedModel(compiled_scene(TASK, resolve_assets("builtin")), model, 25))
        world.reset(published_states(TASK)[0][0], sample_fixture_poses(world.scene.table, np.random.default_rng(0)))
        for camera in ("agentview", "robot0_eye_in_hand", "frontview"):
            image = np.empty((96, 96, 3), np.uint8)
            renderer.render(world, camera, image)
            images.append(image)
    for first, second in zip(images[:3], images[3:], strict=True):
        np.testing.assert_array_equal(first, second)
    assert images[0].std() > 10
