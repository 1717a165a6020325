"""Recorded episodes repeat exactly, and broken files say so."""

import contextlib
import random

import numpy as np
import pytest

from libero_gym import Region, TaskSpec
from libero_gym.env import LiberoEnv
from libero_gym.errors import LiberoGymError, RecordingError, TaskSpecError
from libero_gym.recording import Recorder, Recording, open_env, repeat


@pytest.fixture(scope="module")
def recording():
    """Thirty random steps of libero_spatial task 1."""
    options = {"split": "train", "assets": "builtin", "cameras": (), "max_episode_steps": -1, "settle_steps": 3}
    env = LiberoEnv("spatial", task=1, **options)
    recorder = Recorder(env, split="train", settle_steps=3)
    _, info = env.reset(seed=5, options={"init_state": 9})
    recorder.begin(info)
    actions = np.random.default_rng(0).uniform(-1, 1, (30, 7))
    for action in actions:
        *_, info = env.step(action)
        recorder.add(action, info)
    made = recorder.finish()
    env.close()
    return made


@pytest.fixture
def path(recording, tmp_path):
    recording.save(tmp_path / "episode.npz")
    return tmp_path / "episode.npz"


def test_a_file_holds_all_of_it(recording, path):
    read = Recording.load(path)
    for name, value in vars(recording).items():
        np.testing.assert_array_equal(getattr(read, name), value)
    assert (read.suite, read.split) == ("libero_spatial", "train")
    assert (read.init_state, read.seed, read.settle_steps) == (9, 5, 3)
    assert read.actions.shape == (30, 7)
    assert [entry.name for entry in path.parent.iterdir()] == ["episode.npz"]


def test_repeating_it_ends_in_the_same_state_to_the_last_bit(path):
    read = Recording.load(path)
    env = open_env(read, "builtin", cameras=())
    seen = []
    ended = repeat(read, env, lambda observation: seen.append(observation) is None)
    env.close()
    assert (ended.steps, ended.success, ended.difference) == (30, False, 0.0)
    assert len(seen) == 31  # the initial state, and one after each action
    np.testing.assert_array_equal(env.get_sim_state(), read.final_state)


def test_a_shifted_episode_is_repeated_with_its_variants(tmp_path):
    options = {"split": "train", "assets": "builtin", "cameras": (), "max_episode_steps": -1, "settle_steps": 3}
    env = LiberoEnv("spatial", task=1, shift="layout:1-5+robot:1-5", **options)
    recorder = Recorder(env, split="train", settle_steps=3)
    _, info = env.reset(seed=5, options={"init_state": 9})
    recorder.begin(info)
    for action in np.random.default_rng(0).uniform(-1, 1, (10, 7)):
        *_, info = env.step(action)
        recorder.add(action, info)
    recorder.finish().save(tmp_path / "episode.npz")
    read = Recording.load(tmp_path / "episode.npz")
    assert read.shift == info["shift"] != ""
    assert repeat(read, open_env(read, "builtin", cameras=()), lambda _: True).difference == 0.0


def test_an_episode_of_a_task_of_ones_own_is_repeated_from_its_file_alone(tmp_path):
    objects = tmp_path / "objects"
    objects.mkdir()
    block = objects / "block.xml"
    body = '<mujoco><worldbody><body name="block"><geom type="box" size="{}"/></body></worldbody></mujoco>'
    block.write_text(body.format("0.03 0.02 0.02"))
    spec = TaskSpec(
        problem="LIBERO_Tabletop_Manipulation",
        language="put the block on the plate",
        objects={"block_1": "block", "plate_1": "plate"},
        regions={
            "main_table_left": Region("main_table", ((-0.15, -0.20, -0.05, -0.05),)),
            "main_table_right": Region("main_table", ((-0.10, 0.10, 0.10, 0.25),)),
        },
        init=[("on", "block_1", "main_table_left"), ("on", "plate_1", "main_table_right")],
        goal=[("on", "block_1", "plate_1")],
    )
    env = LiberoEnv("libero_task", task_spec=spec, object_folder=objects, assets="builtin", cameras=())
    recorder = Recorder(env, split="eval", settle_steps=10)
    recorder.begin(env.reset(seed=5, options={"init_state": 9})[1])
    for action in np.random.default_rng(0).uniform(-1, 1, (5, 7)):
        recorder.add(action, env.step(action)[4])
    path = tmp_path / "episode.npz"
    recorder.finish().save(path)
    read = Recording.load(path)
    again = open_env(read, "builtin", cameras=())
    assert repeat(read, again, lambda _: True).difference == 0.0
    assert again.metadata["task_sha256"] == read.task_sha256 == env.metadata["task_sha256"]

    block.write_text(body.format("0.03 0.02 0.021"))
    with pytest.raises(RecordingError, match="a file of an object has changed since"):
        open_env(read, "builtin", cameras=())
    block.unlink()
    with pytest.raises(TaskSpecError, match=r"unknown category 'block'.*there is no .*block\.xml"):
        open_env(read, "builtin", cameras=())
    rewritten(path, task_spec="{")
    with pytest.raises(RecordingError, match="task_spec is no JSON"):
        open_env(Recording.load(path), "builtin", cameras=())
    rewritten(path, suite="libero_spatial")
    with pytest.raises(RecordingError, match="of suite 'libero_spatial' with task_spec"):
        Recording.load(path)


def test_a_changed_action_is_noticed(recording):
    actions = recording.actions.copy()
    actions[10] *= 0.5
    other = Recording(**{**vars(recording), "actions": actions})
    env = open_env(other, "builtin", cameras=())
    assert repeat(other, env, lambda _: True).difference > 1e-4
    env.close()


def test_another_asset_set_is_refused(recording, official_assets):
    with pytest.raises(RecordingError, match=r"recorded on the asset set 'builtin-.*this is 'folder-"):
        open_env(recording, official_assets, cameras=())


def test_equal_contents_are_one_set_whatever_it_is_called(recording, official_assets):
    env = LiberoEnv("spatial", task=1, assets=official_assets, cameras=())
    downloaded = {"assets": "official", "assets_version": env.metadata["assets_version"]}
    Recording(**{**vars(recording), **downloaded}).check_assets(env)
    with pytest.raises(RecordingError, match="'official'"):
        Recording(**{**vars(recording), **downloaded, "assets_version": "0123456789ab"}).check_assets(env)


def rewritten(path, **changes):
    with np.load(path) as stored:
        fields = {**stored, **changes}
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 7}, "has format 7; this libero-gym reads 1"),
        ({"seed": None}, "not a whole recording .*seed"),
        ({"suite": "libero_moon"}, "of suite 'libero_moon'; allowed: libero_spatial"),
        ({"actions": np.zeros((3, 6))}, r"actions of shape \(3, 6\); expected \(T, 7\)"),
        ({"actions": np.full((3, 7), np.nan)}, "all finite"),
        ({"final_state": np.array([0.0, np.inf])}, r"final_state of shape \(2,\); expected \(D,\), all finite"),
        ({"init_state": -1}, "has init_state -1; allowed: 0 and more"),
        ({"actions": np.array([None])}, "not a whole recording"),  # a pickle, which is never read
    ],
)
def test_what_is_wrong_in_a_file_is_named(path, changes, message):
    rewritten(path, **changes)
    with pytest.raises(RecordingError, match=message):
        Recording.load(path)


def test_a_cut_file_and_no_file(path):
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(RecordingError, match="not a whole recording"):
        Recording.load(path)
    with pytest.raises(RecordingError, match="does not exist; record one with"):
        Recording.load(path.with_name("other.npz"))


def test_a_file_with_any_bit_changed_is_read_or_refused_by_name(path):
    original = path.read_bytes()
    draw = random.Random(0)
    for _ in range(400):
        changed = bytearray(original)
        changed[draw.randrange(len(original))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(changed))
        with contextlib.suppress(RecordingError):
            assert Recording.load(path).actions.shape[1] == 7


def test_a_place_that_cannot_be_written(recording, tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(LiberoGymError, match="cannot be written"):
        recording.save(tmp_path / "file" / "episode.npz")
