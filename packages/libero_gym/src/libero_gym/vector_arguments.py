"""What `LiberoVectorEnv` takes and `LiberoEnv` does not, checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from libero_gym.checks import check_integer, is_index
from libero_gym.errors import OptionError, shown, unknown

MAX_ENVS = 1_000_000
#: Methods of single environments that change an episode behind the batch's back.
_OWN_CALLS = ("reset", "step", "close", "__reduce__", "__setattr__", "take_time_limit")


def check_autoreset_mode(given: object, place: str) -> AutoresetMode:
    """Return an autoreset mode, given itself or its name.

    Raises:
        OptionError: there is no such mode.
    """
    modes = {mode.value.lower(): mode for mode in AutoresetMode}
    wanted = given.value if isinstance(given, AutoresetMode) else given
    if not isinstance(wanted, str) or wanted.lower() not in modes:
        raise unknown(OptionError, "autoreset_mode", wanted, modes, place)
    return modes[wanted.lower()]


def check_seconds(what: str, value: object, place: str) -> float:
    """Return a time in seconds.

    Raises:
        OptionError: it is not a number above 0.
    """
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise OptionError(f"{what} {shown(value)} in {place}; allowed: seconds above 0")


def check_mask(mask: Any, never_reset: Sequence[bool]) -> np.ndarray:
    """Return the environments to reset, (N,) bool; all of them where no mask is given.

    Args:
        mask: the reset option `reset_mask`.
        never_reset: of each environment, whether it has no episode yet.

    Raises:
        OptionError: another shape or type, or an environment that has no episode and gets none.
    """
    num_envs = len(never_reset)
    if mask is None:
        return np.ones(num_envs, dtype=bool)
    try:
        checked = np.asarray(mask)
    except Exception as error:  # ragged lists, and whatever else defines `__array__`
        raise OptionError(f"reset_mask {shown(mask)}; expected ({num_envs},) bool") from error
    if checked.shape != (num_envs,) or checked.dtype != np.bool_:
        raise OptionError(f"reset_mask has shape {checked.shape} and type {checked.dtype}; expected ({num_envs},) bool")
    if any(new and not chosen for new, chosen in zip(never_reset, checked, strict=True)):
        raise OptionError("reset_mask leaves out an environment that was never reset; reset all of them first")
    return checked


def check_index(method: str, index: object, num_envs: int) -> None:
    """Check the index of an environment.

    Raises:
        OptionError: it is not among 0..N-1.
    """
    if not is_index(index) or not 0 <= index < num_envs:  # type: ignore[operator]
        raise OptionError(f"{method} of environment {shown(index)}; allowed: 0..{num_envs - 1}")


def check_targets(source: object, targets: object, num_envs: int) -> list[int]:
    """Return the targets of `LiberoVectorEnv.fork`.

    Raises:
        OptionError: an index that is not among 0..N-1, or a target named twice.
    """
    given = targets.tolist() if isinstance(targets, np.ndarray) else targets
    if not isinstance(given, (list, tuple, range)):
        raise OptionError(f"fork() to targets {shown(targets)}; allowed: a sequence of indices 0..{num_envs - 1}")
    for index in (source, *given):
        check_index("fork()", index, num_envs)
    if len(set(given)) < len(given):
        raise OptionError(f"fork() to targets {shown(targets)} names one of them twice")
    return [int(index) for index in given]


def attribute_values(name: str, values: Any, num_envs: int) -> list[Any]:
    """Return the values of `LiberoVectorEnv.set_attr`, one for each environment.

    Raises:
        OptionError: a list or tuple of another length.
    """
    by_env = list(values) if isinstance(values, (list, tuple)) else [values] * num_envs
    if len(by_env) != num_envs:
        raise OptionError(f"set_attr({name!r}) with {len(by_env)} values; expected one for each of {num_envs}")
    return by_env


def check_call(name: str) -> None:
    """Check that a method may be called on single environments.

    Raises:
        OptionError: it changes an episode behind the batch's back.
    """
    if name in _OWN_CALLS:
        raise OptionError(f"call({name!r}) on single environments; call {name}() of the vector environment")


def worker_count(workers: object, num_envs: int, place: str) -> int:
    """Return the number of workers: as given, or one for each processor that this process may use, at most N.

    Raises:
        OptionError: not an integer from 1 on.
    """
    if workers is not None:
        return min(check_integer("workers", workers, 1, MAX_ENVS, place), num_envs)
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return min(processors, num_envs)
