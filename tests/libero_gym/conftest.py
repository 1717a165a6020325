"""The engine is compiled once for all processes of a test run, not by each of them at the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

HERE = Path(__file__).parent
#: Tests that need no compiled engine.
WITHOUT = {"assets", "tasks", "test_cache_folder.py", "test_spaces.py", "test_waiting.py"}


@pytest.fixture(scope="session")
def compiled_engine(cache_folder: Path) -> None:
    """Step an environment once: Numba caches what it compiles, and others wait for it instead of compiling, too."""
    from libero_gym.env import LiberoEnv

    with FileLock(cache_folder / "engine.lock"):
        env = LiberoEnv("spatial", task=1, assets="builtin", cameras=[], settle_steps=0)
        env.reset(seed=0)
        env.step(np.zeros(7, np.float32))
        env.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.path.relative_to(HERE).parts[0] not in WITHOUT:
            item.fixturenames.insert(0, "compiled_engine")  # type: ignore[attr-defined]
