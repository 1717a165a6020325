"""What Gymnasium's tests ask of a vector environment, with Gymnasium's own `SyncVectorEnv` as the oracle."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

SPATIAL = "libero_gym:libero/Spatial-v0"
# Three environments over two tasks, whose episodes are cut off after four control steps.
OPTIONS = {
    "assets": "builtin",
    "image_size": 32,
    "render_quality": "fast",
    "settle_steps": 1,
    "action_chunk": 2,
    "task": [1, 4],
    "max_episode_steps": 4,
}
NUM_ENVS = 3


def vector(**kwargs):
    return gymnasium.make_vec(
        SPATIAL, num_envs=NUM_ENVS, vectorization_mode="vector_entry_point", **{**OPTIONS, **kwargs}
    )


def synchronous(mode):
    single = [lambda: gymnasium.make(SPATIAL, disable_env_checker=True, **OPTIONS)] * NUM_ENVS
    return SyncVectorEnv(single, autoreset_mode=mode)


@pytest.fixture(params=["thread", "process"])
def worker_kind(request):
    return request.param


def assert_same(ours, oracles):
    """Observations, rewards, flags and infos, to the last bit."""
    for mine, theirs in zip(ours, oracles, strict=True):
        assert data_equivalence(mine, theirs), (mine, theirs)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_equals_gymnasiums_own_vectorization(mode, worker_kind):
    envs, oracle = vector(autoreset_mode=mode, worker_kind=worker_kind, workers=2), synchronous(mode)
    assert envs.metadata["autoreset_mode"] == oracle.metadata["autoreset_mode"] == mode
    assert envs.num_envs == oracle.num_envs
    for space in ("observation_space", "single_observation_space", "action_space", "single_action_space"):
        assert getattr(envs, space) == getattr(oracle, space), space
    assert_same(envs.reset(seed=11), oracle.reset(seed=11))
    # Resetting one of them at another time lets the episodes end in different steps from here on.
    first = np.array([True, False, False])
    rng, ends = np.random.default_rng(2), 0
    for step in range(9):
        actions = rng.uniform(-1, 1, envs.action_space.shape).astype(np.float32)
        ours, theirs = envs.step(actions), oracle.step(actions)
        assert_same(ours, theirs)
        over = ours[2] | ours[3]
        ends += int(over.sum())
        if mode is AutoresetMode.DISABLED and (over.any() or step == 0):
            mask = over | first if step == 0 else over
            assert_same(
                envs.reset(options={"reset_mask": mask.copy()}), oracle.reset(options={"reset_mask": mask.copy()})
            )
    assert ends >= 8  # three environments, an episode every two or three steps
    envs.close()
    oracle.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_mode_goes_by_its_name_too(mode):
    envs = vector(autoreset_mode=mode.value)
    assert envs.metadata["autoreset_mode"] is mode
    envs.close()


def test_types_and_shapes(worker_kind):
    envs = vector(worker_kind=worker_kind, workers=2, render_mode="rgb_array")
    envs.reset(seed=0)
    observation, reward, terminated, truncated, _ = envs.step(envs.action_space.sample())
    assert observation in envs.observation_space
    assert (reward.dtype, reward.shape) == (np.float64, (NUM_ENVS,))
    assert (terminated.dtype, terminated.shape) == (np.bool_, (NUM_ENVS,))
    assert (truncated.dtype, truncated.shape) == (np.bool_, (NUM_ENVS,))
    frames = envs.render()
    assert isinstance(frames, tuple)
    assert [frame.shape for frame in frames] == [(256, 256, 3)] * NUM_ENVS
    envs.close()


def test_seeds_are_remembered():
    envs = vector()
    envs.reset(seed=42)
    assert envs.np_random_seed == (42, 43, 44)
    envs.reset()
    assert envs.np_random_seed == (42, 43, 44)
    envs.reset(seed=[7, None, 9])
    assert envs.np_random_seed == (7, 43, 9)
    envs.close()


def test_a_partial_reset_needs_a_mask_of_booleans_and_a_first_reset():
    envs = vector(autoreset_mode=AutoresetMode.DISABLED)
    with pytest.raises(ValueError, match="never reset"):
        envs.reset(options={"reset_mask": np.array([True, True, False])})
    envs.reset(options={"reset_mask": np.array([True, True, True])})
    for mask in ([True], [True, True, False, False], [[True, True, True]], [1, 1, 0], [1.0, 1.0, 0.0]):
        with pytest.raises(ValueError, match="reset_mask has shape"):
            envs.reset(options={"reset_mask": np.array(mask)})
    envs.close()


def test_observations_are_the_callers_unless_copy_is_off(worker_kind):
    actions = np.random.default_rng(3).uniform(-1, 1, (2, NUM_ENVS, 2, 7)).astype(np.float32)
    kept = vector(worker_kind=worker_kind, workers=2)
    kept.reset(seed=1)
    first = kept.step(actions[0])[0]
    before = {key: np.copy(value) for key, value in first.items() if key != "instruction"}
    second = kept.step(actions[1])[0]
    kept.close()
    for key, array in before.items():
        np.testing.assert_array_equal(first[key], array)
        assert not np.shares_memory(first[key], second[key])

    reused = vector(worker_kind=worker_kind, workers=2, copy=False)
    reused.reset(seed=1)
    early = reused.step(actions[0])[0]
    late = reused.step(actions[1])[0]
    for key in before:
        assert np.shares_memory(early[key], late[key])
        np.testing.assert_array_equal(late[key], second[key])
    reused.close()
