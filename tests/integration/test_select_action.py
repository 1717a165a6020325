"""`select_action` and `act` choose the same over an episode of LIBERO, and images are turned to the policy's way up."""

import gymnasium
import numpy as np
import pytest
import torch

from vla_policy import OpenVLAOFTPolicy

STEPS, CHUNK = 10, 4


def make(**kwargs):
    return gymnasium.make(
        "libero_gym:libero/Spatial-v0", task=3, assets="builtin", image_size=64, max_episode_steps=STEPS, **kwargs
    )


@pytest.fixture(scope="module")
def policy():
    """For chunks of `CHUNK`; scattered, so that what is observed changes what is chosen."""
    env = make(action_chunk=CHUNK)
    policy = OpenVLAOFTPolicy.tiny(env.observation_space, env.action_space, seed=0)
    env.close()
    with torch.no_grad():
        random = torch.Generator().manual_seed(1)
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random) * 0.05)
    return policy


def single(observation):
    return {key: [value] if isinstance(value, str) else value[None] for key, value in observation.items()}


@pytest.mark.parametrize("deterministic", [True, False])
def test_an_episode_step_by_step_is_the_episode_by_chunks(policy, deterministic):
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    selected, observations = [], []
    env = make()
    observation, _ = env.reset(seed=1, options={"init_state": 7})
    policy.reset()
    over = False
    while not over:
        observations.append(observation)
        selected.append(policy.select_action(observation, deterministic=deterministic, generator=generators[0]))
        observation, _, terminated, truncated, _ = env.step(selected[-1])
        over = terminated or truncated
    env.close()
    assert len(selected) == STEPS
    # the same observations, as a batch of one, at each beginning of a chunk
    chunks = [
        policy.act(single(observations[start]), deterministic=deterministic, generator=generators[1]).actions[0]
        for start in range(0, STEPS, CHUNK)
    ]
    np.testing.assert_array_equal(selected, np.concatenate(chunks)[:STEPS])
    assert len({action.tobytes() for action in selected}) > STEPS // 2


def test_an_environment_that_shows_images_upright_gives_the_same_actions(policy):
    chosen = []
    for orientation in ("rot180", "upright"):
        env = make(image_orientation=orientation)
        observation, _ = env.reset(seed=1, options={"init_state": 7})
        policy.use_orientation(env.unwrapped.metadata)
        policy.reset()
        chosen.append(policy.select_action(observation))
        env.close()
    np.testing.assert_array_equal(*chosen)
    policy.use_orientation("rot180")
    policy.reset()
    assert not np.array_equal(policy.select_action(observation), chosen[0])  # upright, and taken for rot180
    policy.reset()
