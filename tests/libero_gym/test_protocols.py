"""`protocol=` against LIBERO's own environment, run through each published loop: equal observations to the last bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.assets.official import package_folder
from libero_gym.errors import OptionError
from libero_gym.protocols import PROTOCOLS, arguments_of
from libero_gym.render.gl import choose_backend
from libero_gym.tasks import load_suite

ORACLE = Path(__file__).parent / "protocol_oracle.py"
SIZE, STEPS = 32, 2
#: A task of each suite, among them drawers that begin open (libero_10 3), whose joints LIBERO samples repeatedly.
TASKS = {"libero_spatial": 3, "libero_object": 4, "libero_goal": 2, "libero_10": 3, "libero_90": 30}
#: Each loop on two suites or more; benchmarks/protocols.py has all of them on three tasks of each suite.
LOOPS = [
    *(("libero_spatial", loop) for loop in PROTOCOLS),
    *(("libero_10", loop) for loop in PROTOCOLS),
    *(("libero_object", "openvla-oft"), ("libero_goal", "rlinf"), ("libero_90", "lerobot")),
]


def run_oracle(assets, episodes, out):
    """What LIBERO returned in each of the episodes: key -> array."""
    request = {"assets": str(assets), "episodes": episodes, "image_size": SIZE, "steps": STEPS, "out": str(out)}
    result = subprocess.run(
        [sys.executable, str(ORACLE)],
        input=json.dumps(request),
        env={**os.environ, "MUJOCO_GL": choose_backend()},
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


def assert_equal(observation, expected, step, where):
    for key in ("image", "wrist_image"):
        np.testing.assert_array_equal(
            observation[key], expected[key][step][::-1, ::-1], err_msg=f"{where} {key}, step {step}"
        )
    state = expected["state"][step].astype(np.float32)
    np.testing.assert_array_equal(observation["state"], state, err_msg=f"{where} state, step {step}")


#: Of the built-in set, colour values of both cameras that may differ after random actions: blunt shapes rest on edges,
#: where poses differ in their last bits, and a pixel's colour is rounded up or down. Of LIBERO's own set, none.
ROUNDED = 2


def check(assets, episode, expected, monkeypatch, rounded=0):
    """Compare the first observation of an episode, and those of `STEPS` random actions after it."""
    monkeypatch.syspath_prepend(str(ORACLE.parent))
    from oracle import actions

    env = gymnasium.make(
        load_suite(episode["suite"]).env_id,
        task=episode["index"],
        assets=assets,
        image_size=SIZE,
        protocol=episode["protocol"],
    )
    # the seed does not matter: the loop has its own
    observation, _ = env.reset(seed=99, options={"init_state": episode["state"]})
    assert_equal(observation, expected, 0, str(episode))
    for step, action in enumerate(actions(STEPS), 1):
        observation = env.step(action)[0]
        pairs = [(observation[key], expected[key][step][::-1, ::-1]) for key in ("image", "wrist_image")]
        if rounded and sum(int((ours != theirs).sum()) for ours, theirs in pairs) <= rounded:
            np.testing.assert_array_equal(observation["state"], expected["state"][step].astype(np.float32))
        else:
            assert_equal(observation, expected, step, str(episode))
    env.close()


@pytest.fixture(scope="module")
def folder():
    """The built-in assets by their path: under their own name they show a coarser robot than LIBERO does."""
    return resolve_assets("builtin").folder


@pytest.fixture(scope="module")
def seconds(folder, tmp_path_factory):
    """The second episode of each of `LOOPS`, and what LIBERO returned in it; one process for all."""
    episodes = [{"suite": suite, "index": TASKS[suite], "protocol": loop, "state": 1} for suite, loop in LOOPS]
    rows = run_oracle(folder, episodes, tmp_path_factory.mktemp("oracle") / "rows.npz")
    return dict(zip(LOOPS, zip(episodes, rows, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("suite", "loop"), LOOPS)
def test_a_task_of_a_suite(suite, loop, seconds, monkeypatch, folder):
    check(folder, *seconds[suite, loop], monkeypatch, ROUNDED)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_official_assets(tmp_path, monkeypatch, official_assets):
    # LIBERO builds these scenes for ten seconds at each reset
    episodes = [{"suite": "libero_spatial", "index": 0, "protocol": loop, "state": 0} for loop in PROTOCOLS]
    rows = run_oracle(official_assets, episodes, tmp_path / "rows.npz")
    # by its name, where that means them: other tests compile the same scene
    assets = "official" if official_assets == package_folder() else official_assets
    for episode, expected in zip(episodes, rows, strict=True):
        check(assets, episode, expected, monkeypatch)


# ---- what needs no oracle


def poses(env):
    env.step(np.zeros(7))  # fixtures are written into the model when it is used
    table, model = env.unwrapped.world.scene.table, env.unwrapped.model
    return np.array([model.body_pos[fixture.body] for fixture in table.fixtures])


def make(**kwargs):
    return gymnasium.make("libero_gym:libero/Spatial-v0", task=3, assets="builtin", cameras=[], **kwargs)


def test_scenes_are_those_of_the_loop_in_any_order():
    env = make(protocol="openvla-oft")
    seen = {}
    for state in (2, 0, 2, 1):
        env.reset(seed=state + 7, options={"init_state": state})
        seen.setdefault(state, []).append(poses(env))
    np.testing.assert_array_equal(*seen[2])
    assert np.abs(seen[0][0] - seen[1][0]).max() > 1e-4
    env.close()
    env = make()
    env.reset(seed=0, options={"init_state": 0})
    assert np.abs(poses(env) - seen[0][0]).max() > 1e-4  # its own scenes are others
    env.close()


@pytest.mark.parametrize(
    ("protocol", "steps", "limit"), [("openvla-oft", 10, 220), ("rlinf", 15, 240), ("lerobot", 10, 280)]
)
def test_settling_and_limits(protocol, steps, limit):
    env = make(protocol=protocol)
    facts = {fact["name"]: fact["value"] for fact in env.metadata["facts"]}
    assert (facts["env.settle_steps"], facts["env.time_limit"], facts["env.fixtures"]) == (steps, limit, protocol)
    assert facts["env.settle_gripper"] == (0 if protocol == "rlinf" else -1)
    # 50 ms a settling step, from the time in the published state
    env.reset(options={"init_state": 0})
    begun = env.unwrapped.data.time
    env.close()
    env = make(settle_steps=0)
    env.reset(options={"init_state": 0})
    assert begun - env.unwrapped.data.time == pytest.approx(0.05 * steps)
    env.close()
    caveats = make(protocol=protocol).metadata["benchmark_caveats"]
    assert not any("settle" in caveat or "time limit" in caveat for caveat in caveats)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "openvla"}, r"unknown protocol 'openvla' .* allowed: openvla-oft, rlinf, lerobot"),
        ({"protocol": "rlinf", "split": "train"}, r"protocol 'rlinf' with split 'train' .* allowed: 'eval'"),
        ({"protocol": "rlinf", "physics_quality": "soft"}, r"with physics_quality 'soft'"),
        ({"protocol": "rlinf", "shift": "light:1"}, r"with shift 'light:1' .* allowed: none"),
    ],
)
def test_what_no_loop_has_is_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        make(**arguments)


def test_suites_without_a_published_loop_are_refused():
    with pytest.raises(OptionError, match=r"protocol 'rlinf' in libero/130-v0; it is of libero_spatial"):
        gymnasium.make("libero_gym:libero/130-v0", task=0, assets="builtin", protocol="rlinf")


def test_the_arguments_of_a_protocol_are_those_of_the_environment():
    for name in PROTOCOLS:
        given = {key: value for key, value in arguments_of(name).items() if value is not None}
        env = gymnasium.make("libero_gym:libero/Goal-v0", task=0, assets="builtin", **given)
        assert env.unwrapped.metadata["image_orientation"] == "rot180"
        assert env.observation_space["image"].shape == (256, 256, 3)
        env.close()
