"""Depth, segmentation and camera parameters through everything that carries observations."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import FilterObservation, FlattenObservation

SPATIAL = "libero_gym:libero/Spatial-v0"
SIZE = 16
GEOMETRY = {"depth": True, "segmentation": True, "camera_parameters": True}
# Episodes of two chunks; two tasks, whose geoms have other ids.
OPTIONS = {
    "assets": "builtin",
    "image_size": SIZE,
    "render_quality": "fast",
    "settle_steps": 0,
    "task": [1, 4],
    "max_episode_steps": 4,
    "action_chunk": 2,
    **GEOMETRY,
}
DEPTH = ("image_depth", "wrist_image_depth")
SEGMENTATION = ("image_segmentation", "wrist_image_segmentation")


def make(**kwargs):
    return gymnasium.make(SPATIAL, **{**OPTIONS, "task": 1, **kwargs})


def vector(**kwargs):
    return gymnasium.make_vec(SPATIAL, 2, **{**OPTIONS, **kwargs})


def trajectory(envs):
    """What a reset and five steps return; in mode "DISABLED" with a reset in between."""
    returned = [envs.reset(seed=3)]
    for actions in np.random.default_rng(0).uniform(-1, 1, (5, *envs.action_space.shape)).astype(np.float32):
        returned.append(envs.step(actions))
        over = returned[-1][2] | returned[-1][3]
        if envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED and over.any():
            returned.append(envs.reset(options={"reset_mask": over}))
    envs.close()
    return returned


def test_gymnasiums_checker_accepts_it():
    env = make()
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize(
    ("kwargs", "keys"),
    [
        ({}, (*DEPTH, *SEGMENTATION)),
        ({"segmentation": False}, DEPTH),
        ({"depth": False}, SEGMENTATION),
        ({"cameras": ["wrist"]}, ("wrist_image_depth", "wrist_image_segmentation")),
        ({"cameras": []}, ()),
        ({"depth": False, "segmentation": False}, ()),
    ],
)
def test_the_space_has_what_is_observed_and_nothing_else(kwargs, keys):
    env = make(**kwargs)
    observation, info = env.reset(seed=0)
    colour = {"image", "wrist_image"} if "cameras" not in kwargs else {f"{name}_image" for name in kwargs["cameras"]}
    assert set(observation) == set(env.observation_space.spaces) == {*colour, *keys, "state", "instruction"}
    for key in keys:
        assert observation[key].shape == (SIZE, SIZE, 1)
        assert observation[key].dtype == (np.float32 if key in DEPTH else np.int32)
    assert observation in env.observation_space
    assert env.step(env.action_space.sample())[0] in env.observation_space
    assert set(info["camera_parameters"]) == set(kwargs.get("cameras", ["agentview", "wrist"]))
    env.close()


def test_both_are_turned_as_the_images_are():
    turned, upright = (make(image_orientation=name).reset(seed=0)[0] for name in ("rot180", "upright"))
    for key in ("image", "wrist_image", *DEPTH, *SEGMENTATION):
        np.testing.assert_array_equal(turned[key], upright[key][:, ::-1])


def test_a_remembered_scene_has_them_too_and_its_users_cannot_change_it():
    env = make()
    first, _ = env.reset(seed=7, options={"init_state": 3})
    kept = {key: first[key].copy() for key in (*DEPTH, *SEGMENTATION)}
    for key in kept:
        first[key][:] = 0
    env.reset(seed=8)
    again, _ = env.reset(seed=7, options={"init_state": 3})
    for key, array in kept.items():
        assert len(np.unique(array)) > 2
        np.testing.assert_array_equal(again[key], array)
    env.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_vectorization_gives_the_same(mode):
    oracle = trajectory(vector(vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}))
    assert oracle[0][0]["image_depth"].shape == (2, SIZE, SIZE, 1)
    assert oracle[0][1]["camera_parameters"]["wrist"]["extrinsics"].shape == (2, 4, 4)
    tasks = np.concatenate([returned[-1]["task_id"] for returned in oracle])
    assert set(tasks) == {1, 4}
    # Starting a process takes seconds; final observations go through its shared memory in one mode only.
    for kind in ("thread", "process") if mode is AutoresetMode.SAME_STEP else ("thread",):
        ours = trajectory(vector(autoreset_mode=mode, worker_kind=kind, workers=2))
        for mine, theirs in zip(ours, oracle, strict=True):
            assert data_equivalence(mine, theirs), (kind, mine, theirs)
    if mode is AutoresetMode.SAME_STEP:
        finals = [info["final_obs"] for *_, info in oracle if "final_obs" in info]
        assert finals
        assert {*DEPTH, *SEGMENTATION} <= set(finals[0][0])


def test_gymnasiums_processes_carry_them():
    oracle = trajectory(vector(vectorization_mode="sync"))
    for shared in (True, False):
        envs = vector(vectorization_mode="async", vector_kwargs={"shared_memory": shared})
        for mine, theirs in zip(trajectory(envs), oracle, strict=True):
            assert data_equivalence(mine, theirs), (shared, mine, theirs)


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_row_is_what_the_single_environment_observes(kind):
    envs = vector(worker_kind=kind, workers=1)
    observations, infos = envs.reset(seed=5)
    names = envs.call("segmentation_names")
    for index, task in enumerate(infos["task_id"]):
        env = make(task=int(task))
        observation, info = env.reset(seed=5 + index, options={"init_state": int(infos["init_state_id"][index])})
        for key in (*DEPTH, *SEGMENTATION, "image"):
            np.testing.assert_array_equal(observations[key][index], observation[key])
        for camera, parameters in info["camera_parameters"].items():
            for key, matrix in parameters.items():
                np.testing.assert_array_equal(infos["camera_parameters"][camera][key][index], matrix)
        assert names[index] == env.unwrapped.segmentation_names()
        env.close()
    envs.close()


def test_wrappers_know_the_keys():
    env = FlattenObservation(FilterObservation(make(), ["image_depth", "wrist_image_segmentation", "state"]))
    observation, _ = env.reset(seed=0)
    # Two images of one channel, and the state's 8 values.
    assert observation.shape == (2 * SIZE * SIZE + 8,)
    assert observation in env.observation_space
    env.close()
