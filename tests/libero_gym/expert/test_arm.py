"""What the arm does, and what it means without what is added to make demonstrations differ."""

import numpy as np
import pytest

from libero_gym.engine.world import World
from libero_gym.env import LiberoEnv
from libero_gym.expert.arm import Arm, Variation


@pytest.fixture(scope="module")
def env():
    env = LiberoEnv("libero_spatial", task=2, cameras=(), assets="builtin")
    yield env
    env.close()


def way(env, variation, seed=0, steps=40, **options):
    """Actions executed and meant (T, 7), and how far the hand is in the end from where it was sent, metres."""
    env.reset(seed=0, options={"init_state": 0})
    world: World = env.world
    arm = Arm(world, np.random.default_rng(seed), variation)
    target = arm.position + np.array([0.1, 0.2, -0.1])
    executed, meant = [], []
    for action in arm.go(target, arm.home, steps=steps, **options):
        executed.append(action)
        meant.append(arm.meant)
        env.step(action.astype(np.float32))
    return np.array(executed), np.array(meant), float(np.linalg.norm(arm.position - target))


def test_without_variation_what_is_done_is_meant(env):
    executed, meant, off = way(env, Variation())
    assert off < 0.006
    np.testing.assert_array_equal(executed, meant)


def test_noise_and_shoves_are_not_meant_and_are_made_good(env):
    executed, meant, off = way(env, Variation(noise=0.02), steps=80)
    added = (executed - meant)[:, :3]
    assert (np.abs(added).max(axis=1) > 0.1).any()  # a shove
    assert 0 < np.median(np.abs(added)) < 0.04
    assert off < 0.02
    again, _, _ = way(env, Variation(noise=0.02), steps=80)
    np.testing.assert_array_equal(executed, again)
    exact, as_meant, _ = way(env, Variation(noise=0.02), exact=True)
    np.testing.assert_array_equal(exact[:, :3], as_meant[:, :3])
