"""Normalize actions and proprioception between env units and [-1, 1] by statistics of a dataset.

Axes: A action dims (7: xyz, axis-angle, gripper), P proprioception dims (8); any leading axes.
Formulas and constants: openvla-oft 213c5ff, `modeling_prismatic.py::_unnormalize_actions` and `robot_utils.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vla_policy.errors import ConfigError, UnnormKeyError, clip, names
from vla_policy.validation import is_finite_number

Bounds = Literal["q99", "minmax"]
"""Which statistics span [-1, 1]: the 1% and 99% quantiles (LIBERO), or minimum and maximum (ALOHA)."""

Gripper = Literal["libero", "none"]
"""`libero`: a checkpoint's gripper is 0 closed .. 1 open, the env wants -1 open, +1 closed. `none`: already env
units."""

EPSILON = 1e-8
"""Added to q99 - q01, so that a dimension that never moved does not divide by zero."""


@dataclass(frozen=True)
class Range:
    """The interval of each dimension that normalization maps to [-1, 1]."""

    low: NDArray[np.float64]
    """(D,)"""
    high: NDArray[np.float64]
    """(D,)"""
    mask: NDArray[np.bool_]
    """(D,) False where a dimension is passed through unchanged."""

    @staticmethod
    def from_stats(stats: Mapping[str, Any], bounds: Bounds, place: str) -> Range:
        """Read `{q01, q99}` or `{min, max}` and the optional `mask` of one entry of `norm_stats`.

        A dimension that never moved, whose low is its high, is allowed, as upstream has it: `EPSILON` keeps it finite.

        Raises:
            ConfigError: a key is absent; an entry is no list of numbers, or of another length; a number is not
                finite; a low is above its high. The message names key, dimension and value.
        """
        keys = ("q01", "q99") if bounds == "q99" else ("min", "max")
        if not isinstance(stats, Mapping):
            raise ConfigError(f"{place} is {clip(stats)}; an object with {names(keys)} is needed")
        absent = [k for k in keys if k not in stats]
        if absent:
            raise ConfigError(f"{place} has no {names(absent)}; it has {names(stats)}")
        low, high = (_numbers(stats[k], f"{place}[{k!r}]") for k in keys)
        flags = stats.get("mask", [True] * len(low))
        flags = _items(flags, f"{place}['mask']", "true and false", _is_flag, "neither true nor false")
        mask = np.array(flags, dtype=np.bool_)
        if not low.shape == high.shape == mask.shape:
            raise ConfigError(
                f"{place}: lengths differ: {keys[0]} has {len(low)}, {keys[1]} {len(high)}, mask {len(mask)}"
            )
        for dim in np.flatnonzero(~(low <= high)):
            raise ConfigError(
                f"{place}, dimension {dim}: {keys[0]} is {low[dim]:g}, above {keys[1]}, which is {high[dim]:g}"
            )
        for dim in np.flatnonzero(high / 2.0 - low / 2.0 > sys.float_info.max / 2.0):
            raise ConfigError(f"{place}, dimension {dim}: {low[dim]:g} to {high[dim]:g} is too wide; a float overflows")
        return Range(low, high, mask)

    def normalize(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return 2 (x - low) / (high - low + eps) - 1, clipped to [-1, 1], where the mask is true."""
        x = np.asarray(values, dtype=np.float64)
        scaled = np.clip(2.0 * (x - self.low) / (self.high - self.low + EPSILON) - 1.0, -1.0, 1.0)
        return np.where(self.mask, scaled, x)

    def unnormalize(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return 0.5 (a + 1) (high - low + eps) + low where the mask is true, else a unchanged."""
        a = np.asarray(values, dtype=np.float64)
        return np.where(self.mask, 0.5 * (a + 1.0) * (self.high - self.low + EPSILON) + self.low, a)


@dataclass(frozen=True)
class ActionStats:
    """Statistics that turn decoded tokens into env actions, and a state into the network's proprioception."""

    key: str
    """The entry of `norm_stats` that was used."""
    action: Range
    proprio: Range | None
    """None where the checkpoint has no statistics of the state; it is then passed through unchanged."""
    gripper: Gripper

    def to_env(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Return (..., A) normalized actions in env units, gripper included."""
        env = self.action.unnormalize(actions)
        if self.gripper == "libero":
            # 2 g - 1 to [-1, 1], the sign to open or close, negated: a checkpoint's 1 is open, the env's -1 is open.
            env[..., -1] = -np.sign(2.0 * env[..., -1] - 1.0)
        return env

    def from_env(self, actions: ArrayLike) -> NDArray[np.float64]:
        """Normalize (..., A) actions in env units: the inverse of `to_env`, for demonstrations."""
        env = np.array(actions, dtype=np.float64)
        if self.gripper == "libero":
            env[..., -1] = (1.0 - np.sign(env[..., -1])) / 2.0
        return self.action.normalize(env)

    def normalize_proprio(self, state: ArrayLike) -> NDArray[np.float32]:
        """Normalize a (..., P) state in env units to the network's input."""
        state = np.asarray(state, dtype=np.float64)
        return (state if self.proprio is None else self.proprio.normalize(state)).astype(np.float32)

    def check_dims(self, action_dim: int, proprio_dim: int | None) -> None:
        """Raise ConfigError unless the statistics are of a network with these sizes; None: it takes no state."""
        place = f"norm_stats[{self.key!r}] has"
        if self.action.low.shape != (action_dim,):
            raise ConfigError(f"{place} {len(self.action.low)} action dims; the network has {action_dim}")
        if proprio_dim is not None and self.proprio is not None and len(self.proprio.low) != proprio_dim:
            raise ConfigError(f"{place} {len(self.proprio.low)} proprioception dims; the network has {proprio_dim}")


def resolve_key(norm_stats: Mapping[str, Any], unnorm_key: str | None) -> str:
    """Return the entry to use: the key itself, else `{key}_no_noops`; with None, the only entry there is.

    Raises:
        UnnormKeyError: no such entry, or None although there are several.
    """
    if unnorm_key is None:
        if len(norm_stats) == 1:
            return next(iter(norm_stats))
        raise UnnormKeyError(
            f"unnorm_key is None, but norm_stats has {len(norm_stats)} keys: {names(norm_stats)}; name one, or give "
            "statistics= of a dataset of your own"
        )
    if not isinstance(unnorm_key, str):
        raise UnnormKeyError(f"unnorm_key is {clip(unnorm_key)}; the name of a dataset is needed")
    for candidate in (unnorm_key, f"{unnorm_key}_no_noops"):
        if candidate in norm_stats:
            return candidate
    raise UnnormKeyError(
        f"unnorm_key {clip(repr(unnorm_key))}: norm_stats has neither it nor {clip(repr(unnorm_key + '_no_noops'))}; "
        f"it has {names(norm_stats)}"
    )


def read_stats(norm_stats: Mapping[str, Any], unnorm_key: str | None, bounds: Bounds, gripper: Gripper) -> ActionStats:
    """Return the statistics of a dataset out of a checkpoint's `norm_stats`."""
    if not isinstance(norm_stats, Mapping):
        raise ConfigError(f"norm_stats is {clip(norm_stats)}; an object of datasets is needed")
    key = resolve_key(norm_stats, unnorm_key)
    entry, place = norm_stats[key], f"norm_stats[{clip(repr(key))}]"
    if not isinstance(entry, Mapping) or "action" not in entry:
        has = names(entry) if isinstance(entry, Mapping) else clip(entry)
        raise ConfigError(f"{place} has no 'action'; it has {has}")
    proprio = entry.get("proprio")
    return ActionStats(
        key=key,
        action=Range.from_stats(entry["action"], bounds, f"{place}['action']"),
        proprio=None if proprio is None else Range.from_stats(proprio, bounds, f"{place}['proprio']"),
        gripper=gripper,
    )


def _numbers(value: Any, place: str) -> NDArray[np.float64]:
    """Return (D,) finite numbers."""
    numbers = _items(value, place, "numbers", is_finite_number, "no finite number")
    if not numbers:
        raise ConfigError(f"{place} is {clip(value)}; a list of numbers is needed")
    return np.array(numbers, dtype=np.float64)


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _items(value: Any, place: str, kind: str, fits: Callable[[Any], bool], misfit: str) -> Sequence[Any]:
    """Return the items of a list or an array; raise ConfigError unless all are of a kind."""
    items = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(items, (list, tuple)):
        raise ConfigError(f"{place} is {clip(value)}; a list of {kind} is needed")
    for dim, item in enumerate(items):
        if not fits(item):
            raise ConfigError(f"{place}, dimension {dim}: {clip(item)} is {misfit}")
    return items


def identity_stats(action_dim: int) -> dict[str, Any]:
    """Return a `norm_stats` entry under which decoded actions are env actions already."""
    return {"action": {"q01": [-1.0] * action_dim, "q99": [1.0] * action_dim, "mask": [False] * action_dim}}
