"""Fixtures of all tests: a cache folder of their own, and where LIBERO's original assets may lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
OFFICIAL = Path(os.environ.get("LIBERO_GYM_TEST_ASSETS", REPOSITORY.parent / "shared" / "libero-assets"))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh cache for the session, so that nothing an earlier run left behind can make a test pass.

    Processes of one run (pytest-xdist) share it, as users' processes do.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "libero-gym-cache"
    folder.mkdir(exist_ok=True)
    os.environ["LIBERO_GYM_CACHE"] = str(folder)
    os.environ.pop("LIBERO_GYM_ASSETS", None)
    return folder


@pytest.fixture(scope="session")
def official_assets() -> Path:
    """A folder of LIBERO's original assets."""
    if not OFFICIAL.is_dir():
        pytest.skip(f"LIBERO's original assets are not at {OFFICIAL}; set LIBERO_GYM_TEST_ASSETS to a folder of them")
    return OFFICIAL
