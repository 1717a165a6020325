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
def plan():
    from libero_gym.demos.plan import Plan

    return Plan("90", tasks=(0,), per_task=3, image_size=32, assets="builtin", expert="scripted_actions:Pusher")


@pytest.fixture(scope="session")
def record_into():
    """Record a plan, with changes, into a folder; the dataset and the reports."""
    from libero_gym.demos.location import locate
    from libero_gym.demos.record import open_or_create, record

    def run(plan, folder, workers=1, **changes):
        changed = replace(plan, **changes)
        dataset = open_or_create(changed, locate(str(folder)))
        return dataset, record(changed, dataset, workers)

    return run


@pytest.fixture(scope="session")
def recorded(plan, record_into, tmp_path_factory):
    """Not to be changed."""
    dataset, _ = record_into(plan, tmp_path_factory.mktemp("recorded") / "pushed-v0")
    return dataset


@pytest.fixture
def copied(recorded, tmp_path):
    """The location of a copy to damage."""
    from libero_gym.demos.location import locate

    shutil.copytree(recorded.location.folder, tmp_path / "pushed-v0")
    return locate(str(tmp_path / "pushed-v0"))
