"""Executed and intended actions: with and without action noise and disturbances."""

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


def move(env, variation, seed=0, max_steps=40, **options):
    """Return executed and intended actions (T, 7), and the final distance from the target, metres."""
    env.reset(seed=0, options={"init_state": 0})
    world: World = env.world
    arm = Arm(world, np.random.default_rng(seed), variation)
    target = arm.position + np.array([0.1, 0.2, -0.1])
    executed, intended = [], []
    for action in arm.move_to(target, arm.home, max_steps=max_steps, **options):
        executed.append(action)
        intended.append(arm.intended)
        env.step(action.astype(np.float32))
    return np.array(executed), np.array(intended), float(np.linalg.norm(arm.position - target))


def test_without_variation_executed_and_intended_actions_are_equal(env):
    executed, intended, distance = move(env, Variation())
    assert distance < 0.006
    np.testing.assert_array_equal(executed, intended)


def test_noise_and_disturbances_are_not_intended_and_are_recovered_from(env):
    executed, intended, distance = move(env, Variation(noise=0.02), max_steps=80)
    added = (executed - intended)[:, :3]
    assert (np.abs(added).max(axis=1) > 0.1).any()  # a disturbance
    assert 0 < np.median(np.abs(added)) < 0.04
    assert distance < 0.02
    again, _, _ = move(env, Variation(noise=0.02), max_steps=80)
    np.testing.assert_array_equal(executed, again)
    precise, intended, _ = move(env, Variation(noise=0.02), precise=True)
    np.testing.assert_array_equal(precise[:, :3], intended[:, :3])
