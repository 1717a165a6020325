"""Our physics, goals and pictures against LIBERO's own environment on the same assets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.engine.world import SharedModel, World
from libero_gym.episode import SETTLE_ACTION
from libero_gym.render.gl import choose_backend
from libero_gym.render.renderer import Renderer
from libero_gym.scene import compiled_scene
from libero_gym.scene.fixtures import FixturePoses
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import published_states

ORACLE = Path(__file__).parents[1] / "oracle.py"
STEPS, SIZE = 60, 64
BUILTIN_TASKS = [("libero_spatial", 1), ("libero_spatial", 2)]
OFFICIAL_TASKS = [("libero_spatial", 0), ("libero_object", 0), ("libero_goal", 7), ("libero_10", 2)]


def run_oracle(assets, tasks, out):
    request = {"assets": str(assets), "tasks": tasks, "steps": STEPS, "image_size": SIZE, "out": str(out)}
    # LIBERO can choose EGL or OSMesa; it must draw with the library that we draw with.
    environment = {**os.environ, "MUJOCO_GL": choose_backend()}
    result = subprocess.run(
        [sys.executable, str(ORACLE)],
        input=json.dumps(request),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return np.load(out)


def check_task(number, suite, index, assets, oracle):
    from oracle import actions

    expected = {key.split("_", 1)[1]: oracle[key] for key in oracle.files if key.startswith(f"{number}_")}
    task = load_suite(suite).tasks[index]
    shared = SharedModel.load(compiled_scene(task, assets))
    world = World(shared)
    poses = FixturePoses(expected["fixtures"], expected["fixture_pos"], expected["fixture_quat"])
    world.reset(published_states(task)[0][0], poses)
    for _ in range(10):
        world.step(SETTLE_ACTION)
    assert np.abs(world.get_sim_state() - expected["settled"]).max() < 1e-9
    for step, action in enumerate(actions(STEPS)):
        assert world.step(action)
        difference = np.abs(world.get_sim_state() - expected["states"][step]).max()
        assert difference < 1e-9, f"{suite} {index} step {step}: {difference}"
        assert world.success() == expected["success"][step]

    state = world.proprioception()
    np.testing.assert_allclose(state[:3], expected["eef"][:3], atol=1e-6)
    np.testing.assert_allclose(state[6:], expected["finger"], atol=1e-6)
    # robosuite's quat2axisangle of the xyzw quaternion, by its formula: q_xyz * 2 acos(w) / sqrt(1 - w^2).
    x, y, z, w = expected["eef"][3:]
    np.testing.assert_allclose(state[3:6], np.array([x, y, z]) * 2 * np.arccos(w) / np.sqrt(1 - w * w), atol=1e-5)

    raw = np.empty((SIZE, SIZE, 3), dtype=np.uint8)
    for key, camera in (("image", "agentview"), ("wrist_image", "robot0_eye_in_hand")):
        Renderer.of_thread().draw(world, camera, raw)
        np.testing.assert_array_equal(raw, expected[key], err_msg=f"{suite} {index} {camera}")


@pytest.mark.slow
def test_builtin_assets(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ORACLE.parent))
    # By its path: under its own name the built-in set shows a coarser robot than LIBERO does.
    assets = resolve_assets(resolve_assets("builtin").folder)
    oracle = run_oracle(assets.folder, BUILTIN_TASKS, tmp_path / "builtin.npz")
    for number, (suite, index) in enumerate(BUILTIN_TASKS):
        check_task(number, suite, index, assets, oracle)


@pytest.mark.slow
def test_official_assets(tmp_path, monkeypatch, official_assets):
    monkeypatch.syspath_prepend(str(ORACLE.parent))
    assets = resolve_assets(official_assets)
    oracle = run_oracle(assets.folder, OFFICIAL_TASKS, tmp_path / "official.npz")
    for number, (suite, index) in enumerate(OFFICIAL_TASKS):
        check_task(number, suite, index, assets, oracle)
