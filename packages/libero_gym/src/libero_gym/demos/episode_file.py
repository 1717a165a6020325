"""One episode in one HDF5 file, with the members that Minari's HDF5 layout has in an episode's group.

/episode              attributes: see `Episode.attributes`
  observations/       each key of the observation space, (T+1, ...); images compressed without loss
  actions (T, 7) float32      rewards (T,) float64      terminations, truncations (T,) bool
  infos/sim_state     (T+1, 1 + nq + nv) float64, LIBERO's flat [time, qpos, qvel] at each observation
  infos/intended_action  (T, 7) float32, actions without action noise and disturbance; left out where unknown
"""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.demos.extra import extra_module
from libero_gym.engine.world import ACTION_SIZE
from libero_gym.errors import DatasetError, LiberoGymError

GROUP = "episode"
MEMBERS = ("observations", "actions", "rewards", "terminations", "truncations", "infos")

#: In infos.
INTENDED_ACTION = "intended_action"
#: What INTENDED_ACTION was called before; still read.
OLD_INTENDED_ACTION = "meant_action"

#: An image is stored in bands of rows, each through up to this many frames: what stands still in a band is then within
#: gzip's window of 32 KB, and a steady camera's images take a tenth of what they take frame by frame.
_BAND_FRAMES = 96
_BAND_BYTES = 3072


@dataclass(frozen=True, eq=False)
class Demonstration:
    """An episode with its arrays. T control steps."""

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
    intended_actions: np.ndarray | None = None
    """(T, 7) float32, without action noise and disturbance; None where unknown."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Minari's metadata of the episode."""

    def __len__(self) -> int:
        return len(self.actions)


def write_episode(path: Path, episode: Demonstration) -> None:
    """Write the file, whole or not at all, also when the process is killed.

    Raises:
        LiberoGymError: it cannot be written.
    """
    h5py = extra_module("h5py")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(temporary, "w") as file:
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
            if episode.intended_actions is not None:
                infos.create_dataset(INTENDED_ACTION, data=episode.intended_actions)
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise LiberoGymError(f"the episode {path} cannot be written ({error})") from error


def _compression(array: np.ndarray) -> dict[str, Any]:
    """Return HDF5's storage options for images (T+1, H, W, 3); other arrays are small."""
    if array.ndim != 4:
        return {}
    rows = max(1, _BAND_BYTES // (array.shape[2] * array.shape[3]))
    bands = (min(len(array), _BAND_FRAMES), min(rows, array.shape[1]), *array.shape[2:])
    return {"chunks": bands, "compression": "gzip", "compression_opts": 4}


def sync(path: Path) -> None:
    """Flush a file's contents to the disk, before it gets its final name."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of an episode's file, after a check that it is whole.

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
    """Check that an episode's parts fit together.

    Raises:
        DatasetError: they do not; KeyError: a part is missing.
    """
    steps = int(group.attrs["total_steps"])
    actions = group["actions"].shape
    if len(actions) != 2 or actions[1] != ACTION_SIZE:
        raise DatasetError(f"{place} has actions of shape {actions}; expected (T, {ACTION_SIZE})")
    lengths = {name: len(group[name]) for name in ("actions", "rewards", "terminations", "truncations")}
    lengths |= {key: len(member) - 1 for key, member in group["observations"].items()}
    lengths["sim_state"] = len(group["infos"]["sim_state"]) - 1
    for key in (INTENDED_ACTION, OLD_INTENDED_ACTION):
        if key in group["infos"]:
            lengths[key] = len(group["infos"][key])
    for name, length in lengths.items():
        if length != steps:
            raise DatasetError(f"{place} is not whole: {name} is for {length} control steps, not {steps}")


def read_episode(group: Any) -> Demonstration:
    """Read an episode with all of its arrays from its open group."""
    observations = {key: member[()] for key, member in group["observations"].items() if key != "instruction"}
    attributes = {key: plain(value) for key, value in group.attrs.items()}
    return Demonstration(
        observations=observations,
        instruction=str(attributes.get("instruction", "")),
        actions=group["actions"][()],
        rewards=group["rewards"][()],
        terminations=group["terminations"][()],
        truncations=group["truncations"][()],
        sim_states=group["infos"]["sim_state"][()],
        intended_actions=_read_intended(group["infos"]),
        attributes=attributes,
    )


def _read_intended(infos: Any) -> np.ndarray | None:
    if INTENDED_ACTION in infos:
        intended: np.ndarray = infos[INTENDED_ACTION][()]
        return intended
    if OLD_INTENDED_ACTION not in infos:
        return None
    warn_renamed(f'infos["{OLD_INTENDED_ACTION}"]', f'infos["{INTENDED_ACTION}"]')
    old: np.ndarray = infos[OLD_INTENDED_ACTION][()]
    return old


def warn_renamed(old: str, new: str) -> None:
    """Warn that a name is read for the last release."""
    warnings.warn(f"{old} is now called {new}; the old name will not be read by the next release", FutureWarning, 3)


def plain(value: Any) -> Any:
    """Return an attribute as Python's own type where it is a single value."""
    return value.item() if isinstance(value, np.generic) else value


def _first_line(error: BaseException) -> str:
    return str(error).strip("'\"").splitlines()[0] if str(error) else type(error).__name__
