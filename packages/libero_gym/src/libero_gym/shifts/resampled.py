"""Variants that were sampled again, because the scripted expert did not solve the first sample.

`benchmarks/shifts.py expert --resample` writes the file: task -> variant's id -> how often it was sampled again.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files

from libero_gym.errors import LiberoGymError
from libero_gym.shifts.request import Variant
from libero_gym.tasks.suites import Task


@functools.cache
def table() -> dict[str, dict[str, int]]:
    """Return the file.

    Raises:
        LiberoGymError: it is missing or damaged.
    """
    path = files("libero_gym.shifts") / "data" / "resampled.json"
    try:
        return {task: dict(variants) for task, variants in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise LiberoGymError(f"{path} is damaged ({error}); install libero-gym again") from error


def resampled(task: Task, variant: Variant) -> int:
    """Return how often a variant of a task was sampled again."""
    return table().get(f"{task.suite}/{task.index}", {}).get(str(variant), 0)
