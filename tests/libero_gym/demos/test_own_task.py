"""Demonstrations of a task of one's own, with own objects: recorded, replayed, and known by the task's hash."""

from __future__ import annotations

import json

import minari
import numpy as np
import own_task_files
import pytest

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.libero_export import export_files
from libero_gym.demos.replay import replay
from libero_gym.demos.schedule import DemoSchedule
from libero_gym.errors import DatasetError
from libero_gym.own_task.spec import TaskSpec


@pytest.fixture(scope="module")
def task_file(tmp_path_factory):
    return own_task_files.write_own_task(tmp_path_factory.mktemp("task") / "own")


@pytest.fixture(scope="module")
def dataset(task_file, record_into, tmp_path_factory):
    """One demonstration by the scripted expert."""
    spec = TaskSpec.from_bddl(task_file).to_json()
    schedule = DemoSchedule("libero_task", (0,), 1, image_size=32, assets="builtin", task_spec=spec)
    recorded, (report,) = record_into(schedule, tmp_path_factory.mktemp("recorded") / "own-v0")
    assert (report.kept, report.task.name) == (1, "green_block")
    return recorded


def test_it_repeats_to_the_last_bit(dataset):
    (episode,) = replay(DemoDataset.open(dataset.location), "builtin", 1)
    assert (episode.success, episode.difference) == (True, 0.0)


def test_minari_makes_the_environment_again(dataset):
    read = minari.MinariDataset(dataset.location.data)
    env = read.recover_environment()
    assert env.unwrapped.metadata["task_sha256"] == dataset.header.task_sha256
    episode, attributes = read[0], dataset.records[0].attributes
    assert attributes["task_sha256"] == dataset.header.task_sha256
    observation, _ = env.reset(
        seed=int(attributes["seed"]), options={"task": 0, "init_state": int(attributes["init_state"])}
    )
    np.testing.assert_array_equal(observation["image"], episode.observations["image"][0])
    evaluation = read.recover_environment(eval_env=True)
    assert evaluation.unwrapped.suite == "libero_task"


def test_another_task_is_refused_and_a_file_that_was_moved_is_not(dataset, task_file, record_into, tmp_path):
    moved = own_task_files.write_own_task(tmp_path / "moved")
    spec = TaskSpec.from_bddl(moved).to_json()
    schedule = DemoSchedule("libero_task", (0,), 1, image_size=32, assets="builtin", task_spec=spec)
    again, (report,) = record_into(schedule, dataset.location.folder)
    assert (report.before, report.attempts, len(again.records)) == (1, 0, 1)
    text = moved.read_text()
    moved.write_text(text.replace("-0.20 0.05 -0.05", "-0.22 0.05 -0.05"))
    other = DemoSchedule(
        "libero_task", (0,), 1, image_size=32, assets="builtin", task_spec=TaskSpec.from_bddl(moved).to_json()
    )
    with pytest.raises(DatasetError, match="has task_sha256"):
        record_into(other, dataset.location.folder)


def test_liberos_files_cannot_hold_it(dataset, tmp_path):
    with pytest.raises(DatasetError, match="a task of one's own, which LIBERO's files cannot name"):
        export_files(dataset, tmp_path)


def test_the_header_tells_the_task(dataset):
    stored = json.loads((dataset.location.data / "metadata.json").read_text())["libero_gym"]
    assert stored["task_spec"]["name"] == "green_block"
    assert len(stored["task_sha256"]) == 64
