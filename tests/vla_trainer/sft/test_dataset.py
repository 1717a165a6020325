"""What a dataset must be to be learned from in an environment."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import minari
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from vla_trainer.algorithms import SFT
from vla_trainer.errors import DatasetError
from vla_trainer.sft.dataset import open_demonstrations

SIDE, DIMS, CHUNK = 8, 2, 4
OBSERVATION = spaces.Dict(
    image=spaces.Box(0, 255, (SIDE, SIDE, 3), np.uint8),
    state=spaces.Box(-2, 2, (4,), np.float32),
    instruction=spaces.Text(64),
)
ACTION = spaces.Box(-1, 1, (DIMS,), np.float32)
NAME = "toy/reach-v0"


@dataclass
class Acting:
    """What `open_demonstrations` reads of a vector environment."""

    single_observation_space: spaces.Space = field(default_factory=lambda: OBSERVATION)
    single_action_space: spaces.Space = field(default_factory=lambda: spaces.Box(-1, 1, (CHUNK, DIMS), np.float32))
    metadata: dict[str, Any] = field(default_factory=lambda: {"assets": "toy-1", "assets_version": "1"})
    spec: EnvSpec | None = field(default_factory=lambda: EnvSpec("toy/Reach-v0"))


def buffer(steps: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    observations = {
        "image": rng.integers(0, 256, (steps + 1, SIDE, SIDE, 3), dtype=np.uint8),
        "state": rng.normal(size=(steps + 1, 4)).astype(np.float32),
        "instruction": ["move"] * (steps + 1),
    }
    ended = np.arange(steps) == steps - 1
    return minari.data_collector.EpisodeBuffer(
        id=None,
        observations=observations,
        actions=rng.uniform(-1, 1, (steps, DIMS)).astype(np.float32),
        rewards=[float(end) for end in ended],
        terminations=list(map(bool, ended)),
        truncations=[False] * steps,
        infos={"intended_action": np.full((steps, DIMS), 0.5, np.float32)} if seed == 0 else None,
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Datasets' folder: six episodes of tasks 0, 1, 2, 0, 1, 2 and 3 to 8 steps."""
    folder = tmp_path_factory.mktemp("minari")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder))
        dataset = minari.create_dataset_from_buffers(
            NAME,
            [buffer(3 + number, number) for number in range(6)],
            observation_space=OBSERVATION,
            action_space=ACTION,
            jpeg_encoding=False,
        )
        tasks = [
            {"task_id": number % 3, "split": "train", "asset_set": "toy-1", "asset_version": "1"} for number in range(6)
        ]
        dataset.storage.update_episode_metadata(tasks)
    # Minari would make the environment, which this test does not need
    path = folder / NAME / "data" / "metadata.json"
    spec = EnvSpec("toy/Reach-v0", kwargs={"image_orientation": "upright"})
    path.write_text(json.dumps(json.loads(path.read_text()) | {"env_spec": spec.to_json()}))
    (folder / NAME / "dataset_statistics.json").write_text(json.dumps({"toy": {"action": {"q01": [0, 0]}}}))
    return folder


@pytest.fixture
def datasets(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, to be damaged."""
    shutil.copytree(recorded, tmp_path / "datasets")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return tmp_path / "datasets"


def test_what_is_learned_from(datasets):
    found = open_demonstrations(SFT(dataset=NAME), Acting())
    # 3 + 4 + 5 + 6 + 7 + 8 = 33 steps
    assert (found.episodes, found.steps, found.tasks, found.split) == ((0, 1, 2, 3, 4, 5), 33, 3, "train")
    assert found.statistics == ("toy", {"action": {"q01": [0, 0]}})
    assert str(found) == f"{NAME}: 6 demonstrations of 3 task(s), 33 steps"
    episodes = list(found)
    assert [len(episode.actions) for episode in episodes] == [3, 4, 5, 6, 7, 8]
    # the observation after the last action is not a policy step
    assert all(len(episode.observations["image"]) == len(episode.actions) for episode in episodes)
    assert np.array_equal(episodes[2].observations["image"], buffer(5, 2).observations["image"][:5])


def test_the_first_episodes_of_each_task(datasets):
    found = open_demonstrations(SFT(dataset=NAME, episodes_per_task=1), Acting())
    assert found.episodes == (0, 1, 2)
    with pytest.raises(DatasetError, match=r"has 2 episodes of task 0; algorithm.episodes_per_task=3"):
        open_demonstrations(SFT(dataset=NAME, episodes_per_task=3), Acting())


def test_only_the_tasks_of_the_environment(datasets):
    acting = Acting(metadata={"init_states": {1: 50}})
    assert open_demonstrations(SFT(dataset=NAME), acting).episodes == (1, 4)
    acting = Acting(metadata={"init_states": {1: 50, 7: 50}})
    with pytest.raises(DatasetError, match=r"has no demonstration of task 7; it has tasks \[1\]"):
        open_demonstrations(SFT(dataset=NAME), acting)


def test_a_folder_is_as_good_as_a_name(datasets):
    for path in (datasets / NAME, datasets / NAME / "data"):
        assert len(open_demonstrations(SFT(dataset=str(path)), Acting()).episodes) == 6


def test_the_error_of_a_missing_dataset_names_the_command_that_records_it(datasets):
    for name in ("toy/other-v0", str(datasets / "nothing")):
        with pytest.raises(DatasetError, match=r"other|nothing.*record it: make-demos --all"):
            open_demonstrations(SFT(dataset=name, recorded_by="make-demos --all"), Acting())


@pytest.mark.parametrize(
    ("acting", "message"),
    [
        (Acting(spec=EnvSpec("toy/Push-v0")), 'of the environment "toy/Reach-v0"; env.id is "toy/Push-v0"'),
        (
            Acting(single_action_space=spaces.Box(-1, 1, (CHUNK, 7), np.float32)),
            r"actions of shape \(2,\); the environment takes actions of 7 numbers",
        ),
        (
            Acting(metadata={"assets": "photographed", "assets_version": "9"}),
            r'asset set "toy-1" \(version 1\); the environment has "photographed" \(version 9\)',
        ),
        (Acting(metadata={"assets": "toy-1", "assets_version": "2"}), r"version 1.*version 2"),
        (
            Acting(metadata={"assets": "toy-1", "assets_version": "1", "task_sha256": "1a2b"}),
            r"of another task \(SHA-256 none\) than the environment \(SHA-256 1a2b\)",
        ),
        (Acting(metadata={"image_orientation": "rot180"}), "image_orientation='upright'; the environment has 'rot180'"),
        (
            Acting(single_observation_space=spaces.Dict({**OBSERVATION.spaces, "wrist_image": OBSERVATION["image"]})),
            r'no observations\["wrist_image"\]',
        ),
        (
            Acting(
                single_observation_space=spaces.Dict(
                    {**OBSERVATION.spaces, "image": spaces.Box(0, 255, (16, 16, 3), np.uint8)}
                )
            ),
            r'observations\["image"\] of shape \(8, 8, 3\); the environment gives \(16, 16, 3\).*env.image_size',
        ),
    ],
    ids=["environment", "action size", "asset set", "asset version", "task", "orientation", "camera", "image size"],
)
def test_another_dataset_than_the_environment_needs_is_refused(datasets, acting, message):
    with pytest.raises(DatasetError, match=message):
        open_demonstrations(SFT(dataset=NAME), acting)


@pytest.mark.parametrize("left", [0, 100, 5000])
def test_a_file_that_is_cut_off_is_an_error(datasets, left):
    file = datasets / NAME / "data" / "main_data.hdf5"
    with file.open("r+b") as opened:
        opened.truncate(left)
    with pytest.raises(DatasetError, match=NAME):
        list(open_demonstrations(SFT(dataset=NAME), Acting()))


def test_metadata_that_is_cut_off_is_an_error(datasets):
    file = datasets / NAME / "data" / "metadata.json"
    file.write_text(file.read_text()[:50])
    with pytest.raises(DatasetError, match="cannot be opened"):
        open_demonstrations(SFT(dataset=NAME), Acting())


def test_an_episode_that_lacks_a_part_is_named(datasets):
    with h5py.File(datasets / NAME / "data" / "main_data.hdf5", "a") as file:
        del file["episode_4/observations/image"]
    found = iter(open_demonstrations(SFT(dataset=NAME), Acting()))
    for _ in range(4):
        next(found)
    with pytest.raises(DatasetError, match=rf"{NAME}: episode 4 is cut off or damaged"):
        next(found)


@pytest.mark.parametrize("key", ["intended_action", "meant_action"])
def test_intended_actions_are_read_where_they_were_recorded_also_under_their_former_name(datasets, key):
    with h5py.File(datasets / NAME / "data" / "main_data.hdf5", "a") as file:
        file["episode_0/infos"].move("intended_action", key)
    first, *others = open_demonstrations(SFT(dataset=NAME), Acting())
    assert first.intended is not None
    assert first.intended.tolist() == [[0.5] * DIMS] * 3
    assert all(episode.intended is None for episode in others)
    with h5py.File(datasets / NAME / "data" / "main_data.hdf5", "a") as file:
        infos = file["episode_0"]["infos"]
        del infos[key]
        infos[key] = np.zeros((2, DIMS), np.float32)
    with pytest.raises(DatasetError, match=rf"episode 0 .*{key}.* has shape \(2, "):
        list(open_demonstrations(SFT(dataset=NAME), Acting()))


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ("actions", r"actions\[2\]\[0\]"),
        ("observations/state", r'observations\["state"\]\[2\]\[0\]'),
        ("infos/intended_action", r'infos\["intended_action"\]\[2\]\[0\]'),
    ],
)
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_named(datasets, part, where, number):
    with h5py.File(datasets / NAME / "data" / "main_data.hdf5", "a") as file:
        file[f"episode_0/{part}"][2, 0] = number
    with pytest.raises(DatasetError, match=rf"{NAME}: episode 0, step 2: {where} is {number}; demonstrations must be"):
        list(open_demonstrations(SFT(dataset=NAME), Acting()))
