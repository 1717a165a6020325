"""All 130 tasks on the built-in set, built by LIBERO's own classes; their fixtures beside LIBERO's own."""

from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest
from libero_build import build

from libero_gym.assets import builtin
from libero_gym.tasks import SUITES, load_suite
from libero_gym.tasks.init_states import published_states

ALL = [task for suite in SUITES for task in load_suite(suite).tasks]
LONG = load_suite("libero_10").tasks
#: Together they hold every fixture and every scene but the tabletop, which `test_builtin` compares.
COMPARED = {
    "floor": load_suite("libero_object").tasks[0],
    "living room": LONG[0],
    "white cabinet and wine rack": LONG[3],
    "caddy": LONG[5],
    "microwave": LONG[9],
    "shelf": next(
        task
        for task in ALL
        if "wooden_two_layer_shelf" in {**task.definition.objects, **task.definition.fixtures}.values()
    ),
    "tray": next(
        task for task in ALL if "wooden_tray" in {**task.definition.objects, **task.definition.fixtures}.values()
    ),
}


@pytest.fixture(scope="module")
def assets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("builtin") / "assets"
    builtin.generate(folder)
    return folder


@pytest.fixture(scope="module")
def scenes(assets) -> dict[str, mujoco.MjModel]:
    """Task name -> scene: names are unique over the suites."""
    return build(assets, ALL, coarse=True)


@pytest.fixture(scope="module")
def official(official_assets) -> dict[str, mujoco.MjModel]:
    return build(official_assets, list(COMPARED.values()))


@pytest.mark.slow
def test_every_task_builds_and_every_published_state_fits(scenes):
    assert len(ALL) == 130
    for task in ALL:
        model, states = scenes[task.name], published_states(task)[0]
        assert states.shape == (50, 1 + model.nq + model.nv), task.name


@pytest.mark.slow
def test_nothing_flies_off_in_any_task(scenes):
    """The first published state of every task, half a second with the arm held still.

    Some objects of libero_object lie at first inside the floor and pop up, as they do with LIBERO's own shapes.
    """
    for task in ALL:
        model, state = scenes[task.name], published_states(task)[0][0]
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = state[1 : 1 + model.nq], state[1 + model.nq :]
        initial = data.qpos.copy()
        for _ in range(250):
            mujoco.mj_step1(model, data)
            data.qfrc_applied[:9] = data.qfrc_bias[:9] + 400 * (initial[:9] - data.qpos[:9]) - 40 * data.qvel[:9]
            mujoco.mj_step2(model, data)
        assert not data.warning.number.any(), task.name
        for joint in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE):
            address = model.jnt_qposadr[joint]
            moved = data.qpos[address : address + 2] - initial[address : address + 2]
            assert np.linalg.norm(moved) < 0.1, (task.name, model.joint(joint).name)
            assert data.qpos[address + 2] < initial[address + 2] + 0.05, (task.name, model.joint(joint).name)


@pytest.mark.slow
@pytest.mark.parametrize("fixture", COMPARED)
def test_names_joints_and_sites_are_the_official_ones(scenes, official, fixture):
    ours, theirs = scenes[COMPARED[fixture].name], official[COMPARED[fixture].name]
    for kind, count in (("joint", "njnt"), ("site", "nsite"), ("camera", "ncam"), ("light", "nlight")):
        names = [{getattr(m, kind)(i).name for i in range(getattr(m, count))} for m in (ours, theirs)]
        assert names[0] == names[1], kind
    datas = [mujoco.MjData(model) for model in (ours, theirs)]
    for model, data in zip((ours, theirs), datas, strict=True):
        mujoco.mj_forward(model, data)
    for i in range(theirs.njnt):
        name = theirs.joint(i).name
        np.testing.assert_allclose(ours.joint(name).range, theirs.joint(name).range, atol=2e-3, err_msg=name)
        np.testing.assert_allclose(ours.joint(name).axis, theirs.joint(name).axis, atol=1e-4, err_msg=name)
        dof = [model.jnt_dofadr[model.joint(name).id] for model in (ours, theirs)]
        assert ours.dof_damping[dof[0]] == pytest.approx(theirs.dof_damping[dof[1]]), name
    for i in range(theirs.nsite):
        name = theirs.site(i).name
        np.testing.assert_allclose(ours.site(name).size, theirs.site(name).size, atol=2e-3, err_msg=name)
        # Fixtures stand where the same seed puts them.
        positions = [data.site(name).xpos for data in datas]
        np.testing.assert_allclose(*positions, atol=2e-3, err_msg=name)
        rotations = [data.site(name).xmat for data in datas]
        np.testing.assert_allclose(*rotations, atol=2e-2, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("fixture", ["microwave", "white cabinet and wine rack"])
def test_doors_and_drawers_move_freely(scenes, fixture):
    """Nothing but a fixture's own door seal touches while a joint runs through its range."""
    model = scenes[COMPARED[fixture].name]
    data = mujoco.MjData(model)
    for i in np.flatnonzero(model.jnt_type != mujoco.mjtJoint.mjJNT_FREE):
        if model.joint(i).name.startswith(("robot", "gripper")):
            continue
        body = model.jnt_bodyid[i]
        for value in np.linspace(*model.jnt_range[i], 12):
            mujoco.mj_resetData(model, data)
            data.qpos[model.jnt_qposadr[i]] = value
            mujoco.mj_forward(model, data)
            touching = model.geom_bodyid[data.contact.geom]
            assert not (touching == body).any(), (model.joint(i).name, value)
