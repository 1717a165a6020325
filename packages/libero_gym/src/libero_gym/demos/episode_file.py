"""One episode in one HDF5 file, with the members that Minari's HDF5 layout has in an episode's group.

/episode              attributes: see `Episode.attributes`
  observations/       each key of the observation space, (T+1, ...); pictures compressed without loss
  actions (T, 7) float32      rewards (T,) float64      terminations, truncations (T,) bool
  infos/sim_state     (T+1, 1 + nq + nv) float64, LIBERO's flat [time, qpos, qvel] at each observation
  infos/meant_action  (T, 7) float32, actions without what the expert added to them; not where nobody knows
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.demos.extra import extra_module
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError, LiberoGymError

GROUP = "episode"
MEMBERS = ("observations", "actions", "rewards", "terminations", "truncations", "infos")

#: A picture is stored in bands of rows, each through up to this many frames: what stands still in a band is then
#: within gzip's window of 32 KB, and a steady camera's pictures take a tenth of what they take frame by frame.
_BAND_FRAMES = 96
_BAND_BYTES = 3072


@dataclass(frozen=True, eq=False)
class Episode:
    """A demonstration. T control steps."""

    observations: dict[str, np.ndarray]
    """(T+1, ...) each; the instruction is not among them."""
    instruction: str
    actions: np.ndarray
    """(T, 7) float32, as executed."""
    rewards: np.ndarray
    """(T,) float64"""
    terminations: np.ndarray
    """(T,) bool"""
    truncations: np.ndarray
    """(T,) bool"""
    sim_states: np.ndarray
    """(T+1, 1 + nq + nv) float64"""
    meant_actions: np.ndarray | None = None
    """(T, 7) float32, without what the expert added to them; None where nobody knows."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """What Minari calls the episode's metadata."""

    def __len__(self) -> int:
        return len(self.actions)


def write_episode(path: Path, episode: Episode) -> None:
    """Write the file, whole or not at all, also when the process is killed.

    Raises:
        LiberoGymError: it cannot be written.
    """
    h5py = extra_module("h5py")
    work = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(work, "w") as file:
            group = file.create_group(GROUP)
            group.attrs.update({**episode.attributes, "total_steps": len(episode)})
            observations = group.create_group("observations")
            for key, array in episode.observations.items():
                observations.create_dataset(key, data=array, **_compression(array))
            text = h5py.string_dtype(encoding="utf-8")
            observations.create_dataset("instruction", data=[episode.instruction] * (len(episode) + 1), dtype=text)
            for name in ("actions", "rewards", "terminations", "truncations"):
                group.create_dataset(name, data=getattr(episode, name))
            infos = group.create_group("infos")
            infos.create_dataset("sim_state", data=episode.sim_states)
            if episode.meant_actions is not None:
                infos.create_dataset("meant_action", data=episode.meant_actions)
        sync(work)
        work.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            work.unlink()
        raise LiberoGymError(f"the episode {path} cannot be written ({error})") from error


def _compression(array: np.ndarray) -> dict[str, Any]:
    """HDF5's storage options for pictures (T+1, H, W, 3); other arrays are small."""
    if array.ndim != 4:
        return {}
    rows = max(1, _BAND_BYTES // (array.shape[2] * array.shape[3]))
    bands = (min(len(array), _BAND_FRAMES), min(rows, array.shape[1]), *array.shape[2:])
    return {"chunks": bands, "compression": "gzip", "compression_opts": 4}


def sync(path: Path) -> None:
    """Have a file's contents on the disk before it gets its name."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_attributes(path: Path) -> dict[str, Any]:
    """The attributes of an episode's file, which is found to be whole.

    Raises:
        DatasetError: it is missing, cut off or damaged, or has actions of another size.
    """
    h5py = extra_module("h5py")
    try:
        with h5py.File(path, "r") as file:
            check_group(file[GROUP], str(path))
            return {key: plain(value) for key, value in file[GROUP].attrs.items()}
    except (OSError, KeyError, RuntimeError) as error:
        raise DatasetError(f"{path} is not a whole episode ({_first_line(error)})") from error


def check_group(group: Any, place: str) -> None:
    """Refuse an episode whose parts are missing or do not fit together.

    Raises:
        DatasetError: so it is; KeyError: a part is missing.
    """
    steps = int(group.attrs["total_steps"])
    actions = group["actions"].shape
    if len(actions) != 2 or actions[1] != ACTION_SIZE:
        raise DatasetError(f"{place} has actions of shape {actions}; expected (T, {ACTION_SIZE})")
    lengths = {name: len(group[name]) for name in ("actions", "rewards", "terminations", "truncations")}
    lengths |= {key: len(member) - 1 for key, member in group["observations"].items()}
    lengths["sim_state"] = len(group["infos"]["sim_state"]) - 1
    if "meant_action" in group["infos"]:
        lengths["meant_action"] = len(group["infos"]["meant_action"])
    for name, length in lengths.items():
        if length != steps:
            raise DatasetError(f"{place} is not whole: {name} is for {length} control steps, not {steps}")


def read_episode(group: Any) -> Episode:
    """An episode's arrays from its open group; pictures are read too."""
    observations = {key: member[()] for key, member in group["observations"].items() if key != "instruction"}
    attributes = {key: plain(value) for key, value in group.attrs.items()}
    return Episode(
        observations=observations,
        instruction=str(attributes.get("instruction", "")),
        actions=group["actions"][()],
        rewards=group["rewards"][()],
        terminations=group["terminations"][()],
        truncations=group["truncations"][()],
        sim_states=group["infos"]["sim_state"][()],
        meant_actions=group["infos"]["meant_action"][()] if "meant_action" in group["infos"] else None,
        attributes=attributes,
    )


def plain(value: Any) -> Any:
    """An attribute as Python's own type where it is a single value."""
    return value.item() if isinstance(value, np.generic) else value


def _first_line(error: BaseException) -> str:
    return str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
