"""Stable-Baselines3's own vector environments as the oracle, and its algorithms on ours."""

from __future__ import annotations

import functools
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecMonitor

from libero_gym.errors import EnvAttributeError, OptionError
from libero_gym.sb3 import LiberoVecEnv, make_vec_env

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {
    "assets": "builtin",
    "task": [1, 3],
    "image_size": 16,
    "render_quality": "fast",
    "settle_steps": 0,
    "max_episode_steps": 3,
}


#: Without a function of this module, which SB3's processes could not import.
single = functools.partial(gymnasium.make, SPATIAL, instruction=False, **OPTIONS)


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key in found:
        np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize("oracle", [DummyVecEnv, SubprocVecEnv])
def test_every_step_is_that_of_sb3s_own_vectorization(oracle):
    ours, theirs = make_vec_env(SPATIAL, 2, seed=5, monitor=False, workers=2, **OPTIONS), oracle([single, single])
    theirs.seed(5)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert_same(ours.reset(), theirs.reset())
    actions = np.random.default_rng(0).uniform(-1, 1, (7, 2, 7)).astype(np.float32)
    ends = 0
    for action in actions:  # 3 steps an episode: two ends in seven steps
        for ours_found, theirs_found in zip(ours.step(action), theirs.step(action), strict=True):
            if isinstance(ours_found, dict):
                assert_same(ours_found, theirs_found)
            elif isinstance(ours_found, np.ndarray):
                np.testing.assert_array_equal(ours_found, theirs_found)
                # its processes leave rewards as they are
                assert ours_found.dtype == theirs_found.dtype or oracle is SubprocVecEnv
            else:
                for mine, other in zip(ours_found, theirs_found, strict=True):
                    assert mine.keys() == other.keys()
                    ends += "terminal_observation" in mine
                    if "terminal_observation" in mine:
                        assert_same(mine.pop("terminal_observation"), other.pop("terminal_observation"))
                    assert mine == other
    assert ends == 4
    for mine, other in zip(ours.reset_infos, theirs.reset_infos, strict=True):
        assert mine == other
    ours.close()
    theirs.close()


def test_its_checker_accepts_a_single_environment():
    env = gymnasium.make(SPATIAL, instruction=False, **{**OPTIONS, "image_size": 64, "max_episode_steps": 10})
    check_env(env.unwrapped, warn=False)
    env.close()


@pytest.mark.parametrize("options", [{"cameras": ()}, {"image_size": 36}, {"worker_kind": "process"}])
def test_ppo_trains_from_state_and_from_pixels(options):
    envs = make_vec_env(SPATIAL, 2, seed=0, workers=2, **{**OPTIONS, "image_size": 36, **options})
    model = PPO("MultiInputPolicy", envs, n_steps=8, batch_size=8, n_epochs=1, seed=0)
    model.learn(16)
    episodes = list(model.ep_info_buffer)
    # 8 steps of 2 environments, 3 steps an episode: two each
    assert [episode["l"] for episode in episodes] == [3] * 4
    assert model.ep_success_buffer is not None
    assert len(model.ep_success_buffer) == 4  # what it logs as rollout/success_rate
    envs.close()


def test_options_seeds_attributes_and_methods():
    envs = make_vec_env(SPATIAL, 2, monitor=False, workers=2, **OPTIONS)
    assert isinstance(envs, LiberoVecEnv)
    envs.seed(3)
    envs.set_options([{"task": 1, "init_state": 4}, {"task": 3}])
    first = envs.reset()
    assert [info["task_id"] for info in envs.reset_infos] == [1, 3]
    assert envs.reset_infos[0]["init_state_id"] == 4
    assert [info["seed"] for info in envs.reset_infos] == [3, 4]
    envs.seed(3)
    envs.set_options({"task": 1})  # for all; the last ones were used up
    envs.reset()
    assert [info["task_id"] for info in envs.reset_infos] == [1, 1]
    states = envs.env_method("save_state")
    assert [len(states), len(envs.env_method("save_state", indices=1))] == [2, 1]
    assert envs.get_attr("suite", indices=[0]) == ["libero_spatial"]
    with pytest.raises(EnvAttributeError):
        envs.get_attr("no_such_thing")
    with pytest.raises(OptionError, match="call step"):
        envs.env_method("step", np.zeros(7))
    assert envs.env_is_wrapped(gymnasium.Wrapper) == [False, False]
    assert first["state"].shape == (2, 8)
    envs.close()


def test_videos_and_monitors(tmp_path):
    envs = make_vec_env(SPATIAL, 2, 0, monitor_dir=str(tmp_path), workers=1, render_mode="rgb_array", **OPTIONS)
    assert isinstance(envs, VecMonitor)
    envs.reset()
    for _ in range(3):
        envs.step(np.zeros((2, 7), np.float32))
    # one image of both, one over the other
    assert envs.render("rgb_array").shape == (512, 256, 3)
    envs.close()
    header, names, *rows = (tmp_path / "monitor.csv").read_text().splitlines()
    assert header.startswith("#")
    assert names == "r,l,t,is_success"
    assert [(row.split(",")[1], row.split(",")[3]) for row in rows] == [("3", "False"), ("3", "False")]


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"instruction": True}, "instruction=True in libero_gym.sb3.make_vec_env; SB3 takes no text"),
        ({"autoreset_mode": "NextStep"}, "autoreset_mode='NextStep' in .*; SB3 resets in the same step"),
        ({"n_envs": 0}, "n_envs 0 in libero_gym:libero/Spatial-v0; allowed: an integer from 1"),
        ({"image_sise": 3}, "image_sise"),
    ],
)
def test_what_it_does_not_take_is_named(kwargs, message):
    with pytest.raises(OptionError, match=message):
        make_vec_env(SPATIAL, **{**OPTIONS, **kwargs})


def test_without_stable_baselines3_the_error_says_what_to_install():
    code = "import sys; sys.modules['stable_baselines3'] = None; import libero_gym.sb3"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'install it with: pip install "libero-gym[sb3]"' in done.stderr
