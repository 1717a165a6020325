"""States as bytes: what goes on from them is equal to the last bit, and all else is refused by name."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from libero_gym.errors import InitStateError, LiberoGymError, OptionError, ResetNeededError, SavedStateError
from libero_gym.options import check_options
from libero_gym.saved_state import decode

OPTIONS = {"assets": "builtin", "image_size": 32}
#: Another process: it makes the environment, goes on from the state in a file and prints what it saw.
GOES_ON = """
import json, sys
import gymnasium, numpy as np
arguments, path, actions = json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(0, sys.argv[4])
from test_saved_state import digests
env = gymnasium.make("libero_gym:libero/Spatial-v0", **arguments)
env.reset(options={"state": open(path, "rb").read()})
print(json.dumps(digests(env, np.array(actions, dtype=np.float32))))
"""


def make(suite="Spatial", **kwargs):
    return gymnasium.make(f"libero_gym:libero/{suite}-v0", **{**OPTIONS, **kwargs})


def random_actions(steps, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (steps, 7)).astype(np.float32)


def digests(env, actions):
    """Of each step: a checksum of the images, the state, MuJoCo's positions and velocities, the reward and flags."""
    rows = []
    for action in actions:
        observation, reward, terminated, truncated, info = env.step(action)
        seen = b"".join(observation[key].tobytes() for key in ("image", "wrist_image", "state"))
        flags = [reward, terminated, truncated, info["elapsed_steps"]]
        rows.append([hashlib.sha256(seen + env.unwrapped.get_sim_state().tobytes()).hexdigest(), *map(float, flags)])
    return rows


def derived(env):
    """What MuJoCo has computed from positions and velocities, with which success and contacts are judged."""
    data = env.unwrapped.data
    arrays = (data.xpos, data.geom_xpos, data.site_xpos, data.cvel, data.qM, data.contact.dist, data.contact.geom)
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


@pytest.fixture(scope="module")
def env():
    env = make(task=[3, 5], max_episode_steps=60, reward="staged")
    yield env
    env.close()


@pytest.fixture(scope="module")
def saved(env):
    """A state in the middle of an episode, with objects in motion."""
    env.reset(seed=4, options={"task": 3, "init_state": 7})
    for action in random_actions(12, seed=0):
        env.step(action)
    return env.unwrapped.save_state()


def test_everything_goes_on_as_it_would_have(env, saved):
    observation, info = env.reset(options={"state": saved})
    before = derived(env)
    assert (info["task_id"], info["init_state_id"], info["seed"], info["elapsed_steps"]) == (3, 7, 4, 12)
    expected = digests(env, random_actions(10))
    following = env.reset()[1]  # sampled from the generator, which is part of the state
    env.step(random_actions(1)[0])

    again, _ = env.reset(options={"state": saved})
    for key in ("image", "wrist_image", "state"):
        np.testing.assert_array_equal(again[key], observation[key])
    assert derived(env) == before
    assert env.unwrapped.save_state() == saved
    assert digests(env, random_actions(10)) == expected
    next_episode = env.reset()[1]
    assert {key: next_episode[key] for key in ("task_id", "init_state_id", "seed")} == {
        key: following[key] for key in ("task_id", "init_state_id", "seed")
    }


def test_a_state_that_is_asked_for_again_and_again(env, saved):
    """From the second time in a row on a copy of the world's memory is kept, and from the third on it is copied back:
    nothing may show which it was."""
    env.reset(options={"state": saved})
    for action in random_actions(5, seed=3):
        env.step(action)
    later = env.unwrapped.save_state()
    expected = {}
    for state in (saved, saved, saved, later, later, saved, later, saved, bytearray(saved)):
        observation, info = env.reset(options={"state": state})
        found = [observation["image"].tobytes(), observation["state"].tobytes(), derived(env), info["elapsed_steps"]]
        found += [env.unwrapped.save_state(), digests(env, random_actions(8)), env.reset()[1]["seed"]]
        assert expected.setdefault(bytes(state), found) == found
    assert len(expected) == 2
    assert expected[saved] != expected[later]
    # another task has taken the place since
    env.reset(seed=0, options={"task": 5})
    env.reset(options={"state": saved})
    assert derived(env) == expected[saved][2]


@pytest.mark.parametrize("physics", ["reference", "soft"])
def test_the_moment_of_saving_is_not_felt(physics):
    """The episode that saves and goes on, one that comes back in the same environment, and one in another process."""
    env = make(physics_quality=physics)
    env.reset(seed=4, options={"task": 8, "init_state": 1})
    for action in random_actions(9, seed=2):
        observation, *_ = env.step(action)
    at = derived(env)
    state = env.unwrapped.save_state()
    expected = digests(env, random_actions(6))
    restored, _ = env.reset(options={"state": state})
    assert derived(env) == at
    np.testing.assert_array_equal(restored["image"], observation["image"])
    assert digests(env, random_actions(6)) == expected
    env.close()


def test_another_process_goes_on_the_same(tmp_path):
    arguments = {**OPTIONS, "physics_quality": "fast"}
    env = gymnasium.make("libero_gym:libero/Spatial-v0", **arguments)
    env.reset(seed=4, options={"task": 1})
    for action in random_actions(5):
        env.step(action)
    path = tmp_path / "state"
    path.write_bytes(env.unwrapped.save_state())
    actions = random_actions(5, seed=8)
    command = [sys.executable, "-c", GOES_ON, json.dumps(arguments), str(path), json.dumps(actions.tolist())]
    here = str(__file__).rpartition("/")[0]
    result = subprocess.run([*command, here], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == digests(env, actions)
    env.close()


def test_an_environment_with_other_cameras_tasks_and_limits_goes_on(env, saved):
    other = make("130", cameras="agentview", image_size=16, max_episode_steps=13)
    observation, info = other.reset(options={"state": saved})
    assert set(observation) == {"image", "state", "instruction"}
    assert info["task_name"].startswith("pick_up_the_black_bowl_on_the_cookie_box")
    env.reset(options={"state": saved})
    action = random_actions(1)[0]
    _, _, _, truncated, _ = other.step(action)
    assert truncated  # the 13th step
    env.step(action)
    np.testing.assert_array_equal(other.unwrapped.get_sim_state(), env.unwrapped.get_sim_state())
    other.close()


def test_a_task_of_ones_own_is_known_by_its_hash(tmp_path):
    from own_task_files import PLATE  # another process imports this module without its folder's neighbours

    files = [tmp_path / "first.bddl", tmp_path / "second.bddl"]
    for path, text in zip(files, (PLATE, PLATE.replace("0.10 0.10 0.25", "0.11 0.10 0.25")), strict=True):
        path.write_text(text)
    envs = [make("Task", task_file=str(path), cameras=()) for path in files]
    envs[0].reset(seed=0)
    state = envs[0].unwrapped.save_state()
    envs[0].reset(options={"state": state})
    assert envs[0].unwrapped.save_state() == state
    with pytest.raises(SavedStateError, match="task_sha256"):
        envs[1].reset(options={"state": state})
    for env in envs:
        env.close()


def test_fixtures_stand_where_they_stood():
    env = make("Goal", cameras=())
    for seed in (0, 1):  # the cabinet and the stove are placed by the seed
        env.reset(seed=seed, options={"task": 0, "init_state": 0})
        places = env.unwrapped.model.body_pos.copy()
        state = env.unwrapped.save_state()
        env.reset(seed=seed + 2, options={"task": 0, "init_state": 0})
        assert not np.array_equal(env.unwrapped.model.body_pos, places)
        env.reset(options={"state": state})
        np.testing.assert_array_equal(env.unwrapped.model.body_pos, places)
    env.close()


def test_a_seed_makes_later_episodes_others(env, saved):
    first, second = (env.reset(seed=seed, options={"state": saved}) and env.reset()[1]["seed"] for seed in (None, 1))
    assert first != second
    # the number that `seed=1` gives: the third of the generator's, after the task's and the initial state's
    rng = np.random.default_rng(1)
    rng.random(2)
    assert second == rng.integers(2**31)


def test_an_episode_that_is_over_stays_so(env):
    env.reset(seed=0, options={"task": 5})
    for action in random_actions(60):
        _, _, _, truncated, _ = env.step(action)
    assert truncated
    state = env.unwrapped.save_state()
    env.reset(seed=1)
    env.reset(options={"state": state})
    with pytest.raises(ResetNeededError):
        env.step(random_actions(1)[0])


def test_before_a_reset_there_is_no_state():
    env = make()
    with pytest.raises(ResetNeededError, match="save_state"):
        env.unwrapped.save_state()
    env.close()


def test_a_state_is_small(saved):
    # 8 + 4 + 16 bytes around a header of less than 1000 and the numbers: 313 of MuJoCo's integration state and 8 to a
    # joint position at most; the bowl's scene has 46 of these.
    assert len(saved) < 8_000


def forged(saved, **changes):
    """The state with another header, and the checksum that belongs to it."""
    length = int.from_bytes(saved[8:12], "little")
    header = {**json.loads(saved[12 : 12 + length]), **changes}
    text = json.dumps(header).encode()
    content = saved[:8] + len(text).to_bytes(4, "little") + text + saved[12 + length : -16]
    return content + hashlib.blake2b(content, digest_size=16).digest()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 0}, "format 0"),
        ({"mujoco": "2.3.7"}, "mujoco '2.3.7'"),
        ({"libero_gym": "0.0.1"}, "libero_gym '0.0.1'"),
        ({"assets": "official", "assets_version": "4450d6ffa923"}, "assets 'official'"),
        ({"physics_quality": "soft"}, "physics_quality 'soft'"),
        ({"suite": "libero_goal"}, "libero_goal task 3"),
        ({"task": 4}, "libero_spatial task 4"),
        ({"seed": -1}, "seed -1"),
        ({"over": 1}, "over 1"),
        ({"generator": {"bit_generator": "MT19937"}}, "generator"),
        ({"progress": None}, "reward='staged'"),
        ({"progress": [0.1, 0.2]}, "progress"),  # the task moves one object
        ({"arrays": {"physics": 3}}, "arrays"),
    ],
)
def test_a_state_of_something_else_is_refused_by_name(env, saved, changes, message):
    env.reset(seed=0)
    env.step(random_actions(1)[0])
    before = env.unwrapped.save_state()
    with pytest.raises(SavedStateError, match=message):
        env.reset(options={"state": forged(saved, **changes)})
    assert env.unwrapped.save_state() == before  # the episode goes on
    env.reset(options={"state": forged(saved)})


def test_what_excludes_a_state(env, saved):
    with pytest.raises(InitStateError, match="init_state and state exclude"):
        env.reset(options={"state": saved, "init_state": 0})
    with pytest.raises(SavedStateError, match="reset option task is 5"):
        env.reset(options={"state": saved, "task": 5})
    with pytest.raises(SavedStateError, match="bytes that save_state"):
        env.reset(options={"state": "state.bin"})
    oracle = check_options("libero_spatial", assets="builtin", task=3, physics_quality="fast")
    with pytest.raises(SavedStateError, match="physics_quality"):
        decode(saved, oracle)


@pytest.mark.slow
def test_mutated_states_give_named_errors_only(env, saved):
    """100,000 inputs: bytes changed, cut and doubled, and headers mutated under a checksum that is right."""
    options = env.unwrapped._options
    rng = np.random.default_rng(0)
    length = int.from_bytes(saved[8:12], "little")
    refused = 0
    for number in range(100_000):
        content = bytearray(saved)
        if number % 2:  # what the checksum does not catch: the header, its length and the numbers
            place = int(rng.integers(8, 12 + length if number % 4 == 1 else len(saved) - 16))
            content[place] = int(rng.integers(256))
            content[-16:] = hashlib.blake2b(content[:-16], digest_size=16).digest()
        elif number % 8 == 0:
            content = content[: int(rng.integers(len(content)))]
        elif number % 8 == 2:
            content += content[: int(rng.integers(1, 100))]
        else:
            content[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
        try:
            decode(bytes(content), options)
        except SavedStateError:
            refused += 1
    # Every one without a right checksum, and most headers; a changed number or a space is no error.
    assert refused > 60_000


def vector(num_envs=4, **kwargs):
    arguments = {**OPTIONS, "task": [3, 5], "max_episode_steps": 40, **kwargs}
    return gymnasium.make_vec(
        "libero_gym:libero/Spatial-v0", num_envs=num_envs, vectorization_mode="vector_entry_point", **arguments
    )


def batch_digests(envs, actions):
    rows = []
    for action in actions:
        observation, rewards, terminated, truncated, _ = envs.step(np.repeat(action[None], envs.num_envs, axis=0))
        sim_states = envs.call("get_sim_state")
        rows.append(
            [
                (
                    *(observation[key][index].tobytes() for key in ("image", "wrist_image", "state")),
                    *(state.tobytes(), float(rewards[index]), bool(terminated[index]), bool(truncated[index])),
                )
                for index, state in enumerate(sim_states)
            ]
        )
    return rows


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_fork_goes_on_as_its_source(kind):
    envs = vector(workers=2, worker_kind=kind)
    envs.reset(seed=0, options={"init_state": [0, 1, 2, 3]})
    for action in random_actions(3):
        observation, *_ = envs.step(np.stack([action, -action, action / 2, action * 0]))
    states = envs.save_states()
    forked, infos = envs.fork(1, [0, 1, 3])
    for key in ("image", "wrist_image", "state"):
        for target in (0, 3):  # of another worker, and of the source's
            np.testing.assert_array_equal(forked[key][target], observation[key][1])
        np.testing.assert_array_equal(forked[key][2], observation[key][2])
    assert forked["instruction"][0] == forked["instruction"][1]
    assert infos["_init_state_id"].tolist() == [True, False, False, True]  # the source stays as it is
    assert infos["init_state_id"][[0, 3]].tolist() == [1, 1]
    for step in batch_digests(envs, random_actions(5, seed=3)):
        assert step[0] == step[1] == step[3]
        assert step[0] != step[2]

    # The same from bytes, in any place and beside other episodes.
    order = (3, 0, 1, 2)
    envs.reset(options={"state": [states[index] for index in order]})
    permuted = batch_digests(envs, random_actions(2, seed=5))
    envs.reset(options={"state": list(states)})
    expected = batch_digests(envs, random_actions(2, seed=5))
    assert permuted == [[step[index] for index in order] for step in expected]
    # One of them alone, with a mask.
    envs.reset(options={"state": states[2], "reset_mask": np.array([True, False, False, False])})
    assert envs.call("get_sim_state")[0].tobytes() != envs.call("get_sim_state")[1].tobytes()
    assert envs.save_states()[0] == states[2]
    envs.close()


def test_forks_have_later_episodes_of_their_own():
    envs = vector(3, cameras=(), max_episode_steps=2, autoreset_mode="SameStep", workers=1)
    envs.reset(seed=0)
    envs.fork(0, [1, 2])
    infos = [envs.step(np.zeros((3, 7), dtype=np.float32))[4] for _ in range(2)][-1]
    assert len(set(infos["seed"].tolist())) == 3
    envs.close()


def test_a_batch_knows_that_a_restored_episode_is_over():
    envs = vector(2, cameras=(), max_episode_steps=1, autoreset_mode="Disabled", workers=1)
    envs.reset(seed=0)
    envs.step(np.zeros((2, 7), dtype=np.float32))
    states = envs.save_states()
    envs.reset(seed=1)
    envs.reset(options={"state": [states[0], None]})
    _, _, _, truncated, infos = envs.step(np.zeros((2, 7), dtype=np.float32))
    assert truncated.tolist() == [True, True]
    assert infos["elapsed_steps"].tolist() == [1, 1]
    envs.close()


@pytest.mark.parametrize(
    ("source", "targets", "message"),
    [
        (0, [4], "environment 4"),
        (-1, [0], "environment -1"),
        (0, [1, 1], "twice"),
        (0, 1, "targets 1"),
        (0.0, [1], "0.0"),
    ],
)
def test_a_fork_to_nowhere_is_refused(source, targets, message):
    envs = vector(cameras=(), workers=1)
    with pytest.raises(ResetNeededError):
        envs.fork(0, [1])
    envs.reset(seed=0)
    with pytest.raises(OptionError, match=message):
        envs.fork(source, targets)
    envs.close()


def test_the_oracle_cannot_go_back():
    pytest.importorskip("robosuite")
    env = make(engine="robosuite", task=0, cameras=())
    env.reset(seed=0)
    with pytest.raises(LiberoGymError, match="robosuite"):
        env.unwrapped.save_state()
    env.close()
