"""A thread keeps a bounded number of models and of what OpenGL holds of them, whatever tasks its episodes have."""

from __future__ import annotations

import gc

import gymnasium
import numpy as np
import pytest

from libero_gym import shared_models
from libero_gym.engine.shared_model import SharedModel
from libero_gym.env import LiberoEnv
from libero_gym.render.renderer import Renderer

OPTIONS = {"assets": "builtin", "image_size": 32, "settle_steps": 1, "cameras": ["agentview"]}


def models() -> int:
    """How many models there are in this process."""
    gc.collect()
    return sum(isinstance(found, SharedModel) for found in gc.get_objects())


def contexts() -> int:
    """How many models OpenGL holds for this thread."""
    return len(Renderer.of_thread()._uploads)


@pytest.fixture
def two(monkeypatch):
    monkeypatch.setattr(shared_models, "MAX_MODELS", 2)


def test_the_least_recently_used_model_makes_place(two):
    before, contexts_before = models(), contexts()
    env = LiberoEnv("libero_130", task=[0, 10, 20, 30], **OPTIONS)
    first = {}
    for task in (0, 10, 20, 0, 30, 10, 20, 0):
        observation, _ = env.reset(seed=1, options={"task": task, "init_state": 0})
        observation = {key: np.copy(value) for key, value in observation.items()}
        stepped = env.step(np.full(7, 0.3))[0]["state"].copy()
        # two that are kept, and at most the one of the episode before
        assert models() - before <= 3
        assert contexts() - contexts_before <= 3
        if task in first:  # loaded anew, to the last bit
            for key, value in first[task][0].items():
                np.testing.assert_array_equal(value, observation[key])
            np.testing.assert_array_equal(first[task][1], stepped)
        first[task] = (observation, stepped)
    assert len(env._episode._worlds) <= 3
    env.close()
    del env
    assert models() == before


def test_states_that_are_gone_back_to_keep_no_model_alive(two):
    before = models()
    env = LiberoEnv("libero_130", task=[0, 10, 20, 30], **OPTIONS)
    for task in (0, 10, 20, 30):
        env.reset(seed=1, options={"task": task, "init_state": 0})
        state = env.save_state()
        for _ in range(3):  # the second time, a copy of its world's memory is kept
            env.reset(options={"state": state})
        assert models() - before <= 3
    assert len(env._episode._kept) <= 3  # those of the worlds that are left
    env.close()
    del env
    assert models() == before


def test_environments_of_a_worker_keep_the_models_of_their_episodes(two):
    """Five tasks in turn over four environments of a worker: each episode is as it is alone."""
    tasks = [0, 10, 20, 30, 40]
    batch = gymnasium.make_vec(
        "libero_gym:libero/130-v0",
        num_envs=4,
        vectorization_mode="vector_entry_point",
        workers=1,
        task=tasks,
        **OPTIONS,
    )
    actions = np.full((4, 7), 0.2, dtype=np.float32)
    for turn in range(4):
        wanted = [tasks[(turn + index) % 5] for index in range(4)]
        batch.reset(seed=turn, options={"task": np.array(wanted), "init_state": np.zeros(4, dtype=int)})
        batch.step(actions)
        seen, *_ = batch.step(actions)
        for index, task in enumerate(wanted):
            alone = LiberoEnv("libero_130", task=task, **OPTIONS)
            alone.reset(seed=turn + index, options={"task": task, "init_state": 0})
            alone.step(actions[0])
            single, *_ = alone.step(actions[0])
            for key in ("image", "state"):
                np.testing.assert_array_equal(seen[key][index], single[key])
            alone.close()
    batch.close()


def test_a_shift_keeps_no_model_alive(two):
    before = models()
    env = LiberoEnv("libero_spatial", task=[0, 1, 2], shift="layout:1-5+robot:1-5", **OPTIONS)
    for state in range(6):
        env.reset(seed=state, options={"task": state % 3, "init_state": state})
        assert models() - before <= 3
    env.close()


@pytest.mark.slow
def test_130_tasks_do_not_fill_memory():
    before, contexts_before = models(), contexts()
    env = LiberoEnv("libero_130", physics_quality="soft", **{**OPTIONS, "settle_steps": 0})
    for task in range(130):
        env.reset(seed=0, options={"task": task, "init_state": 0})
        assert contexts() - contexts_before <= shared_models.MAX_MODELS + 1
    assert models() - before <= shared_models.MAX_MODELS + 1
    env.close()
