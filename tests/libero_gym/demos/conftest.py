"""A small recorded dataset: three demonstrations that really succeed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # worker processes inherit it, and import `scripted_actions`


@pytest.fixture(scope="session")
def schedule():
    from libero_gym.demos.schedule import DemoSchedule

    return DemoSchedule("90", tasks=(0,), per_task=3, image_size=32, assets="builtin", expert="scripted_actions:Pusher")


@pytest.fixture(scope="session")
def record_into():
    """Return a function that records a changed schedule into a folder and returns the dataset and the reports."""
    from libero_gym.demos.location import locate
    from libero_gym.demos.record import open_or_create, record

    def run(schedule, folder, workers=1, **changes):
        changed = replace(schedule, **changes)
        dataset = open_or_create(changed, locate(str(folder)))
        return dataset, record(changed, dataset, workers)

    return run


@pytest.fixture(scope="session")
def recorded(schedule, record_into, tmp_path_factory):
    """Return a dataset that no test may change."""
    dataset, _ = record_into(schedule, tmp_path_factory.mktemp("recorded") / "pushed-v0")
    return dataset


@pytest.fixture
def copied(recorded, tmp_path):
    """Return the location of a copy that a test may damage."""
    from libero_gym.demos.location import locate

    shutil.copytree(recorded.location.folder, tmp_path / "pushed-v0")
    return locate(str(tmp_path / "pushed-v0"))
