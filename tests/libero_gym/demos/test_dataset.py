"""A recorded dataset is a Minari dataset, and one that is not whole says so."""

import json
import random

import h5py
import minari
import numpy as np
import pytest

from libero_gym.demos.dataset import DemoDataset
from libero_gym.errors import DatasetError


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_minari_reads_what_was_executed(recorded):
    dataset = minari.MinariDataset(recorded.location.data)
    assert (dataset.id, dataset.total_episodes) == ("pushed-v0", 3)
    assert dataset.total_steps == sum(len(episode) for episode in dataset)
    for episode, record in zip(dataset, recorded.records, strict=True):
        steps = len(episode)
        assert episode.observations["image"].shape == (steps + 1, 32, 32, 3)
        assert set(episode.observations["instruction"]) == {"close the top drawer of the cabinet"}
        assert all(dataset.observation_space.contains(observation) for observation in steps_of(episode))
        assert episode.actions.shape == (steps, 7)
        assert all(dataset.action_space.contains(action) for action in episode.actions)
        assert episode.rewards.tolist() == [0.0] * (steps - 1) + [1.0]
        assert episode.terminations.tolist() == [False] * (steps - 1) + [True]
        assert not episode.truncations.any()
        assert record.steps == steps


def steps_of(episode):
    return [{key: array[step] for key, array in episode.observations.items()} for step in (0, -1)]


def test_an_episode_says_how_it_came_about(recorded):
    for number, metadata in enumerate(
        minari.MinariDataset(recorded.location.data).storage.get_episode_metadata(range(3))
    ):
        assert (metadata["id"], metadata["success"], metadata["settle_steps"]) == (number, True, 10)
        assert metadata["task_name"] == "KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet"
        assert metadata["options"] == {"task": 0, "init_state": metadata["init_state"]}
        assert (metadata["suite"], metadata["split"]) == ("libero_90", "train")
        assert metadata["asset_set"].startswith("builtin-")
        assert json.loads(metadata["fixtures"]) == ["wooden_cabinet_1_main"]


def test_the_recovered_environment_repeats_it_with_all_images(recorded):
    dataset = minari.MinariDataset(recorded.location.data)
    episode, metadata = dataset[1], next(iter(dataset.storage.get_episode_metadata([1])))
    env = dataset.recover_environment()
    observation, _ = env.reset(seed=metadata["seed"], options=metadata["options"])
    for step in range(len(episode) + 1):
        for key in ("image", "wrist_image", "state"):
            np.testing.assert_array_equal(observation[key], episode.observations[key][step])
        np.testing.assert_array_equal(env.unwrapped.get_sim_state(), episode.infos["sim_state"][step])
        if step < len(episode):
            observation, reward, terminated, _, _ = env.step(episode.actions[step])
            assert (reward, terminated) == (episode.rewards[step], episode.terminations[step])
    fixtures = env.unwrapped.model.body("wooden_cabinet_1_main")
    np.testing.assert_array_equal(fixtures.pos, metadata["fixture_positions"][0])
    env.close()
    env = dataset.recover_environment(eval_env=True)
    assert env.spec.kwargs["split"] == "eval"
    env.close()


def test_opening_it_again(recorded):
    opened = DemoDataset.open(recorded.location)
    assert opened.header == recorded.header
    assert [record.steps for record in opened.records] == [record.steps for record in recorded.records]


def test_a_dataset_whose_observations_are_of_another_moment_is_read_and_not_added_to(copied, recorded):
    path = copied.data / "metadata.json"
    header = json.loads(path.read_text())["libero_gym"]
    del header["observed"]  # as before it was stored
    change(path, libero_gym=header)
    opened = DemoDataset.open(copied)
    assert len(opened.records) == 3
    with pytest.raises(DatasetError, match="has observed 'after the control step', requested is \"as LIBERO's step"):
        opened.check_header(recorded.header)


def test_a_cut_metadata_file(copied):
    path = copied.data / "metadata.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(DatasetError, match=r"metadata\.json is cut off or damaged"):
        DemoDataset.open(copied)


def test_a_cut_main_file(copied):
    path = copied.data / "main_data.hdf5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"main_data\.hdf5 is cut off or damaged"):
        DemoDataset.open(copied)


def test_a_cut_and_a_missing_episode(copied):
    path = copied.data / "episodes" / "task_000_attempt_0001.hdf5"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"task_000_attempt_0001\.hdf5, episode 1, is missing, cut off or damaged"):
        DemoDataset.open(copied)
    path.unlink()
    with pytest.raises(DatasetError, match=r"task_000_attempt_0001\.hdf5, episode 1, is missing"):
        DemoDataset.open(copied)


def test_changed_bits_are_read_or_refused_by_name(copied):
    """HDF5 checks little of what it reads and raises half a dozen classes; none of them reaches the caller."""
    rng = random.Random(0)
    named = 0
    paths = [copied.data / "main_data.hdf5", copied.data / "episodes" / "task_000_attempt_0001.hdf5"]
    for path in paths:
        original = path.read_bytes()
        for _ in range(40):
            changed = bytearray(original)
            for _ in range(3):
                changed[rng.randrange(len(original))] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(changed))
            try:
                dataset = DemoDataset.open(copied)
                dataset.episode(1)
                dataset.statistics()
            except DatasetError:
                named += 1
        path.write_bytes(original)
    assert named > 10


def test_fewer_episodes_than_it_says(copied):
    change(copied.data / "metadata.json", total_episodes=4)
    with pytest.raises(DatasetError, match=r"has 3 episodes, .* speaks of 4"):
        DemoDataset.open(copied)


def test_another_environment_and_another_action_size(copied):
    path = copied.data / "metadata.json"
    metadata = json.loads(path.read_text())
    change(path, env_spec=metadata["env_spec"].replace("libero/90-v0", "CartPole-v1"))
    with pytest.raises(DatasetError, match="of the environment 'CartPole-v1'; allowed: libero/Spatial-v0, "):
        DemoDataset.open(copied)
    space = json.loads(metadata["action_space"]) | {"shape": [8]}
    change(path, env_spec=metadata["env_spec"], action_space=json.dumps(space))
    with pytest.raises(DatasetError, match=r"actions of shape \[8\]; expected \[7\]"):
        DemoDataset.open(copied)
    change(path, action_space=metadata["action_space"], libero_gym=None)
    with pytest.raises(DatasetError, match="does not say how it was recorded"):
        DemoDataset.open(copied)


def test_an_episode_with_actions_of_another_size(copied):
    with h5py.File(copied.data / "episodes" / "task_000_attempt_0002.hdf5", "a") as file:
        actions = file["episode/actions"][()]
        del file["episode/actions"]
        file["episode/actions"] = actions[:, :6]
    with pytest.raises(DatasetError, match=r"attempt_0002\.hdf5 has actions of shape \(\d+, 6\); expected \(T, 7\)"):
        DemoDataset.open(copied)


def test_another_asset_set(recorded):
    with pytest.raises(DatasetError, match=r"asset set 'builtin-\d+' \(version .*this is 'official' \(version abc\)"):
        recorded.check_assets("official", "abc")


def test_no_dataset(tmp_path):
    from libero_gym.demos.location import locate

    with pytest.raises(DatasetError, match="there is no dataset none-v0 at"):
        DemoDataset.open(locate(str(tmp_path / "none")))


def test_one_writer_at_a_time(copied):
    first, second = DemoDataset.open(copied), DemoDataset.open(copied)
    with first.lock(), pytest.raises(DatasetError, match="another process is recording into pushed-v0"), second.lock():
        pass
