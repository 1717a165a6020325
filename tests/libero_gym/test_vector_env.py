"""`LiberoVectorEnv` against single environments, for all autoreset modes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv

from libero_gym.errors import ActionError, OptionError, ResetNeededError

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {"assets": "builtin", "image_size": 32, "settle_steps": 1, "action_chunk": 2, "task": [1, 4]}


def make(num_envs=3, **kwargs):
    return gymnasium.make_vec(
        SPATIAL, num_envs=num_envs, vectorization_mode="vector_entry_point", **{**OPTIONS, **kwargs}
    )


def random_actions(steps, num_envs=3):
    return np.random.default_rng(5).uniform(-1, 1, (steps, num_envs, 2, 7)).astype(np.float32)


def test_spaces_are_the_batched_spaces_of_one():
    envs = make()
    assert isinstance(envs, VectorEnv)
    observation, _ = envs.reset(seed=0)
    assert observation in envs.observation_space
    assert envs.action_space.shape == (3, 2, 7)
    assert observation["image"].shape == (3, 32, 32, 3)
    assert observation["state"].shape == (3, 8)
    assert len(observation["instruction"]) == 3
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.metadata["init_states"] == {1: 50, 4: 50}
    envs.close()


def test_equals_single_environments_bit_for_bit_for_any_number_of_workers():
    actions = random_actions(3)
    runs = []
    for workers in (1, 3):
        envs = make(workers=workers)
        observation, _ = envs.reset(seed=20)
        run = [observation["image"]]
        for action in actions:
            observation, reward, _, _, info = envs.step(action)
            run += [observation["image"], observation["state"], reward, info["chunk_length"]]
        runs.append(run)
        envs.close()
    for one, three in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, three)

    for number in range(3):
        env = gymnasium.make(SPATIAL, **OPTIONS)
        observation, _ = env.reset(seed=20 + number)  # seed s gives s + i to environment i
        np.testing.assert_array_equal(observation["image"], runs[0][0][number])
        for action in actions:
            observation = env.step(action[number])[0]
        np.testing.assert_array_equal(observation["image"], runs[0][-4][number])
        np.testing.assert_array_equal(observation["state"], runs[0][-3][number])
        env.close()


DIGEST = """
import hashlib, sys
import gymnasium
import numpy as np
envs = gymnasium.make_vec(
    "libero_gym:libero/Spatial-v0", num_envs=4, vectorization_mode="vector_entry_point", workers=int(sys.argv[1]),
    worker_kind=sys.argv[2], assets="builtin", image_size=64, action_chunk=4, task=[0, 1, 4, 7],
)
digest = hashlib.sha256()
rng = np.random.default_rng(0)
steps = [envs.reset(seed=5, options={"task": [0, 1, 4, 7], "init_state": [0, 1, 2, 3]})]
steps += [envs.step(rng.uniform(-1, 1, (4, 4, 7)).astype(np.float32)) for _ in range(6)]
for step in steps:
    for key in ("image", "wrist_image", "state"):
        digest.update(step[0][key].tobytes())
envs.close()
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_processes_and_numbers_of_workers_give_the_same_bits():
    runs = [("1", "thread"), ("4", "thread"), ("4", "process")]
    digests = [
        subprocess.run([sys.executable, "-c", DIGEST, *run], capture_output=True, text=True, check=True).stdout
        for run in runs
    ]
    assert len(digests[0]) == 65
    assert digests == [digests[0]] * 3


def limited(mode):
    """Two environments whose episodes end at 2 and 4 control steps: the second one starts a step later."""
    return make(num_envs=2, max_episode_steps=4, autoreset_mode=mode)


def test_next_step_resets_in_the_step_after_the_end():
    envs = limited(AutoresetMode.NEXT_STEP)
    envs.reset(seed=0)
    actions = random_actions(3, 2)
    envs.step(actions[0])
    _, _, terminated, truncated, info = envs.step(actions[1])
    assert truncated.all()
    assert not terminated.any()
    assert list(info["elapsed_steps"]) == [4, 4]
    _, reward, terminated, truncated, info = envs.step(actions[2])
    assert not truncated.any()
    assert list(reward) == [0.0, 0.0]
    assert list(info["elapsed_steps"]) == [0, 0]
    envs.close()


def test_same_step_returns_the_next_start_and_keeps_the_final_observation():
    envs = limited(AutoresetMode.SAME_STEP)
    envs.reset(seed=0)
    actions = random_actions(2, 2)
    envs.step(actions[0])
    observation, _, _, truncated, info = envs.step(actions[1])
    assert truncated.all()
    assert list(info["final_info"]["elapsed_steps"]) == [4, 4]
    assert list(info["elapsed_steps"]) == [0, 0]
    assert not np.array_equal(info["final_obs"][0]["state"], observation["state"][0])

    # The final observation is what a single environment sees there.
    env = gymnasium.make(SPATIAL, **{**OPTIONS, "max_episode_steps": None})
    env.reset(seed=0)
    for action in actions:
        last = env.step(action[0])[0]
    np.testing.assert_array_equal(info["final_obs"][0]["image"], last["image"])
    env.close()
    envs.close()


def test_disabled_stands_still_until_a_masked_reset():
    envs = limited(AutoresetMode.DISABLED)
    envs.reset(seed=0)
    actions = random_actions(4, 2)
    envs.step(actions[0])
    ended, _, _, _, _ = envs.step(actions[1])
    observation, info = envs.reset(seed=[9, None], options={"reset_mask": np.array([True, False]), "init_state": 3})
    assert list(info["_init_state_id"]) == [True, False]
    assert info["init_state_id"][0] == 3
    np.testing.assert_array_equal(observation["image"][1], ended["image"][1])
    observation, reward, _, truncated, info = envs.step(actions[2])
    assert list(truncated) == [False, True]
    assert list(info["chunk_length"]) == [2, 0]
    assert reward[1] == 0.0
    np.testing.assert_array_equal(observation["image"][1], ended["image"][1])
    envs.close()


def test_a_group_starts_in_one_scene():
    envs = make(autoreset_mode=AutoresetMode.DISABLED)
    observation, info = envs.reset(seed=[7, 7, 7], options={"task": np.array([4, 4, 4]), "init_state": np.full(3, 2)})
    assert list(info["task_id"]) == [4, 4, 4]
    np.testing.assert_array_equal(observation["image"][0], observation["image"][1])
    np.testing.assert_array_equal(observation["image"][0], observation["image"][2])
    envs.close()


def test_bad_arguments_are_named():
    for kwargs, message in (
        ({"num_envs": 0}, "num_envs 0 .*from 1"),
        ({"workers": 0}, "workers 0 .*from 1"),
        ({"worker_kind": "fibre"}, "unknown worker_kind 'fibre'.*allowed: thread"),
        ({"autoreset_mode": "never"}, "unknown autoreset_mode 'never'"),
        ({"image_sise": 64}, "unexpected keyword argument 'image_sise'"),
    ):
        with pytest.raises(OptionError, match=message):
            make(**kwargs)


def test_bad_calls_are_named():
    envs = make(num_envs=2)
    with pytest.raises(Exception, match="call reset"):
        envs.step(np.zeros((2, 2, 7)))
    envs.reset(seed=0)
    with pytest.raises(ActionError, match=r"shape \(2, 7\); expected \(2, 2, 7\)"):
        envs.step(np.zeros((2, 7)))
    bad = np.zeros((2, 2, 7))
    bad[1, 0, 3] = np.inf
    with pytest.raises(ActionError, match=r"inf at \(1, 0, 3\)"):
        envs.step(bad)
    with pytest.raises(OptionError, match=r"reset_mask has shape \(3,\)"):
        envs.reset(options={"reset_mask": np.ones(3, dtype=bool)})
    with pytest.raises(OptionError, match="unknown reset option 'mask'"):
        envs.reset(options={"mask": np.ones(2, dtype=bool)})
    envs.close()


def test_close_ends_the_threads():
    before = threading.active_count()
    envs = make(num_envs=3, workers=3)
    envs.reset(seed=0)
    envs.step_async(random_actions(1)[0])
    envs.close()
    assert threading.active_count() == before


@pytest.mark.slow
def test_hundreds_of_environments_leave_no_thread_and_no_open_file():
    def open_files():
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    def cycle(use):
        envs = make(num_envs=2, workers=2)
        if use:
            envs.reset(seed=0)
        envs.close()

    cycle(use=True)
    threads, files = threading.active_count(), open_files()
    for number in range(250):
        cycle(use=number % 50 == 0)  # each use makes and frees two OpenGL contexts
    assert threading.active_count() == threads
    assert open_files() <= files + 2


def test_the_union_lists_the_states_of_all_130_tasks_and_takes_a_split():
    union = {"vectorization_mode": "vector_entry_point", "assets": "builtin", "cameras": ()}
    envs = gymnasium.make_vec("libero_gym:libero/130-v0", **union)
    # 50 published states for each
    assert envs.metadata["init_states"] == dict.fromkeys(range(130), 50)
    envs.close()
    # Task 21 is of libero_goal, which has 50 for training beside them.
    envs = gymnasium.make_vec("libero_gym:libero/130-v0", task=[21], split="all", **union)
    assert envs.metadata["init_states"] == {21: 100}
    envs.close()


def test_a_task_of_the_union_is_the_task_of_its_own_suite():
    # task 21 of all 130 is task 1 of libero_goal: ten of libero_spatial and ten of libero_object come before it
    runs = []
    for env_id, tasks in (("libero/130-v0", [4, 21]), ("libero/Goal-v0", [1])):
        envs = gymnasium.make_vec(
            env_id, num_envs=1, vectorization_mode="vector_entry_point", **{**OPTIONS, "task": tasks}
        )
        observation, info = envs.reset(seed=3, options={"task": np.array([tasks[-1]]), "init_state": np.array([7])})
        run = [observation["image"], observation["state"]]
        for action in random_actions(3, 1):
            observation, *_ = envs.step(action)
            run += [observation["image"], observation["state"]]
        runs.append(run)
        assert info["task_id"][0] == tasks[-1]
        assert list(envs.metadata["init_states"]) == tasks
        assert envs.spec.id == env_id
        envs.close()
    for union, own in zip(*runs, strict=True):
        np.testing.assert_array_equal(union, own)


@pytest.mark.parametrize("worker_kind", ["thread", "process"])
def test_one_environment_is_rendered_without_the_others(worker_kind):
    envs = make(num_envs=3, workers=2, worker_kind=worker_kind, render_mode="rgb_array")
    with pytest.raises(ResetNeededError):
        envs.render_env(0)
    envs.reset(seed=0)
    images = envs.render()
    for index in (2, 0):
        image = envs.render_env(index)
        assert image.shape == (256, 256, 3)
        np.testing.assert_array_equal(image, images[index])
    for index in (3, -1, 0.5, None):
        with pytest.raises(OptionError, match=r"call_some\(\) of environment .*; allowed: 0..2"):
            envs.render_env(index)
    envs.close()
    blind = make(num_envs=1)
    blind.reset(seed=0)
    assert blind.render_env(0) is None
    blind.close()
