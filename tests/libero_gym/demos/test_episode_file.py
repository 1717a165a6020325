"""One episode, one file."""

import h5py
import numpy as np
import pytest

from libero_gym.demos.episode_file import Demonstration, read_attributes, read_episode, write_episode
from libero_gym.errors import DatasetError, LiberoGymError


def make(steps=5, size=32):
    rng = np.random.default_rng(0)
    return Demonstration(
        observations={
            "image": rng.integers(0, 256, (steps + 1, size, size, 3), dtype=np.uint8),
            "state": rng.random((steps + 1, 8), dtype=np.float32),
        },
        instruction="do it",
        actions=rng.random((steps, 7), dtype=np.float32),
        rewards=np.eye(steps)[-1],
        terminations=np.eye(steps)[-1] > 0,
        truncations=np.zeros(steps, dtype=bool),
        sim_states=rng.random((steps + 1, 20)),
        intended_actions=rng.random((steps, 7), dtype=np.float32),
        attributes={"seed": 3, "instruction": "do it", "success": True},
    )


def test_everything_comes_back(tmp_path):
    episode, path = make(), tmp_path / "new" / "episode.hdf5"
    write_episode(path, episode)
    with h5py.File(path) as file:
        read = read_episode(file["episode"])
    for name in ("actions", "rewards", "terminations", "truncations", "sim_states", "intended_actions"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episode, name))
        assert getattr(read, name).dtype == getattr(episode, name).dtype
    for key, array in episode.observations.items():
        np.testing.assert_array_equal(read.observations[key], array)
    assert read.attributes == {**episode.attributes, "total_steps": 5}
    assert [entry.name for entry in path.parent.iterdir()] == ["episode.hdf5"]


def test_intended_actions_may_be_unknown(tmp_path):
    path = tmp_path / "episode.hdf5"
    write_episode(path, Demonstration(**{**vars(make()), "intended_actions": None}))
    with h5py.File(path) as file:
        assert read_episode(file["episode"]).intended_actions is None


def test_the_old_name_of_intended_actions_is_read_with_a_warning(tmp_path):
    episode, path = make(), tmp_path / "episode.hdf5"
    write_episode(path, episode)
    with h5py.File(path, "a") as file:
        file["episode/infos"].move("intended_action", "meant_action")
    read_attributes(path)
    with (
        h5py.File(path) as file,
        pytest.warns(FutureWarning, match="meant_action.* is now .*intended_action"),
    ):
        read = read_episode(file["episode"])
    np.testing.assert_array_equal(read.intended_actions, episode.intended_actions)
    with h5py.File(path, "a") as file:
        del file["episode/infos/meant_action"]
        file["episode/infos/meant_action"] = np.zeros((6, 7), np.float32)
    with pytest.raises(DatasetError, match="meant_action is for 6 control steps, not 5"):
        read_attributes(path)


def test_a_steady_camera_takes_little_space(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)  # incompressible by itself
    still = Demonstration(**{**vars(make()), "observations": {"image": np.stack([image] * 6)}})
    write_episode(tmp_path / "still.hdf5", still)
    assert (tmp_path / "still.hdf5").stat().st_size < 1.6 * image.nbytes  # six images in the space of one


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_file_is_noticed(share, tmp_path):
    path = tmp_path / "episode.hdf5"
    write_episode(path, make())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DatasetError, match=r"episode\.hdf5 is not a whole episode \("):
        read_attributes(path)


def test_actions_of_another_size(tmp_path):
    path = tmp_path / "episode.hdf5"
    write_episode(path, Demonstration(**{**vars(make()), "actions": np.zeros((5, 8), dtype=np.float32)}))
    with pytest.raises(DatasetError, match=r"actions of shape \(5, 8\); expected \(T, 7\)"):
        read_attributes(path)


def test_a_part_that_is_too_short(tmp_path):
    path = tmp_path / "episode.hdf5"
    write_episode(path, Demonstration(**{**vars(make()), "rewards": np.zeros(4)}))
    with pytest.raises(DatasetError, match="rewards is for 4 control steps, not 5"):
        read_attributes(path)
    write_episode(path, Demonstration(**{**vars(make()), "intended_actions": np.zeros((6, 7), np.float32)}))
    with pytest.raises(DatasetError, match="intended_action is for 6 control steps, not 5"):
        read_attributes(path)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(LiberoGymError, match="cannot be written"):
        write_episode(tmp_path / "file" / "episode.hdf5", make())
