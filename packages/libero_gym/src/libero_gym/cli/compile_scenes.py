"""Compile scenes before a command needs them, several at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from libero_gym.cli.progress import progress_bar
from libero_gym.scene.source import SceneSource
from libero_gym.tasks.suites import Task


def compile_scenes(scenes: SceneSource, tasks: Sequence[Task], workers: int) -> None:
    """Compile the scenes of some tasks into the cache, with a progress bar."""
    pool = ThreadPoolExecutor(min(workers, len(tasks)))
    try:
        with progress_bar(len(tasks)) as advance:
            for task, _ in zip(tasks, pool.map(scenes.scene, tasks), strict=True):
                advance(task)
    finally:
        pool.shutdown(cancel_futures=True)  # after an error, start no further compilation
