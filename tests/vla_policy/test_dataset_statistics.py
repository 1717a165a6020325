"""Statistics of arrays and of a Minari dataset, and policies that take them."""

import importlib
import json

import numpy as np
import pytest
from gymnasium import spaces

from vla_policy import OpenVLAOFTPolicy
from vla_policy.dataset_statistics import dataset_statistics
from vla_policy.errors import ConfigError, DatasetError, MissingExtraError, UnnormKeyError

STEPS = np.linspace(0.0, 100.0, 101)[:, None] * np.array([1.0, -1.0, 0.5])
"""0, 1, ..., 100 in the first dimension: the 1% quantile is 1, the 99% quantile 99."""


def test_by_hand():
    entry = dataset_statistics("mine", actions=STEPS, states=STEPS[:, :2])["mine"]
    action = entry["action"]
    assert action["q01"] == pytest.approx([1.0, -99.0, 0.5])
    assert action["q99"] == pytest.approx([99.0, -1.0, 49.5])
    assert (action["min"], action["max"]) == ([0.0, -100.0, 0.0], [100.0, 0.0, 50.0])
    assert action["mean"] == pytest.approx([50.0, -50.0, 25.0])
    # of 0 .. n: (n (n + 2) / 12)^(1/2) = (100 * 102 / 12)^(1/2) = 29.1548
    assert action["std"] == pytest.approx([29.1548, 29.1548, 14.5774], abs=1e-4)
    assert action["mask"] == [True, True, False]
    assert entry["proprio"].keys() == {"mean", "std", "max", "min", "q01", "q99"}
    assert (entry["num_transitions"], entry["num_trajectories"]) == (101, 1)
    assert json.loads(json.dumps(entry)) == entry


def test_episodes_are_put_together():
    whole = dataset_statistics("a", actions=STEPS, states=STEPS)["a"]
    parts = dataset_statistics("a", actions=[STEPS[:40], STEPS[40:]], states=[STEPS[:40], STEPS[40:]])["a"]
    assert parts == whole | {"num_trajectories": 2}
    assert dataset_statistics("a", actions=STEPS[:100].reshape(4, 25, 3))["a"]["num_trajectories"] == 4
    assert dataset_statistics("a", actions=STEPS.tolist())["a"]["action"] == whole["action"]
    assert "proprio" not in dataset_statistics("a", actions=STEPS)["a"]
    assert dataset_statistics("a", actions=STEPS, mask=[True] * 3)["a"]["action"]["mask"] == [True] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "either a Minari dataset or actions"),
        ({"dataset": "a", "actions": STEPS}, "and not both"),
        ({"actions": []}, "no episodes"),
        ({"actions": np.zeros((0, 7))}, "actions have 0 rows"),
        ({"actions": np.where(STEPS == 7.0, np.nan, STEPS)}, r"actions\[7, 0\] of episode 0 is nan"),
        ({"actions": STEPS, "states": np.full((101, 2), np.inf)}, r"states\[0, 0\] of episode 0 is inf"),
        ({"actions": STEPS, "states": STEPS[1:]}, "episode 0 has 101 actions and 100 states"),
        ({"actions": [STEPS, STEPS], "states": [STEPS]}, "2 episodes of actions, 1 of states"),
        ({"actions": [STEPS, STEPS[:, :2]]}, r"actions have shapes \(101, 3\), \(101, 2\)"),
        ({"actions": STEPS[None, None]}, r"actions have shapes"),
        ({"actions": 3.0}, "actions are no arrays"),
        ({"actions": ["turn"]}, "actions are no arrays"),
        ({"actions": STEPS, "mask": [True]}, "mask has 1 flags; actions have 3"),
        ({"dataset": 3}, "dataset is a int"),
        ({"dataset": "nobody/nothing-v0"}, "no Minari dataset nobody/nothing-v0"),
    ],
)
def test_what_gives_no_statistics_is_named(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    with pytest.raises(DatasetError, match=message) as error:
        dataset_statistics("mine", **arguments)
    assert len(str(error.value)) < 300


def test_a_minari_dataset_gives_what_its_arrays_give(tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    counts = np.arange(6.0)
    buffers = [
        minari.data_collector.EpisodeBuffer(
            id=number,
            observations={"state": np.stack([counts, 2.0 * counts], axis=1)},  # one more than actions
            actions=STEPS[5 * number : 5 * number + 5],
            rewards=np.zeros(5),
            terminations=np.zeros(5, dtype=bool),
            truncations=np.arange(5) == 4,
            infos=None,
        )
        for number in range(2)
    ]
    dataset = minari.create_dataset_from_buffers(
        "arm/count-v0",
        buffers,
        observation_space=spaces.Dict(state=spaces.Box(-np.inf, np.inf, (2,), np.float64)),
        action_space=spaces.Box(-100, 100, (3,), np.float64),
    )
    states = np.array([[count, 2.0 * count] for count in range(5)])  # without that after the last action
    expected = dataset_statistics("arm", actions=[STEPS[:5], STEPS[5:10]], states=[states, states])
    for source in (dataset, "arm/count-v0", tmp_path / "arm" / "count-v0", tmp_path / "arm" / "count-v0" / "data"):
        assert dataset_statistics("arm", source) == expected
    assert "proprio" not in dataset_statistics("arm", dataset, state_key="joints")["arm"]
    (tmp_path / "arm" / "count-v0" / "data" / "main_data.hdf5").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match="count-v0"):
        dataset_statistics("arm", tmp_path / "arm" / "count-v0")


def test_without_minari_the_extra_is_named(monkeypatch, tmp_path):
    def absent(name, *rest):
        if name == "minari":
            raise ModuleNotFoundError("No module named 'minari'", name="minari")
        return found(name, *rest)

    found = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r'pip install "vla-policy\[demos\]"'):
        dataset_statistics("a", tmp_path)
    assert dataset_statistics("a", actions=STEPS)  # arrays need no library


def test_a_policy_takes_new_statistics_without_an_old_key(tiny, tmp_path, make_observation):
    """Of a base checkpoint of many datasets, and of one without statistics."""
    tiny.save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "dataset_statistics.json").unlink()
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    entry = config.pop("norm_stats")["tiny"]
    del config["vla_policy"]["unnorm_key"]
    rng = np.random.default_rng(0)
    mine = dataset_statistics("mine", actions=rng.uniform(-2, 2, (500, 7)), states=rng.normal(size=(500, 8)))
    (tmp_path / "mine.json").write_text(json.dumps(mine))
    for norm_stats in ({}, {"bridge": entry, "fractal": entry}):
        (tmp_path / "base" / "config.json").write_text(json.dumps(config | {"norm_stats": norm_stats}))
        with pytest.raises(UnnormKeyError, match="statistics="):
            OpenVLAOFTPolicy.from_pretrained(tmp_path / "base")
        for statistics in (mine, tmp_path / "mine.json", str(tmp_path / "mine.json")):
            policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "base", statistics=statistics)
            assert policy.stats.key == "mine"
            assert policy.stats.action.high.tolist() == mine["mine"]["action"]["q99"]
    actions = policy.predict(make_observation(2))
    policy.save_pretrained(tmp_path / "tuned")
    again = OpenVLAOFTPolicy.from_pretrained(tmp_path / "tuned")
    assert again.stats.key == "mine"
    np.testing.assert_array_equal(again.predict(make_observation(2)), actions)
    # those of what was saved are replaced too, and its key is not looked for among the new ones
    other = OpenVLAOFTPolicy.from_pretrained(tmp_path / "tuned", statistics={"other": mine["mine"]})
    assert other.stats.key == "other"
    two = {"first": mine["mine"], "second": mine["mine"]}
    assert OpenVLAOFTPolicy.from_pretrained(tmp_path / "tuned", "second", statistics=two).stats.key == "second"
    with pytest.raises(UnnormKeyError, match="2 keys"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "tuned", statistics=two)


@pytest.mark.parametrize("statistics", [3, ["a"], "nowhere.json", {"mine": {"action": {"q01": [0.0], "q99": [1.0]}}}])
def test_statistics_that_are_none(tiny, tmp_path, statistics):
    tiny.save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"statistics|norm_stats"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path, statistics=statistics)
