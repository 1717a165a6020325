"""The moment of a control step that observations show; `test_parity.py` has LIBERO's."""

from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

from libero_gym.assets import resolve_assets
from libero_gym.engine.compiled import ControlStep
from libero_gym.engine.mujoco_calls import copy_data
from libero_gym.engine.observed import observed_step, pose_block
from libero_gym.engine.world import axis_angle
from libero_gym.scene.libero_import import import_libero

ACTIONS = np.random.default_rng(4).uniform(-1, 1, (3, 7))


@pytest.fixture(scope="module", params=["reference", "fast", "soft"])
def env(request):
    made = gymnasium.make(
        "libero_gym:libero/Spatial-v0",
        task=1,
        assets="builtin",
        cameras=["wrist"],
        image_size=32,
        settle_steps=1,
        physics_quality=request.param,
    ).unwrapped
    yield made
    made.close()


def test_the_step_that_ends_nearest_to_liberos_sample():
    # LIBERO: 24 of 25 steps of 2 ms, 48 ms. Steps of 5 ms end at 45 and 50 ms, of 10 ms at 40 and 50, of 1 ms at 48.
    assert [observed_step(steps, 25) for steps in (25, 10, 5, 50)] == [24, 10, 5, 48]


def test_robosuites_timer_samples_where_we_do():
    import_libero(resolve_assets("builtin").folder)
    from robosuite.utils.observables import Observable, sensor

    clock, samples = [0], []

    @sensor(modality="test")
    def note(_):
        samples.append(clock[0])
        return 0.0

    observable = Observable("note", note, sampling_rate=20)
    observable.reset()
    for _ in ("reset", "set_init_state"):
        observable.update(0.002, {}, force=True)
    samples.clear()
    for _ in range(600 * 25):  # longer than any published episode
        clock[0] += 1
        observable.update(0.002, {})
    assert samples == [25 * step + observed_step(25, 25) for step in range(600)]


def test_poses_are_one_block_of_mjdata(env):
    data = mujoco.MjData(env.model)
    block = pose_block(data)
    block[:] = np.arange(len(block))
    assert data.xpos[0, 0] == 0
    assert data.light_xdir[-1, -1] == len(block) - 1
    for name in ("qpos", "qvel", "subtree_com", "cinert", "ctrl"):
        assert not np.shares_memory(getattr(data, name), block), name


def test_positions_and_poses_of_the_observed_moment(env):
    world = env.world
    env.reset(seed=0)
    steps = world.shared.physics_steps
    sampled_after = observed_step(steps, 25)
    for action in ACTIONS:
        # The same control step in a copy, ended early: its positions after `sampled_after` physics steps, and poses
        # recomputed from those one step before.
        copy = mujoco.MjData(world.model)
        fingers, position, quaternion = [], None, None
        for count in (sampled_after - 1, sampled_after):
            snapshot = world.snapshot()
            world._action[:] = action
            ControlStep(**{**world._step_arguments, "substeps": count})()
            copy_data(copy._address, world.model._address, world.data._address)
            world.restore(snapshot)
            fingers = copy.qpos[world._gripper_qpos].copy()
            if count == sampled_after - 1:
                mujoco.mj_kinematics(world.model, copy)
                robot = world.scene.table.robot
                position, quaternion = copy.site_xpos[robot.eef_site].copy(), copy.xquat[robot.eef_body].copy()
        observation = env.step(action.astype(np.float32))[0]
        expected = np.concatenate([position, axis_angle(quaternion), fingers]).astype(np.float32)
        np.testing.assert_allclose(observation["state"], expected, rtol=0, atol=1e-7)
        # 2 or 5 ms at some 0.2 m/s.
        assert np.abs(world.eef_position() - position).max() > 1e-5 or sampled_after == steps


def test_observing_leaves_the_world_as_it_is(env):
    world = env.world
    env.reset(seed=0)
    env.step(ACTIONS[0].astype(np.float32))
    before = [env.get_sim_state(), pose_block(world.data).copy()]
    world.proprioception()
    older = env.metadata["physics_quality"] == "reference"
    with world.observed() as data:
        assert data is world.data
        assert (data.qpos != before[0][1 : 1 + env.model.nq]).any() == older
    with pytest.raises(KeyError), world.observed():
        raise KeyError
    np.testing.assert_array_equal(env.get_sim_state(), before[0])
    np.testing.assert_array_equal(pose_block(world.data), before[1])


def test_what_is_observed_belongs_to_a_snapshot(env):
    world = env.world
    env.reset(seed=0)
    env.step(ACTIONS[0].astype(np.float32))
    seen, snapshot = world.proprioception(), world.snapshot()
    after = env.step(ACTIONS[1].astype(np.float32))[0]["state"]
    assert (after != seen).any()
    world.restore(snapshot)
    np.testing.assert_array_equal(world.proprioception(), seen)
    np.testing.assert_array_equal(env.step(ACTIONS[1].astype(np.float32))[0]["state"], after)


def test_a_state_that_is_set_is_observed(env):
    env.reset(seed=0)
    first = env.world.proprioception()
    settled = env.get_sim_state()
    for action in ACTIONS:
        env.step(action.astype(np.float32))
    env.set_sim_state(settled)
    gripper = env.world._gripper_qpos
    np.testing.assert_array_equal(env.world.proprioception()[6:], env.data.qpos[gripper].astype(np.float32))
    np.testing.assert_allclose(env.world.proprioception(), first, atol=1e-3)
