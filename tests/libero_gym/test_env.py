"""`LiberoEnv` on the built-in assets."""

from __future__ import annotations

import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from libero_gym.assets.builtin import VERSION
from libero_gym.errors import (
    ActionError,
    AssetError,
    InitStateError,
    LiberoGymError,
    OptionError,
    SavedStateError,
    SplitError,
    TaskError,
)

SPATIAL = "libero_gym:libero/Spatial-v0"
BESIDE = "pick_up_the_black_bowl_next_to_the_ramekin_and_place_it_on_the_plate"


def make(**kwargs):
    return gymnasium.make(SPATIAL, **{"task": 1, "assets": "builtin", "image_size": 32, "settle_steps": 2, **kwargs})


@pytest.fixture(scope="module")
def env():
    made = make(render_mode="rgb_array")
    yield made
    made.close()


def test_gymnasium_checker_accepts_it(env):
    check_env(env.unwrapped)


def test_gymnasium_checker_accepts_chunks():
    env = make(action_chunk=3, cameras=["agentview"], reward="staged")
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_observation_is_that_of_the_contract(env):
    observation, info = env.reset(seed=0)
    assert set(observation) == {"image", "wrist_image", "state", "instruction"}
    assert observation["image"].shape == observation["wrist_image"].shape == (32, 32, 3)
    assert observation["image"].dtype == np.uint8
    assert observation["image"].std() > 10  # an image, not a blank
    assert observation["state"].shape == (8,)
    assert observation["state"].dtype == np.float32
    assert observation["instruction"] == "pick up the black bowl next to the ramekin and place it on the plate"
    assert info["task_id"] == 1
    assert info["elapsed_steps"] == 0
    assert info["assets"] == f"builtin-{VERSION}"
    assert not info["success"]
    assert not info["is_success"]


def test_a_seed_starts_the_same_episode_in_the_union():
    # Alone in its environment, the sampled state and the fixtures' poses do not depend on the number of the task.
    episodes = []
    for env_id, task in (("libero/130-v0", 21), ("libero/Goal-v0", 1)):
        env = gymnasium.make(env_id, task=task, assets="builtin", cameras=(), settle_steps=2)
        _, info = env.reset(seed=11)
        assert info.pop("task_id") == task
        model = env.unwrapped.model
        episodes.append((info, env.unwrapped.get_sim_state(), model.body_pos.copy(), model.body_quat.copy()))
        env.close()
    assert episodes[0][0] == episodes[1][0]
    for union, own in zip(episodes[0][1:], episodes[1][1:], strict=True):
        np.testing.assert_array_equal(union, own)


def test_default_orientation_is_upright_turned_by_180_degrees():
    images = {}
    for orientation in ("rot180", "upright"):
        env = make(image_orientation=orientation)
        images[orientation] = env.reset(seed=0)[0]["image"]
        env.close()
    # rot180 = raw[::-1, ::-1] and upright = raw[::-1], so one is the other's mirror image, left to right.
    np.testing.assert_array_equal(images["rot180"], images["upright"][:, ::-1])


def test_render_is_upright_and_large(env):
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (256, 256, 3)
    assert frame.std() > 10


def test_only_the_cameras_in_use_are_observed():
    env = make(cameras=("wrist",))
    assert "image" not in env.reset(seed=0)[0]
    assert set(env.observation_space.spaces) == {"wrist_image", "state", "instruction"}
    env.close()


def test_the_instruction_may_be_left_out_of_observations_and_is_in_info():
    sentence = "pick up the black bowl from table center and place it on the plate"
    env = make(task=2, cameras=(), instruction=False)
    observation, info = env.reset(seed=0)
    assert list(observation) == list(env.observation_space.spaces) == ["state"]
    assert info["instruction"] == sentence
    assert env.step(np.zeros(7, dtype=np.float32))[4]["instruction"] == sentence
    env.close()
    for kind in ("thread", "process"):
        envs = gymnasium.make_vec(
            "libero_gym:libero/Spatial-v0",
            num_envs=2,
            vectorization_mode="vector_entry_point",
            worker_kind=kind,
            assets="builtin",
            task=2,
            cameras=(),
            instruction=False,
        )
        observation, infos = envs.reset(seed=0)
        assert list(observation) == ["state"]
        assert list(infos["instruction"]) == [sentence] * 2
        envs.close()


def test_an_action_moves_the_hand_as_far_as_it_says(env):
    before = env.reset(seed=0)[0]["state"][:3]
    for _ in range(10):
        observation, reward, terminated, truncated, info = env.step(np.array([0, 0, 1, 0, 0, 0, -1], dtype=np.float32))
    # Ten goals of 5 cm upward; the spring-damper follows with a lag, so the hand moves up by much of 50 cm.
    moved = observation["state"][:3] - before
    assert moved[2] > 0.1
    assert abs(moved[1]) < 0.03
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert info["elapsed_steps"] == 10


def test_gripper_opens_at_minus_one_and_closes_at_plus_one(env):
    env.reset(seed=0)
    for _ in range(10):
        opened = env.step(np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32))[0]["state"][6:]
    for _ in range(20):
        closed = env.step(np.array([0, 0, 0, 0, 0, 0, 1], dtype=np.float32))[0]["state"][6:]
    assert opened[0] - opened[1] > 0.07  # the fingers' stroke is 8 cm
    assert closed[0] - closed[1] < 0.01


def test_same_task_state_and_seed_give_the_same_scene_in_another_process(env):
    options = {"task": 1, "init_state": 7}
    observation, info = env.reset(seed=11, options=options)
    code = (
        "import gymnasium, json, hashlib\n"
        "env = gymnasium.make('libero_gym:libero/Spatial-v0', assets='builtin', image_size=32, settle_steps=2)\n"
        f"observation, info = env.reset(seed=11, options={options!r})\n"
        "u = env.unwrapped\n"
        "print(json.dumps([u.get_sim_state().tolist(), u.model.body_pos.tolist(),\n"
        "                  hashlib.sha256(observation['image'].tobytes()).hexdigest()]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    state, positions, digest = json.loads(result.stdout.splitlines()[-1])
    np.testing.assert_array_equal(env.unwrapped.get_sim_state(), state)
    np.testing.assert_array_equal(env.unwrapped.model.body_pos, positions)
    import hashlib

    assert hashlib.sha256(observation["image"].tobytes()).hexdigest() == digest
    assert (info["init_state_id"], info["seed"]) == (7, 11)


def test_another_seed_places_the_fixtures_elsewhere(env):
    positions = []
    for seed in (1, 2):
        env.reset(seed=seed, options={"init_state": 0})
        positions.append(env.unwrapped.model.body("wooden_cabinet_1_main").pos.copy())
    assert 0 < np.abs(positions[0] - positions[1]).max() < 0.03  # LIBERO's regions are 2 cm wide


def test_sim_state_is_taken_as_it_is(env):
    env.reset(seed=0)
    state = env.unwrapped.get_sim_state()
    state[0] = 1.5
    env.reset(seed=0, options={"sim_state": state})
    np.testing.assert_array_equal(env.unwrapped.get_sim_state(), state)


def test_staged_reward_grows_on_the_way_to_the_bowl():
    env = make(reward="staged", cameras=["agentview"], settle_steps=10)
    env.reset(seed=0, options={"init_state": 0})
    unwrapped = env.unwrapped
    rewards = []
    for _ in range(40):
        bowl = unwrapped.data.body("akita_black_bowl_1_main").xpos
        hand = unwrapped._episode.world.eef_position()
        action = np.zeros(7, dtype=np.float32)
        action[:3] = np.clip((bowl - hand) / 0.05, -1, 1)
        rewards.append(env.step(action)[1])
    assert all(0.0 <= reward < 1.0 for reward in rewards)
    assert rewards[-1] > rewards[0] + 0.15  # from about 30 cm away to touching it
    env.close()


def test_the_goal_is_rewarded_once_and_terminates():
    env = make(reward_scale=5.0, cameras=["agentview"])
    env.reset(seed=0, options={"init_state": 0})
    unwrapped = env.unwrapped
    # Put the bowl on the plate and let it come to rest.
    plate = unwrapped.data.body("plate_1_main").xpos.copy()
    bowl = unwrapped.model.joint("akita_black_bowl_1_joint0").qposadr[0]
    unwrapped.data.qpos[bowl : bowl + 3] = plate + np.array([0.0, 0.0, 0.03])
    unwrapped.set_sim_state(unwrapped.get_sim_state())
    total, steps, terminated = 0.0, 0, False
    while not terminated and steps < 40:
        _, reward, terminated, truncated, info = env.step(np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32))
        total, steps = total + reward, steps + 1
    assert terminated
    assert not truncated
    assert info["success"]
    assert total == 5.0
    with pytest.raises(LiberoGymError, match="after the episode's end"):
        unwrapped.step(np.zeros(7))
    env.close()


def test_time_limit_truncates_and_counts_control_steps():
    env = make(action_chunk=4, max_episode_steps=6, cameras=["agentview"])
    env.reset(seed=0)
    _, _, terminated, truncated, info = env.step(np.zeros((4, 7), dtype=np.float32))
    assert (terminated, truncated, info["chunk_length"], info["elapsed_steps"]) == (False, False, 4, 4)
    _, _, terminated, truncated, info = env.step(np.zeros((4, 7), dtype=np.float32))
    # 6 - 4 = 2 steps are left, so the chunk is broken off.
    assert (terminated, truncated, info["chunk_length"], info["elapsed_steps"]) == (False, True, 2, 6)
    assert info["chunk_rewards"].shape == (4,)
    env.close()


def test_a_task_may_have_a_time_limit_of_its_own():
    name = "pick_up_the_black_bowl_from_table_center_and_place_it_on_the_plate"  # task 2
    env = make(task=None, cameras=[], max_episode_steps=5, max_steps_by_task={1: 2, name: 3})
    for task, limit in ((0, 5), (1, 2), (2, 3)):
        env.reset(seed=0, options={"task": task})
        ended = [env.step(np.zeros(7, dtype=np.float32))[3] for _ in range(limit)]
        assert ended == [False] * (limit - 1) + [True]
    env.close()


def test_time_limit_may_exceed_the_suites():
    for kwargs in ({"max_episode_steps": 230}, {"max_episode_steps": -1}):
        env = make(action_chunk=8, cameras=[], **kwargs)
        env.reset(seed=0)
        still = np.tile(np.array([0, 0, 0, 0, 0, 0, -1], dtype=np.float32), (8, 1))
        for _ in range(28):  # 224 control steps; libero_spatial's own limit is 220
            truncated = env.step(still)[3]
        assert not truncated
        env.close()


def test_a_chunk_equals_its_steps():
    chunked, single = make(action_chunk=5), make()
    actions = np.random.default_rng(3).uniform(-1, 1, (5, 7)).astype(np.float32)
    chunked.reset(seed=4, options={"init_state": 2})
    single.reset(seed=4, options={"init_state": 2})
    last = chunked.step(actions)[0]
    for action in actions:
        step = single.step(action)[0]
    np.testing.assert_array_equal(last["image"], step["image"])
    np.testing.assert_array_equal(chunked.unwrapped.get_sim_state(), single.unwrapped.get_sim_state())
    chunked.close()
    single.close()


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"task": 12}, TaskError, r"unknown task 12 .*allowed: 0\.\.9"),
        ({"split": "training"}, SplitError, "allowed: eval, train, all"),
        ({"cameras": ["front"]}, OptionError, "unknown camera 'front'.*allowed: agentview, wrist"),
        ({"reward": "dense"}, OptionError, "allowed: sparse, staged"),
        ({"render_quality": "high"}, OptionError, "allowed: reference, fast"),
        ({"physics_quality": "quick"}, OptionError, "allowed: reference, fast, soft"),
        ({"physics_quality": "fast", "engine": "robosuite"}, OptionError, "'robosuite' allows only 'reference'"),
        ({"physics_quality": "soft", "engine": "robosuite"}, OptionError, "'robosuite' allows only 'reference'"),
        ({"image_orientation": "up"}, OptionError, "allowed: rot180, upright"),
        ({"engine": "mjx"}, OptionError, "allowed: native, robosuite"),
        ({"depth": 1}, OptionError, "depth 1 in libero/Spatial-v0; allowed: True or False"),
        ({"segmentation": "wrist"}, OptionError, "segmentation 'wrist' .*allowed: True or False"),
        ({"camera_parameters": None}, OptionError, "camera_parameters None .*allowed: True or False"),
        ({"image_size": 4}, OptionError, "image_size 4 .*from 16"),
        ({"action_chunk": 0}, OptionError, "action_chunk 0 .*from 1"),
        ({"max_steps_by_task": 9}, OptionError, "max_steps_by_task 9 .*allowed: a mapping"),
        ({"max_steps_by_task": {12: 9}}, TaskError, r"unknown task 12 .*allowed: 0\.\.9"),
        ({"max_steps_by_task": {2: 9}}, OptionError, "names task 2; chosen in .*: 1$"),
        ({"max_steps_by_task": {1: 0}}, OptionError, r"max_steps_by_task\[1\] 0 .*from 1"),
        ({"max_steps_by_task": {1: 9, BESIDE: 9}}, OptionError, "names task 1 of .* twice"),
        ({"assets": "buildin"}, AssetError, "did you mean 'builtin'.*allowed: auto, official, builtin"),
        ({"assets": "/no/such/folder"}, AssetError, "is not a folder"),
        ({"assets": "."}, AssetError, "not laid out as LIBERO's assets: it lacks articulated_objects"),
    ],
)
def test_bad_options_are_named(kwargs, error, message):
    with pytest.raises(error, match=message) as raised:
        make(**kwargs)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"init_state": 50}, InitStateError, r"allowed: 0\.\.49"),
        ({"task": 2}, TaskError, "not among this environment's tasks; allowed: 1"),
        ({"sim_state": np.zeros(3)}, InitStateError, r"has shape \(3,\).*takes \("),
        ({"states": 1}, OptionError, "unknown reset option 'states'.*allowed: task, init_state, sim_state, state"),
        ({"state": 1}, SavedStateError, "saved state 1; allowed: the bytes"),
    ],
)
def test_bad_reset_options_are_named(env, options, error, message):
    with pytest.raises(error, match=message):
        env.unwrapped.reset(options=options)


def test_bad_actions_are_named(env):
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"has shape \(6,\); expected \(7,\)"):
        env.unwrapped.step(np.zeros(6))
    with pytest.raises(ActionError, match=r"has nan at \(2,\)"):
        env.unwrapped.step(np.array([0, 0, np.nan, 0, 0, 0, 0]))


def test_a_settled_scene_repeats_to_the_last_bit(env):
    actions = np.random.default_rng(8).uniform(-1, 1, (4, 7)).astype(np.float32)
    runs = []
    for _ in range(2):  # settled the first time, remembered the second
        observation, _ = env.reset(seed=123, options={"init_state": 5})
        run = [observation["image"], observation["state"], env.unwrapped.data.xpos.copy()]
        for action in actions:
            observation = env.step(action)[0]
            run += [observation["image"], observation["state"], env.unwrapped.get_sim_state()]
        runs.append(run)
        env.reset(seed=124)  # another scene in between, which moves the fixtures
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_settled_scene_is_not_changed_by_its_users(env):
    observation, _ = env.reset(seed=5, options={"init_state": 1})
    observation["image"][:] = 0
    assert env.reset(seed=5, options={"init_state": 1})[0]["image"].std() > 10
