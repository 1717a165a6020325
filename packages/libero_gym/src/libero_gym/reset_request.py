"""What a reset asks for, checked as a whole before any state changes.

    reset(seed=, options=)  -->  check_reset  -->  ResetRequest  -->  Episode.start_from

A `LiberoVectorEnv` checks the requests of all its environments before it sends the first one to a worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from libero_gym.checks import finite_array, is_index
from libero_gym.errors import InitStateError, OptionError, SavedStateError, TaskError, shown, unknown
from libero_gym.options import EnvOptions
from libero_gym.saved_state import SavedState, decode, task_of
from libero_gym.tasks.init_states import count_states
from libero_gym.tasks.suites import Task

RESET_OPTIONS = ("task", "init_state", "sim_state", "state")
#: `info["seed"]` of a vector environment is an array of int64.
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class ResetRequest:
    """How an episode starts; None where the environment's generator decides."""

    seed: int | None = None
    task: Task | None = None
    init_state: int | None = None
    sim_state: np.ndarray | None = None
    """(1 + nq + nv,) float64, not the caller's array."""
    state: SavedState | None = None
    """An episode's state, which goes on; with its task."""
    forked: bool = False
    """Whether `state` is the present one of another environment of the batch: its observation is there already, and the
    generator of later episodes stays this environment's own."""


def check_reset(options: EnvOptions, seed: object, reset_options: object) -> ResetRequest:
    """Check the arguments of `LiberoEnv.reset`.

    Where no task is named, a state must fit every task that may be sampled, so that chance does not decide whether a
    reset is refused.

    Args:
        options: of the environment.
        seed: its argument `seed`.
        reset_options: its argument `options`.

    Raises:
        OptionError: an unknown key or a bad seed; TaskError, InitStateError: an unknown task or state.
    """
    checked_seed = None if seed is None else check_seed(seed, options)
    if reset_options is None:
        return ResetRequest(checked_seed)
    values = check_reset_keys(options, reset_options, RESET_OPTIONS)
    task = None if values.get("task") is None else _task(options, values["task"])
    candidates = options.tasks if task is None else (task,)
    init_state, sim_state = values.get("init_state"), values.get("sim_state")
    given = [key for key in ("init_state", "sim_state", "state") if values.get(key) is not None]
    if len(given) > 1:
        raise InitStateError(f"reset options {' and '.join(given)} exclude each other")
    if values.get("state") is not None:
        saved = decode(values["state"], options)
        if task not in (None, task_of(saved, options)):
            raise SavedStateError(f"a saved state of task {saved.task}; reset option task is {shown(values['task'])}")
        return ResetRequest(checked_seed, task_of(saved, options), state=saved)
    return ResetRequest(
        checked_seed,
        task,
        None if init_state is None else _init_state(options, candidates, init_state),
        None if sim_state is None else _sim_state(options, candidates, sim_state),
    )


def check_reset_keys(options: EnvOptions, reset_options: object, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of a reset as a new dict, with known keys only.

    Raises:
        OptionError: not a mapping, or an unknown key.
    """
    if not isinstance(reset_options, Mapping):
        place = options.suite.env_id
        raise OptionError(f"reset options {shown(reset_options)} in {place}; allowed: a dict with {', '.join(allowed)}")
    for key in reset_options:
        if key not in allowed:
            raise unknown(OptionError, "reset option", key, allowed, options.suite.env_id)
    return dict(reset_options)


def check_seed(seed: object, options: EnvOptions, what: str = "seed") -> int:
    """Return a seed: a non-negative integer, as Gymnasium has it; NumPy's integers too.

    Raises:
        OptionError: any other value.
    """
    if not is_index(seed) or not 0 <= seed <= MAX_SEED:  # type: ignore[operator]
        place = options.suite.env_id
        raise OptionError(f"{what} {shown(seed)} in {place}; allowed: an integer from 0 to {MAX_SEED}, or None")
    return int(seed)  # type: ignore[call-overload]


def check_seeds(options: EnvOptions, seed: Any, num_envs: int) -> list[int | None]:
    """Return a vector environment's seeds: one for each environment, or an integer s for s, s + 1, ...

    Raises:
        OptionError: any other value.
    """
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, (list, tuple)) or (isinstance(seed, np.ndarray) and seed.ndim == 1):
        if len(seed) != num_envs:
            raise OptionError(f"{len(seed)} seeds for {num_envs} environments; expected one for each")
        return [
            None if env_seed is None else check_seed(env_seed, options, f"seed[{index}]")
            for index, env_seed in enumerate(seed)
        ]
    first = check_seed(seed, options)
    return [check_seed(first + index, options) for index in range(num_envs)]


def value_per_env(key: str, value: Any, num_envs: int) -> list[Any]:
    """Return a vector environment's reset option for each environment, given one for each or one for all.

    Raises:
        OptionError: another number of values.
    """
    is_per_env = isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if key == "sim_state" and is_per_env:
        # A flat state is a sequence too, of numbers.
        is_per_env = any(state is None or isinstance(state, (list, tuple, np.ndarray)) for state in value)
    if not is_per_env:
        return [value] * num_envs
    if len(value) != num_envs:
        raise OptionError(f"reset option {key} has {len(value)} values; expected one, or one for each of {num_envs}")
    return list(value)


def _task(options: EnvOptions, value: Any) -> Task:
    chosen = options.suite.select(value.item() if isinstance(value, np.generic) else value)
    if len(chosen) != 1 or chosen[0] not in options.tasks:
        allowed = ", ".join(str(item.id) for item in options.tasks)
        raise TaskError(f"reset option task {shown(value)} is not among this environment's tasks; allowed: {allowed}")
    return chosen[0]


def _init_state(options: EnvOptions, candidates: tuple[Task, ...], value: Any) -> int:
    counts = [count_states(task, options.split, options.scenes.published_states(task)) for task in candidates]
    if not is_index(value) or not 0 <= value < min(counts):
        where = f"{candidates[0].suite} task {candidates[0].index}"
        if len(candidates) > 1:
            where = f"{options.suite.env_id}, whose tasks all have them"
        raise InitStateError(
            f"unknown init_state {shown(value)} of split {options.split!r} in {where}; allowed: 0..{min(counts) - 1}"
        )
    return int(value)


def _sim_state(options: EnvOptions, candidates: tuple[Task, ...], value: Any) -> np.ndarray:
    sizes = {options.scenes.published_states(task)[0].shape[1] for task in candidates}
    if len(sizes) > 1:
        raise InitStateError(
            f"reset option sim_state without a task; name it: the tasks of {options.suite.env_id} have states of "
            f"{', '.join(map(str, sorted(sizes)))} values"
        )
    (size,) = sizes
    try:
        return finite_array(InitStateError, "sim_state", value, (size,)).copy()
    except InitStateError as error:
        task = candidates[0].name if len(candidates) == 1 else options.suite.env_id
        raise InitStateError(f"{error}; {task} takes ({size},): [time, qpos, qvel]") from error.__cause__
