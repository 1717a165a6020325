"""Statistics in the published layout."""

import json

import numpy as np
import pytest

from libero_gym.demos.statistics import dataset_statistics


def test_every_statistic():
    # One dimension counts 0, 1, ..., 100 over two episodes: quantiles are linear between the order statistics.
    actions = np.zeros((101, 7), dtype=np.float32)
    actions[:, 2] = np.arange(101)
    states = np.ones((101, 8), dtype=np.float32)
    made = dataset_statistics("libero_spatial", [(actions[:60], states[:60]), (actions[60:], states[60:])])
    found = made["libero_spatial"]
    assert set(found) == {"action", "proprio", "num_transitions", "num_trajectories"}
    assert (found["num_transitions"], found["num_trajectories"]) == (101, 2)
    action = found["action"]
    assert set(action) == {"mean", "std", "max", "min", "q01", "q99", "mask"}
    column = {name: values[2] for name, values in action.items()}
    # Variance of 0..n: n (n + 2) / 12.
    expected = {"mean": 50, "std": np.sqrt(100 * 102 / 12), "max": 100, "min": 0, "q01": 1, "q99": 99, "mask": True}
    assert column == pytest.approx(expected)
    assert action["mask"] == [True] * 6 + [False]
    assert found["proprio"]["mean"] == [1.0] * 8
    assert "mask" not in found["proprio"]


def test_the_file_beside_a_dataset(recorded):
    found = json.loads((recorded.location.folder / "dataset_statistics.json").read_text())
    assert found == recorded.statistics()
    entry = found["libero_90"]
    assert (entry["num_transitions"], entry["num_trajectories"]) == (sum(r.steps for r in recorded.records), 3)
    actions = np.concatenate([actions for actions, _ in recorded.trajectories()])
    np.testing.assert_allclose(entry["action"]["q99"], np.quantile(actions.astype(np.float64), 0.99, axis=0))


def test_none_yet():
    assert dataset_statistics("x", [])["x"]["num_transitions"] == 0
