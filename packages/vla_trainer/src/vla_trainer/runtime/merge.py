"""The rollouts of several env processes as one, in the order of the run's grid.

Axes: T policy steps, N environments of all processes, B policy steps that were taken.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vla_trainer.runtime.object_store import Chunk, ObservationRefs
from vla_trainer.runtime.process_layout import EnvProcess
from vla_trainer.types import Rollout

_GRIDS = ("mask", "episode", "rewards", "lengths", "terminated", "truncated", "action_rewards", "version")


def merge(
    collected: Sequence[Rollout | None],
    places: Sequence[EnvProcess],
    stores: Mapping[int, list[Chunk]],
    resampled: int = 0,
) -> Rollout:
    """One rollout; its inputs are `ObservationRefs`.

    Args:
        collected: of each env process; None: it had nothing to do. At least one had.
        places: what each of these is.
        stores: by rollout rank, the rows that were kept there.
        resampled: further groups.
    """
    env_indices = np.concatenate([_env_indices(place) for place in places])
    order = np.argsort(env_indices)
    busy = [(part, place) for part, place in zip(collected, places, strict=True) if part is not None]
    parts = [part for part, _ in busy]
    longest = max(len(part.mask) for part in parts)

    def grid(name: str) -> NDArray:
        example = getattr(parts[0], name)
        empty = -1 if name == "episode" else 0
        env_indices_of = []
        for part, place in zip(collected, places, strict=True):
            mine = example[:0] if part is None else getattr(part, name)
            width = len(_env_indices(place))
            missing = np.full((longest - len(mine), width, *example.shape[2:]), empty, dtype=example.dtype)
            env_indices_of.append(missing if part is None else np.concatenate([mine, missing]))
        return np.concatenate(env_indices_of, axis=1)[:, order]

    values = next_values = None
    if all(part.values is not None for part in parts):
        values, next_values = grid("values"), grid("next_values")
    # rows of each part are in the order of its own mask: by time, then by its columns
    cells = []
    for part, place in busy:
        time, env_index = part.mask.nonzero()
        cells.append(np.stack([time, _env_indices(place)[env_index]]))
    time, env_index = np.concatenate(cells, axis=1)
    rows = torch.from_numpy(np.lexsort((env_index, time)))
    store, row = (_joined([part.inputs.get(key) for part in parts])[rows] for key in ("store", "row"))
    keys = sorted({key for chunks in stores.values() for chunk in chunks for key in chunk.arrays})
    grids = {name: grid(name) for name in _GRIDS}
    return Rollout(
        inputs={key: ObservationRefs(key, stores, store, row) for key in keys},  # type: ignore[misc]
        tokens=_joined([part.tokens for part in parts])[rows],
        log_probs=_joined([part.log_probs for part in parts])[rows],
        values=values,
        next_values=next_values,
        episodes={number: part.episodes[number] for part in parts for number in sorted(part.episodes)},
        env_steps=sum(part.env_steps for part in parts),
        slots=sum(part.slots for part in parts),
        videos=[video for part in parts for video in part.videos],
        resampled_groups=resampled,
        states=None if parts[0].states is None else grid("states"),
        next_states=None if parts[0].next_states is None else grid("next_states"),
        **grids,
    )


def _env_indices(place: EnvProcess) -> NDArray[np.int64]:
    """Where a process's environments, stage by stage, stand in the run's grid."""
    return np.concatenate([first + np.arange(place.envs_per_stage) for first in place.first_env_indices])


def _joined(parts: Sequence[Tensor | None]) -> Tensor:
    """Of the parts in which policy steps were taken."""
    filled = [part for part in parts if part is not None and len(part)]
    return torch.cat(filled) if filled else torch.empty(0, dtype=torch.int64)
