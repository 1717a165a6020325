"""Instructions through the shared memory of Gymnasium's `AsyncVectorEnv`."""

from __future__ import annotations

import copy
import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode

from libero_gym.spaces import INSTRUCTION_CHARACTERS, InstructionSpace

SPATIAL = "libero_gym:libero/Spatial-v0"
OPTIONS = {
    "assets": "builtin",
    "image_size": 16,
    "render_quality": "fast",
    "physics_quality": "fast",
    "settle_steps": 0,
    "task": [1, 4],
    "max_episode_steps": 2,
    "action_chunk": 1,
}


def trajectory(envs):
    """Two resets and five steps of two environments, whose episodes have two steps."""
    returned = [envs.reset(seed=3)[0]]
    actions = np.random.default_rng(0).uniform(-1, 1, (5, *envs.action_space.shape)).astype(np.float32)
    for action in actions:
        observation, reward, terminated, truncated, _ = envs.step(action)
        returned.append((observation, reward, terminated, truncated))
        ended = terminated | truncated
        if envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED and ended.any():
            returned.append(envs.reset(options={"reset_mask": ended})[0])
    returned.append(envs.reset(seed=9)[0])
    envs.close()
    return returned


@pytest.mark.parametrize(
    ("mode", "context"),
    [(AutoresetMode.NEXT_STEP, "spawn"), (AutoresetMode.SAME_STEP, None), (AutoresetMode.DISABLED, None)],
)
def test_every_vectorization_gives_the_same_observations(mode, context):
    own = trajectory(gymnasium.make_vec(SPATIAL, num_envs=2, autoreset_mode=mode, **OPTIONS))
    first = own[0]["instruction"]
    assert len(first) == 2
    assert first[0].startswith("pick up the black bowl")
    sentences = {step["instruction"] if isinstance(step, dict) else step[0]["instruction"] for step in own}
    assert len(sentences) > 1  # the tasks are sampled anew, so that a sentence that stays would be seen

    def synchronous():
        return gymnasium.make_vec(
            SPATIAL, 2, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **OPTIONS
        )

    def asynchronous(shared):
        settings = {"autoreset_mode": mode, "shared_memory": shared, "context": context}
        return gymnasium.make_vec(SPATIAL, 2, vectorization_mode="async", vector_kwargs=settings, **OPTIONS)

    for name, envs in (("sync", synchronous()), ("shared", asynchronous(True)), ("pipes", asynchronous(False))):
        for theirs, ours in zip(trajectory(envs), own, strict=True):
            assert data_equivalence(theirs, ours), (name, theirs, ours)


def test_without_copies_the_sentences_are_those_of_the_moment():
    envs = AsyncVectorEnv([lambda: gymnasium.make(SPATIAL, **OPTIONS)] * 2, copy=False)
    sentences = envs.reset(options={"task": 1})[0]["instruction"]
    assert "ramekin" in sentences[0]
    envs.reset(options={"task": 4})
    assert "drawer" in sentences[0]
    assert copy.deepcopy(sentences) == pickle.loads(pickle.dumps(sentences)) == tuple(sentences)
    envs.close()


def test_it_is_gymnasiums_text_for_everybody_else():
    space = InstructionSpace(8, min_length=1, charset=INSTRUCTION_CHARACTERS)
    plain = spaces.Text(8, min_length=1, charset=INSTRUCTION_CHARACTERS)
    assert isinstance(space, spaces.Text)
    assert space == plain
    assert plain == space
    assert pickle.loads(pickle.dumps(space)) == space
    assert "open it" in space
    assert "" not in space
