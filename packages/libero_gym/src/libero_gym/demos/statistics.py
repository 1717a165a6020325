"""Normalization statistics of a dataset, in the layout of published checkpoints' `dataset_statistics.json`.

    {key: {"action": {mean, std, max, min, q01, q99, mask}, "proprio": {the same without mask},
           "num_transitions": int, "num_trajectories": int}}

Layout and definitions: OpenVLA, `prismatic/vla/datasets/rlds/utils/data_utils.py::get_dataset_statistics`. Values are
in the environment's units, as the dataset has them, the gripper's (-1 opens, +1 closes) too; its mask is False, so that
readers pass it through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.engine.world import ACTION_SIZE

FILE_NAME = "dataset_statistics.json"


def dataset_statistics(key: str, episodes: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Return the statistics over all transitions.

    Args:
        key: the dataset's name in the file.
        episodes: of each episode the actions (T, 7), and the proprioception (T, 8) before each of them.
    """
    pairs = list(episodes)
    actions = np.concatenate([pair[0] for pair in pairs] or [np.zeros((0, ACTION_SIZE))]).astype(np.float64)
    states = np.concatenate([pair[1] for pair in pairs] or [np.zeros((0, 8))]).astype(np.float64)
    mask = [True] * (ACTION_SIZE - 1) + [False]
    return {
        key: {
            "action": {**_describe(actions), "mask": mask},
            "proprio": _describe(states),
            "num_transitions": len(actions),
            "num_trajectories": len(pairs),
        }
    }


def write_statistics(path: Path, statistics: dict[str, Any]) -> None:
    """Write the file, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(json.dumps(statistics, indent=2) + "\n")
    temporary.replace(path)


def _describe(values: np.ndarray) -> dict[str, list[float]]:
    """Return the statistics of each column of `values` (N, D)."""
    if not len(values):
        return {name: [] for name in ("mean", "std", "max", "min", "q01", "q99")}
    return {
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "min": values.min(axis=0).tolist(),
        "q01": np.quantile(values, 0.01, axis=0).tolist(),
        "q99": np.quantile(values, 0.99, axis=0).tolist(),
    }
