"""Executing a dataset again."""

import h5py
import numpy as np
import pytest

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.replay import replay
from libero_gym.errors import DatasetError


@pytest.mark.parametrize("workers", [1, 2])
def test_it_repeats_to_the_last_bit(workers, recorded):
    seen = []
    results = replay(recorded, "builtin", workers, seen.append)
    assert [(result.id, result.success, result.recorded_success, result.difference) for result in results] == [
        (number, True, True, 0.0) for number in range(3)
    ]
    assert [result.steps for result in results] == [record.steps for record in recorded.records]
    assert len(seen) == 3


def test_changed_actions_are_noticed(copied):
    with h5py.File(copied.data / "episodes" / "task_000_attempt_0001.hdf5", "a") as file:
        actions = file["episode/actions"]
        actions[:, 1] = np.abs(actions[:, 1])  # away from the drawer
    results = replay(DemoDataset.open(copied), "builtin", 1)
    assert [result.success for result in results] == [True, False, True]
    assert results[1].difference > 0.01


def test_another_asset_set_is_refused(recorded, official_assets):
    with pytest.raises(DatasetError, match=r"is of the asset set 'builtin-.*this is 'folder-"):
        replay(recorded, official_assets, 1)


def test_states_of_another_scene(copied):
    with h5py.File(copied.data / "episodes" / "task_000_attempt_0000.hdf5", "a") as file:
        states = file["episode/infos/sim_state"][()]
        del file["episode/infos/sim_state"]
        file["episode/infos/sim_state"] = states[:, :-2]
    with pytest.raises(DatasetError, match=r"episode 0 has states of \d+ values; KITCHEN_SCENE10_close_the_top_drawer"):
        replay(DemoDataset.open(copied), "builtin", 1)
