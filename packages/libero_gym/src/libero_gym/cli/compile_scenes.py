"""Have scenes compiled before a command needs them, several at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from libero_gym.cli.progress import progress_bar
from libero_gym.scene.source import SceneSource
from libero_gym.tasks.suites import Task


def compile_scenes(scenes: SceneSource, tasks: Sequence[Task], workers: int) -> None:
    """Have every scene in the cache."""
    pool = ThreadPoolExecutor(min(workers, len(tasks)))
    try:
        with progress_bar(len(tasks)) as done:
            for number, _ in enumerate(pool.map(scenes.scene, tasks)):
                done(tasks[number])
    finally:
        pool.shutdown(cancel_futures=True)  # once something went wrong, nothing more is started
