"""What our environments return against what LIBERO's `OffScreenRenderEnv.step` returns, on the same assets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from libero_gym.assets import resolve_assets
from libero_gym.assets.official import package_folder
from libero_gym.render.gl import choose_backend
from libero_gym.tasks import load_suite

ORACLE = Path(__file__).parents[1] / "oracle.py"
SEED, SIZE = 3, 32
#: Simulators may differ by this much: MuJoCo's solver and the controller's linear algebra are not the same code.
DRIFT = 1e-9
#: After settling, where the solver starts as LIBERO's does: what is left is the controller's last bits, of which 250
#: physics steps of contacts have made up to 5e-13 (a bowl on a ramekin).
SETTLED = 1e-11
#: Of the long episodes, steps from one comparison to the next: software takes a tenth of a second for an image, of
#: LIBERO's own meshes half a second.
EVERY, EVERY_OFFICIAL = 5, 20
#: Three tasks of each suite, among them articulated fixtures and other rooms.
TASKS = {
    "libero_spatial": (0, 5, 9),
    "libero_object": (0, 4, 8),
    "libero_goal": (0, 5, 7),
    "libero_10": (0, 2, 7),
    "libero_90": (0, 30, 70),
}
#: On LIBERO's own assets, whose meshes take LIBERO ten seconds a task: benchmarks/parity.py has all 130.
OFFICIAL_TASKS = dict.fromkeys(TASKS, (0,))


def make(suite, index, assets, **kwargs):
    return gymnasium.make(
        load_suite(suite).env_id, task=index, assets=assets, image_size=SIZE, **{"max_episode_steps": -1, **kwargs}
    )


def described(env, steps, *, sim_state=None, every=1):
    """The oracle's episode that begins where `env` was just reset to; `sim_state` where it was reset to that one."""
    model, table = env.unwrapped.model, env.unwrapped.world.scene.table
    poses = {
        model.body(fixture.body).name: [*model.body_pos[fixture.body], *model.body_quat[fixture.body]]
        for fixture in table.fixtures
    }
    return {
        "suite": table.suite,
        "index": table.task_index,
        "poses": poses,
        "sim_state": None if sim_state is None else sim_state.tolist(),
        "settle": 10 if sim_state is None else 0,
        "steps": steps,
        "every": every,
    }


def run_oracle(assets, episodes, out):
    """What LIBERO returned in each of the episodes: key -> array."""
    folder = resolve_assets(assets).folder
    request = {"assets": str(folder), "episodes": episodes, "image_size": SIZE, "out": str(out)}
    # LIBERO can choose EGL or OSMesa; it must render with the library that we render with.
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
    with np.load(out) as stored:
        rows = dict(stored)
    return [
        {key.split("_", 1)[1]: array for key, array in rows.items() if key.startswith(f"{number}_")}
        for number in range(len(episodes))
    ]


def assert_returned(observation, expected, step, where=""):
    """All arrays are those that LIBERO's step returned, to the last bit, images turned by 180 degrees."""
    for key in ("image", "wrist_image"):
        np.testing.assert_array_equal(
            observation[key], expected[key][step][::-1, ::-1], err_msg=f"{where} {key}, step {step}"
        )
    state = expected["state"][step].astype(np.float32)
    np.testing.assert_array_equal(observation["state"], state, err_msg=f"{where} state, step {step}")


def random_actions(monkeypatch, steps):
    monkeypatch.syspath_prepend(str(ORACLE.parent))
    from oracle import actions

    return actions(steps)


LONG = 60


def long_episodes(assets, tasks, out, every):
    """LIBERO's episode of `LONG` random actions on each of the tasks, by suite and index; one process for all."""
    requests = {}
    for suite, indices in tasks.items():
        for index in indices:
            env = make(suite, index, assets, cameras=[])
            env.reset(seed=SEED, options={"init_state": 0})
            requests[suite, index] = described(env, LONG, every=every)
            env.close()
    return dict(zip(requests, run_oracle(assets, list(requests.values()), out), strict=True))


def check_task(assets, suite, index, expected, actions, every, *, may_part=False):
    """Compare an episode with random actions on a task; returns how many observations were compared.

    All steps are taken, and compared after each `every` of them: states, images, success.

    Where simulators `may_part`, a task ends when they have: what they show is then of two states.
    """
    compared, where = 1, f"{suite} {index}"
    env = make(suite, index, assets, action_chunk=every)
    assert_returned(env.reset(seed=SEED, options={"init_state": 0})[0], expected, 0, where)
    settled = np.abs(env.unwrapped.get_sim_state() - expected["sim_state"][0]).max()
    assert may_part or settled < SETTLED, f"{where}, settled: {settled}"
    for step in range(every, LONG + 1, every):
        observation, _, terminated, truncated, _ = env.step(actions[step - every : step])
        difference = np.abs(env.unwrapped.get_sim_state() - expected["sim_state"][step]).max()
        if may_part and difference >= DRIFT:
            break
        assert difference < DRIFT, f"{where}, step {step}: {difference}"
        assert_returned(observation, expected, step, where)
        compared += 1
        assert (terminated, truncated) == (expected["done"][step - every : step].any(), False)
        if terminated:
            break
    env.close()
    return compared


@pytest.fixture(scope="module")
def official(official_assets):
    """LIBERO's own assets by their name, where that means them: other tests compile the same scenes."""
    return "official" if official_assets == package_folder() else official_assets


@pytest.fixture(scope="module")
def official_episodes(official, tmp_path_factory):
    return long_episodes(official, OFFICIAL_TASKS, tmp_path_factory.mktemp("oracle") / "rows.npz", EVERY_OFFICIAL)


@pytest.fixture(scope="module")
def builtin_episodes(folder, tmp_path_factory):
    return long_episodes(folder, TASKS, tmp_path_factory.mktemp("oracle") / "rows.npz", EVERY)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("suite", OFFICIAL_TASKS)
def test_official_assets(suite, monkeypatch, official, official_episodes):
    for index in OFFICIAL_TASKS[suite]:
        expected = official_episodes[suite, index]
        check_task(official, suite, index, expected, random_actions(monkeypatch, LONG), EVERY_OFFICIAL)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("suite", TASKS)
def test_builtin_assets(suite, monkeypatch, folder, builtin_episodes):
    # their blunt shapes rest on edges, where robosuite's three solutions of a physics step and our one differ by more
    compared = 0
    for index in TASKS[suite]:
        expected = builtin_episodes[suite, index]
        actions = random_actions(monkeypatch, LONG)
        compared += check_task(folder, suite, index, expected, actions, EVERY, may_part=True)
    assert compared > 12


# What follows is one task of the built-in set, and one process of LIBERO's for all tests.

STEPS, LIMIT = 9, 6


@pytest.fixture(scope="module")
def folder():
    """The built-in assets by their path: under their own name they show a coarser robot than LIBERO does."""
    return resolve_assets("builtin").folder


@pytest.fixture(scope="module")
def episodes(folder, tmp_path_factory):
    """LIBERO's episodes from the published state, from a bowl above its plate, and with the stove's knob turning."""
    env = make("libero_spatial", 1, folder, cameras=[])
    env.reset(seed=SEED, options={"init_state": 0})
    requests = [described(env, STEPS)]
    states = {}
    settled, model, data = env.unwrapped.get_sim_state(), env.unwrapped.model, env.unwrapped.data
    for name in ("bowl", "knob"):
        state = settled.copy()
        qpos, qvel = state[1 : 1 + model.nq], state[1 + model.nq :]
        if name == "bowl":
            address = model.joint("akita_black_bowl_1_joint0").qposadr[0]
            qpos[address : address + 3] = data.body("plate_1_main").xpos + np.array([0.0, 0.0, 0.03])
        else:
            knob = env.unwrapped.world.scene.table.indicators[0].joint_qpos[0]
            joint = model.jnt_qposadr.tolist().index(knob)
            qpos[knob], qvel[model.jnt_dofadr[joint]] = 0.3, 3.0
        states[name] = state
        # The fixtures are elsewhere than before: they go by the seed and the initial state.
        env.reset(seed=SEED, options={"sim_state": state})
        requests.append(described(env, STEPS, sim_state=state))
    env.close()
    rows = run_oracle(folder, requests, tmp_path_factory.mktemp("oracle") / "rows.npz")
    return dict(zip(("published", "bowl", "knob"), rows, strict=True)), states


@pytest.mark.parametrize("engine", ["native", "robosuite"])
def test_every_step(engine, folder, episodes, monkeypatch):
    expected = episodes[0]["published"]
    env = make("libero_spatial", 1, folder, engine=engine)
    for _ in range(2):  # settled the first time, remembered the second
        assert_returned(env.reset(seed=SEED, options={"init_state": 0})[0], expected, 0)
        for step, action in enumerate(random_actions(monkeypatch, STEPS), 1):
            assert_returned(env.step(action)[0], expected, step)
            sim_state = env.unwrapped.get_sim_state()
            assert np.abs(sim_state - expected["sim_state"][step]).max() < DRIFT
    # The steps do differ in what is compared, and what is observed is not the state after the step.
    assert len({image.tobytes() for image in expected["wrist_image"]}) == STEPS + 1
    fingers = sim_state[1 : 1 + env.unwrapped.model.nq][env.unwrapped.world.scene.table.robot.gripper_qpos]
    assert (fingers.astype(np.float32) != expected["state"][-1][6:].astype(np.float32)).all()
    env.close()


def test_the_last_action_of_a_chunk_and_the_time_limit(folder, episodes, monkeypatch):
    expected, actions = episodes[0]["published"], random_actions(monkeypatch, 8)
    env = make("libero_spatial", 1, folder, action_chunk=4, max_episode_steps=LIMIT, render_mode="rgb_array")
    env.reset(seed=SEED, options={"init_state": 0})
    assert_returned(env.step(actions[:4])[0], expected, 4)
    observation, _, terminated, truncated, _ = env.step(actions[4:])
    assert (terminated, truncated) == (False, True)
    assert_returned(observation, expected, LIMIT)
    env.close()


def test_success_from_a_sim_state(folder, episodes, monkeypatch):
    rows, states = episodes
    expected = rows["bowl"]
    env = make("libero_spatial", 1, folder)
    assert_returned(env.reset(seed=SEED, options={"sim_state": states["bowl"]})[0], expected, 0)
    for step, action in enumerate(random_actions(monkeypatch, STEPS), 1):
        observation, _, terminated, _, info = env.step(action)
        assert_returned(observation, expected, step)
        assert terminated == info["success"] == expected["done"][step - 1]
        if terminated:
            break
    assert terminated
    env.close()


@pytest.mark.parametrize("engine", ["native", "robosuite"])
def test_the_burner_is_observed_as_it_was_before_the_step(engine, folder, episodes, monkeypatch):
    rows, states = episodes
    expected = rows["knob"]
    env = make("libero_spatial", 1, folder, engine=engine)
    assert_returned(env.reset(seed=SEED, options={"sim_state": states["knob"]})[0], expected, 0)
    table, model = env.unwrapped.world.scene.table, env.unwrapped.model
    indicator, shown = table.indicators[0], []
    for step, action in enumerate(random_actions(monkeypatch, STEPS), 1):
        assert_returned(env.step(action)[0], expected, step)
        shown.append(model.site_rgba[indicator.site, 3] > 0)
    on = expected["sim_state"][:, 1 + indicator.joint_qpos[0]] >= indicator.condition.value
    assert on.any()
    assert not on.all()
    assert shown == on[:-1].tolist()  # of step t: as the state before it has it
    env.close()


@pytest.mark.parametrize(
    ("worker_kind", "mode"),
    [
        ("thread", AutoresetMode.NEXT_STEP),
        ("thread", AutoresetMode.SAME_STEP),
        ("process", AutoresetMode.SAME_STEP),
    ],
)
def test_vector_environments(worker_kind, mode, folder, episodes, monkeypatch):
    expected, actions = episodes[0]["published"], random_actions(monkeypatch, LIMIT)
    envs = gymnasium.make_vec(
        "libero_gym:libero/Spatial-v0",
        num_envs=2,
        vectorization_mode="vector_entry_point",
        workers=2,
        worker_kind=worker_kind,
        autoreset_mode=mode,
        task=1,
        assets=folder,
        image_size=SIZE,
        max_episode_steps=LIMIT,
    )
    observation, _ = envs.reset(seed=[SEED, SEED], options={"init_state": [0, 0]})
    for step, action in enumerate(actions):
        for number in range(2):
            assert_returned({key: observation[key][number] for key in observation}, expected, step)
        observation, _, _, truncated, info = envs.step(np.stack([action, action]))
    assert truncated.all()
    for number in range(2):
        final = info["final_obs"][number] if mode is AutoresetMode.SAME_STEP else None
        row = {key: observation[key][number] for key in observation} if final is None else final
        assert_returned(row, expected, LIMIT)
    envs.close()
