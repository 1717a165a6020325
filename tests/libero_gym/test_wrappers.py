"""Gymnasium's wrappers around our environments: each does what it should to observations, actions or rewards."""

from __future__ import annotations

import json
import re

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces, wrappers
from gymnasium.wrappers import vector

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {
    "assets": "builtin",
    "task": 1,
    "image_size": 32,
    "render_quality": "fast",
    "settle_steps": 0,
    "max_episode_steps": 4,
}
ACTION = np.array([0.5, 0, 0, 0, 0, 0, -1], np.float32)


def make(**options):
    return gymnasium.make(SPATIAL, **{**OPTIONS, **options})


def make_vec(num_envs=2, **options):
    return gymnasium.make_vec(
        SPATIAL, num_envs=num_envs, vectorization_mode="vector_entry_point", **{**OPTIONS, **options}
    )


def test_numpy_to_torch_hands_on_tensors_and_sentences():
    env = wrappers.NumpyToTorch(make())
    observation, info = env.reset(seed=0)
    plain = make()
    expected, _ = plain.reset(seed=0)
    assert isinstance(observation["image"], torch.Tensor)
    assert observation["image"].dtype == torch.uint8
    np.testing.assert_array_equal(observation["image"].numpy(), expected["image"])
    assert observation["instruction"] == expected["instruction"] == info["instruction"]
    observation, reward, terminated, truncated, info = env.step(torch.from_numpy(ACTION))
    np.testing.assert_array_equal(observation["state"].numpy(), plain.step(ACTION)[0]["state"])
    assert (float(reward), terminated, truncated) == (0.0, False, False)
    env.close()


@pytest.mark.parametrize("instruction", [True, False])
def test_numpy_to_torch_of_a_batch(instruction):
    envs = vector.NumpyToTorch(make_vec(instruction=instruction))
    observation, info = envs.reset(seed=0)
    assert observation["state"].shape == (2, 8)
    sentence = "pick up the black bowl next to the ramekin and place it on the plate"
    assert info["instruction"].tolist() == [sentence] * 2
    assert not instruction or observation["instruction"] == (sentence,) * 2
    observation, reward, terminated, _, _ = envs.step(torch.zeros(2, 7))
    assert all(isinstance(found, torch.Tensor) for found in (observation["image"], reward, terminated))
    envs.close()


def test_human_rendering_shows_what_is_rendered(monkeypatch):
    pygame = pytest.importorskip("pygame", reason="HumanRendering needs pygame: gymnasium[classic-control]")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = wrappers.HumanRendering(make(render_mode="rgb_array"))
    assert env.render_mode == "human"
    env.reset(seed=0)
    env.step(ACTION)
    shown = pygame.surfarray.array3d(env.window).transpose(1, 0, 2)
    expected = env.env.render()
    # the wrapper scales by bicubic interpolation where its window has another size
    assert shown.shape == expected.shape
    np.testing.assert_array_equal(shown, expected)
    env.close()


def test_videos_are_recorded(tmp_path):
    env = wrappers.RecordVideo(make(render_mode="rgb_array"), str(tmp_path), episode_trigger=lambda _: True)
    env.reset(seed=0)
    for _ in range(4):
        env.step(ACTION)
    env.close()
    assert [path.name for path in tmp_path.glob("*.mp4")] == ["rl-video-episode-0.mp4"]


def test_statistics_normalization_and_time():
    timed = wrappers.TimeAwareObservation(make(instruction=False), flatten=False, dict_time_key="now")
    env = wrappers.RecordEpisodeStatistics(timed)
    observation, _ = env.reset(seed=0)
    assert observation["now"].reshape(-1).tolist() == [0]
    for step in range(1, 5):
        observation, _, _, truncated, info = env.step(ACTION)
        assert observation["now"].reshape(-1).tolist() == [step]
    assert truncated
    assert info["episode"]["l"] == 4
    env.close()


@pytest.mark.parametrize(
    ("wrap", "check"),
    [
        (lambda env: wrappers.FilterObservation(env, ["state"]), lambda o: set(o) == {"state"}),
        (lambda env: wrappers.FlattenObservation(make(cameras=(), instruction=False)), lambda o: o.shape == (8,)),
        (lambda env: wrappers.DtypeObservation(wrappers.FilterObservation(env, ["state"]), dict), None),
        (
            lambda env: wrappers.TransformObservation(
                env, lambda o: o["image"].mean(), spaces.Box(0, 255, (), np.float64)
            ),
            lambda o: 10 < o < 245,
        ),
        (
            lambda env: wrappers.FrameStackObservation(wrappers.FilterObservation(env, ["state"]), 3),
            lambda o: o["state"].shape == (3, 8),
        ),
        (
            lambda env: wrappers.AddRenderObservation(env, render_only=False, render_key="view", obs_key="observed"),
            lambda o: o["view"].shape == (256, 256, 3),
        ),
    ],
    ids=["Filter", "Flatten", "Dtype", "Transform", "FrameStack", "AddRender"],
)
def test_observation_wrappers(wrap, check):
    env = make(render_mode="rgb_array")
    if check is None:
        with pytest.raises((TypeError, AssertionError)):  # of a Dict, as of any other environment's
            wrap(env)
        return
    wrapped = wrap(env)
    observation, _ = wrapped.reset(seed=0)
    assert check(observation)
    assert wrapped.observation_space.contains(observation)
    observation, *_ = wrapped.step(ACTION)
    assert check(observation)
    wrapped.close()


@pytest.mark.parametrize(
    ("wrap", "action", "executed"),
    [
        (lambda env: wrappers.RescaleAction(env, np.float32(0), np.float32(1)), (ACTION + 1) / 2, ACTION),
        (lambda env: wrappers.ClipAction(env), ACTION * 4, np.clip(ACTION * 4, -1, 1)),
        (lambda env: wrappers.TransformAction(env, lambda a: -a, env.action_space), -ACTION, ACTION),
    ],
    ids=["Rescale", "Clip", "Transform"],
)
def test_action_wrappers(wrap, action, executed):
    env, plain = wrap(make()), make()
    env.reset(seed=0)
    plain.reset(seed=0)
    np.testing.assert_array_equal(
        env.step(action.astype(np.float32))[0]["state"], plain.step(executed.astype(np.float32))[0]["state"]
    )
    env.close()
    plain.close()


def test_a_sticky_action_and_a_repeated_reset_are_possible():
    env = wrappers.Autoreset(wrappers.StickyAction(make(), 0.5))
    env.reset(seed=0)
    ends = [env.step(ACTION)[3] for _ in range(6)]
    assert ends == [False, False, False, True, False, False]
    env.close()


def test_batches_take_gymnasiums_vector_wrappers():
    envs = vector.RecordEpisodeStatistics(vector.RescaleAction(make_vec(), np.float32(0), np.float32(1)))
    envs.reset(seed=0)
    for _ in range(4):
        *_, truncated, infos = envs.step(np.full((2, 7), 0.5, np.float32))
    assert truncated.all()
    assert infos["episode"]["l"].tolist() == [4, 4]
    envs.close()


def test_a_wrapped_environment_is_made_again_from_its_spec():
    env = wrappers.FilterObservation(make(), ["state", "instruction"])
    spec = gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json())
    again = gymnasium.make(spec)
    assert set(again.reset(seed=3)[0]) == {"state", "instruction"}
    assert re.search("FilterObservation", str(again))
    assert json.loads(env.spec.to_json())["kwargs"]["task"] == 1
    env.close()
    again.close()
