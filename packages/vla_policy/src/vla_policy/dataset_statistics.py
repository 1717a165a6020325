"""Compute normalization statistics of demonstrations, in the layout of published `dataset_statistics.json`.

    {key: {"action": {mean, std, max, min, q01, q99, mask}, "proprio": {the same without mask},
           "num_transitions": int, "num_trajectories": int}}

Layout and definitions: openvla-oft 213c5ff, `prismatic/vla/datasets/rlds/utils/data_utils.py::get_dataset_statistics`.

Axes: T steps of an episode, A action dims, P state dims.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vla_policy.errors import DatasetError, MissingExtraError, clip, names
from vla_policy.spaces import STATE_KEY

Episode = tuple[NDArray[np.float64], NDArray[np.float64] | None]
"""(T, A) actions, and the (T, P) states before each of them."""


def dataset_statistics(
    key: str,
    dataset: Any = None,
    *,
    actions: ArrayLike | Sequence[ArrayLike] | None = None,
    states: ArrayLike | Sequence[ArrayLike] | None = None,
    mask: Sequence[bool] | None = None,
    state_key: str = STATE_KEY,
) -> dict[str, Any]:
    """Compute statistics over all steps, for `from_pretrained(..., statistics=)` or a `dataset_statistics.json`.

    Args:
        key: the dataset's name in the result.
        dataset: a Minari dataset, its id, or its folder; None: arrays are given instead.
        actions: (T, A), or such an array for each episode, in the environment's units.
        states: (T, P), or such an array for each episode: the state before each action; None: no proprioception.
        mask: A flags, False where an action is passed through without normalization; None: all but the last, the
            gripper, as in published checkpoints of arms with one.
        state_key: the state's key in a Minari dataset's observations; a dataset without it gives no proprioception.

    Raises:
        DatasetError: there is no such dataset; it is damaged; arrays do not fit together, are empty, or hold NaN or
            infinity.
        MissingExtraError: Minari is not installed.
    """
    if (dataset is None) == (actions is None):
        raise DatasetError("dataset_statistics: give either a Minari dataset or actions, and not both")
    episodes = list(_of_arrays(actions, states) if dataset is None else _of_minari(dataset, state_key))
    if not episodes:
        raise DatasetError(f"dataset_statistics {clip(repr(key))}: there are no episodes")
    with_states = [number for number, (_, state) in enumerate(episodes) if state is not None]
    if with_states and len(with_states) != len(episodes):
        raise DatasetError(f"dataset_statistics {clip(repr(key))}: {len(with_states)} of {len(episodes)} have states")
    moved = _together([action for action, _ in episodes], "actions")
    dims = moved.shape[1]
    flags = [True] * (dims - 1) + [False] if mask is None else [bool(flag) for flag in mask]
    if len(flags) != dims:
        raise DatasetError(f"dataset_statistics: mask has {len(flags)} flags; actions have {dims} dims")
    entry: dict[str, Any] = {"action": {**_describe(moved), "mask": flags}}
    if with_states:
        entry["proprio"] = _describe(_together([state for _, state in episodes if state is not None], "states"))
    return {key: entry | {"num_transitions": len(moved), "num_trajectories": len(episodes)}}


def _of_arrays(actions: Any, states: Any) -> Iterator[Episode]:
    moved = _split(actions, "actions")
    seen = [None] * len(moved) if states is None else _split(states, "states")
    if len(seen) != len(moved):
        raise DatasetError(f"dataset_statistics: {len(moved)} episodes of actions, {len(seen)} of states")
    for number, (action, state) in enumerate(zip(moved, seen, strict=True)):
        if state is not None and len(state) != len(action):
            raise DatasetError(
                f"dataset_statistics: episode {number} has {len(action)} actions and {len(state)} states; one before "
                "each action is needed"
            )
        yield action, state


def _split(values: Any, name: str) -> list[NDArray[np.float64]]:
    """Return an array for each episode."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        values = [values]
    try:
        found = [np.asarray(episode, dtype=np.float64) for episode in values]
    except (TypeError, ValueError) as error:
        raise DatasetError(f"dataset_statistics: {name} are no arrays of numbers: {clip(str(error))}") from error
    if found and all(row.ndim == 1 for row in found):  # a nested list: a single episode
        return [np.stack(found)] if len({len(row) for row in found}) == 1 else found
    return found


def _together(parts: list[NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    """Join episodes to (sum of T, D) finite numbers."""
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1 or shape[0] < 1:
        raise DatasetError(
            f"dataset_statistics: {name} have shapes {names([part.shape for part in parts], 3)}; (T, D) with one D is "
            "needed"
        )
    for number, part in enumerate(parts):
        if not np.isfinite(part).all():
            step, dim = np.argwhere(~np.isfinite(part))[0]
            raise DatasetError(
                f"dataset_statistics: {name}[{step}, {dim}] of episode {number} is {part[step, dim]}; all must be "
                "finite"
            )
    values = np.concatenate(parts)
    if not len(values):
        raise DatasetError(f"dataset_statistics: {name} have 0 rows; at least one is needed")
    return values


def _describe(values: NDArray[np.float64]) -> dict[str, list[float]]:
    """Compute the statistics of each dimension of (T, D) numbers."""
    return {
        "mean": values.mean(axis=0).tolist(),
        "std": values.std(axis=0).tolist(),
        "max": values.max(axis=0).tolist(),
        "min": values.min(axis=0).tolist(),
        "q01": np.quantile(values, 0.01, axis=0).tolist(),
        "q99": np.quantile(values, 0.99, axis=0).tolist(),
    }


def _of_minari(dataset: Any, state_key: str) -> Iterator[Episode]:
    opened = dataset if hasattr(dataset, "iterate_episodes") else _open(dataset)
    try:
        for episode in opened.iterate_episodes():
            actions = np.asarray(episode.actions, dtype=np.float64)
            observations = episode.observations
            states = observations.get(state_key) if isinstance(observations, Mapping) else None
            # one observation more than actions: that after the last
            yield actions, None if states is None else np.asarray(states, dtype=np.float64)[: len(actions)]
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        place = f" {os.fspath(dataset)}" if isinstance(dataset, (str, os.PathLike)) else ""
        raise DatasetError(f"the Minari dataset{place} is cut off or damaged: {clip(str(error))}") from error


def _open(name: Any) -> Any:
    if not isinstance(name, (str, os.PathLike)):
        raise DatasetError(f"dataset is a {type(name).__name__}; a Minari dataset, its id or its folder is needed")
    try:
        minari = importlib.import_module("minari")
        importlib.import_module("h5py")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f'a Minari dataset needs {error.name}: pip install "vla-policy[demos]"') from error
    folder = Path(name).expanduser()
    if not folder.is_dir():
        try:
            return minari.load_dataset(str(name))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise DatasetError(f"there is no Minari dataset {clip(str(name))} here: {clip(str(error))}") from error
    data = folder if folder.name == "data" else folder / "data"
    try:
        return minari.MinariDataset(data)
    except Exception as error:  # Minari and h5py raise unrelated classes on what is no dataset
        raise DatasetError(f"{data} is no Minari dataset: {clip(str(error))}") from error
