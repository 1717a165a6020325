"""Recording: order, failures, and what is left when it is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import minari
import numpy as np
import pytest

from libero_gym.demos.dataset import DemoDataset
from libero_gym.demos.location import locate
from libero_gym.errors import DatasetError, OptionError, WorkerError

FOLDER = Path(__file__).parent


def contents(dataset):
    """Return everything that a dataset holds, to compare it."""
    episodes = [dataset.episode(record.id) for record in dataset.records]
    return [
        (
            {key: array.tobytes() for key, array in episode.observations.items()},
            episode.actions.tobytes(),
            episode.sim_states.tobytes(),
            {key: np.asarray(value).tolist() for key, value in episode.attributes.items()},
        )
        for episode in episodes
    ]


def test_workers_do_not_show_in_the_result(schedule, record_into, recorded, tmp_path):
    dataset, reports = record_into(schedule, tmp_path / "two-v0", workers=2)
    assert contents(dataset) == contents(recorded)
    assert (reports[0].kept, reports[0].attempts, reports[0].failures) == (3, 3, [])
    other, _ = record_into(schedule, tmp_path / "other", per_task=1, seed=1)
    assert contents(other)[0] != contents(recorded)[0]


def test_episodes_are_in_the_order_of_tasks(schedule, record_into, tmp_path):
    changes = {"suite": "spatial", "tasks": (1, 0), "per_task": 2, "expert": "scripted_actions:Still"}
    changes |= {"keep_failures": True}
    serial, _ = record_into(schedule, tmp_path / "one", **changes)
    parallel, _ = record_into(schedule, tmp_path / "two", workers=2, **changes)
    assert [record.attributes["task_id"] for record in serial.records] == [1, 1, 0, 0]
    assert contents(serial) == contents(parallel)


def test_failures_are_made_up_for_by_further_attempts(schedule, record_into, tmp_path):
    dataset, reports = record_into(schedule, tmp_path / "one", expert="scripted_actions:Fickle")
    attempts = [record.attributes["attempt"] for record in dataset.records]
    assert len(attempts) == 3
    assert attempts == sorted(attempts) != [0, 1, 2]
    assert [record.attributes["success"] for record in dataset.records] == [True] * 3
    assert reports[0].attempts == attempts[-1] + 1
    assert {failure.reason for failure in reports[0].failures} == {"not in the mood"}
    same, _ = record_into(schedule, tmp_path / "two", workers=2, expert="scripted_actions:Fickle")
    assert contents(same) == contents(dataset)


def test_failures_are_recorded_when_asked_for(schedule, record_into, tmp_path):
    dataset, _ = record_into(schedule, tmp_path / "all", expert="scripted_actions:Still", keep_failures=True)
    assert [record.attributes["success"] for record in dataset.records] == [False] * 3
    episode = dataset.episode(0)
    assert len(episode) == 3
    assert (episode.rewards == 0).all()
    assert episode.truncations.tolist() == [False, False, True]  # interrupted, not ended by success
    assert not episode.terminations.any()
    assert episode.intended_actions is None  # this expert has none


def test_the_old_name_of_intended_actions_is_taken_with_a_warning(schedule, record_into, recorded, tmp_path):
    with pytest.warns(FutureWarning, match="attribute `meant` is now called `intended`"):
        dataset, _ = record_into(schedule, tmp_path / "old", per_task=1, expert="scripted_actions:OldPusher")
    expected = recorded.episode(0).intended_actions
    np.testing.assert_array_equal(dataset.episode(0).intended_actions, expected)
    assert expected is not None


@pytest.mark.parametrize(
    ("expert", "reason"),
    [("Still", "the expert gave up"), ("Broken", "ZeroDivisionError: a mistake"), ("Unborn", "KeyError: 'a name'")],
)
def test_a_task_that_is_given_up(expert, reason, schedule, record_into, tmp_path):
    dataset, reports = record_into(schedule, tmp_path / "none", expert=f"scripted_actions:{expert}", max_attempts=2)
    assert dataset.records == []
    assert (reports[0].kept, reports[0].wanted, reports[0].attempts) == (0, 3, 2)
    assert [failure.reason for failure in reports[0].failures] == [reason] * 2
    assert minari.MinariDataset(dataset.location.data).total_episodes == 0


def test_an_expert_that_refuses_a_task_is_not_asked_again(schedule, record_into, tmp_path):
    _, reports = record_into(schedule, tmp_path / "none", expert="scripted_actions:refuses")
    assert reports[0].attempts == 1
    assert reports[0].impossible == "no way to do KITCHEN_SCENE10_close_the_top_drawer_of_the_cabinet"


def test_the_time_limit(schedule, record_into, tmp_path):
    _, reports = record_into(schedule, tmp_path / "none", max_attempts=1, max_episode_steps=5)
    assert [(failure.steps, failure.reason) for failure in reports[0].failures] == [(5, "the time limit was reached")]


def test_going_on_with_more_episodes(schedule, record_into, recorded, tmp_path):
    first, _ = record_into(schedule, tmp_path / "more", per_task=1)
    assert len(first.records) == 1
    dataset, reports = record_into(schedule, tmp_path / "more")
    assert (reports[0].before, reports[0].attempts) == (1, 2)
    assert contents(dataset) == contents(recorded)
    _, reports = record_into(schedule, tmp_path / "more")
    assert reports[0].attempts == 0


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"suite": "spatial"}, "suite 'libero_90', requested is 'libero_spatial'"),
        ({"image_size": 64}, "image_size 32, requested is 64"),
        ({"seed": 5}, "seed 0, requested is 5"),
        ({"cameras": ("wrist",)}, r"cameras \['agentview', 'wrist'\], requested is \['wrist'\]"),
        ({"expert": "scripted_actions:Still"}, "source 'scripted_actions:Pusher', requested is"),
    ],
)
def test_going_on_with_something_else_is_refused(changes, difference, schedule, record_into, copied):
    with pytest.raises(DatasetError, match=f"the dataset pushed-v0 has {difference}"):
        record_into(schedule, copied.folder, **changes)


def test_going_on_with_another_asset_set_is_refused(schedule, record_into, copied, official_assets):
    with pytest.raises(DatasetError, match=r"is of the asset set 'builtin-.*this is 'folder-"):
        record_into(schedule, copied.folder, assets=official_assets)


def test_an_expert_that_is_not_there(schedule, record_into, tmp_path):
    for name in ("scripted_actions:Nobody", "no_such_module:Expert", "scripted_actions:METRES"):
        with pytest.raises(OptionError, match=f"--expert '{name}'"):
            record_into(schedule, tmp_path / "none", expert=name)
    assert not (tmp_path / "none").exists()


def test_a_worker_that_dies_is_named(schedule, record_into, tmp_path):
    folder = tmp_path / "crashed"
    with pytest.raises(WorkerError, match=r"a worker process died at Attempt.*goes on where this one stopped"):
        record_into(schedule, folder, workers=2, expert="scripted_actions:Crashing")
    assert DemoDataset.open(locate(str(folder))).records == []


def test_a_killed_recording_loads_and_goes_on(recorded, schedule, record_into, tmp_path):
    folder = tmp_path / "pushed-v0"
    code = (
        "from libero_gym.demos.location import locate\n"
        "from libero_gym.demos.schedule import DemoSchedule\n"
        "from libero_gym.demos.record import open_or_create, record\n"
        "changes = {'image_size': 32, 'assets': 'builtin', 'expert': 'scripted_actions:Slow'}\n"
        "schedule = DemoSchedule('90', tasks=(0,), per_task=3, **changes)\n"
        f"record(schedule, open_or_create(schedule, locate({str(folder)!r})), 2)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(FOLDER)})
    deadline = time.monotonic() + 120
    main = folder / "data" / "metadata.json"
    while not (main.exists() and minari.MinariDataset(folder / "data").total_episodes):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()

    left = minari.MinariDataset(folder / "data")
    assert left.total_episodes in (1, 2)
    assert all(len(episode) > 10 for episode in left)
    whole = sum(1 for path in (folder / "data" / "episodes").glob("task_*.hdf5"))
    dataset, reports = record_into(schedule, folder, expert="scripted_actions:Slow")
    assert reports[0].attempts <= 3 - whole
    assert contents(dataset) == contents(recorded)
    names = sorted(path.name for path in (folder / "data" / "episodes").iterdir())
    assert names == [f"task_000_attempt_{number:04d}.hdf5" for number in range(3)]


def test_files_of_killed_writers_are_used_or_removed(schedule, record_into, recorded, copied, tmp_path):
    dataset, _ = record_into(schedule, tmp_path / "pushed", per_task=1)
    folder = dataset.episodes_folder
    later = copied.data / "episodes"
    (folder / ".task_000_attempt_0001.hdf5.4711").write_bytes(b"half")
    (folder / "task_000_attempt_0001.hdf5").write_bytes(b"half, by a disk that broke")
    (later / "task_000_attempt_0002.hdf5").rename(folder / "task_000_attempt_0002.hdf5")  # whole, not added yet
    (dataset.location.data / ".main_data.hdf5.4711").write_bytes(b"half")
    dataset, reports = record_into(schedule, tmp_path / "pushed")
    assert reports[0].attempts == 1  # number 1; number 2 was there
    assert contents(dataset) == contents(recorded)
    assert not list(dataset.location.data.rglob(".*4711"))


def test_an_episode_that_was_written_before_it_was_counted(copied, recorded):
    import json

    path = copied.data / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"total_episodes": 2}))
    assert minari.MinariDataset(copied.data).total_episodes == 2
    assert contents(DemoDataset.open(copied)) == contents(recorded)
    assert DemoDataset.open(locate(str(copied.folder))).records[2].id == 2
