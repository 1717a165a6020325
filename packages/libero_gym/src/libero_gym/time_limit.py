"""One time limit: the environment's own, in control steps, however it was given.

    gymnasium.make(id, max_episode_steps=260)
        LiberoEnv  ->  OrderEnforcing  ->  TimeLimit(260)  ->  take_over: LiberoEnv has the limit, TimeLimit is gone
        env.spec: max_episode_steps=260, and kwargs["_time_limit"]=260
    make(spec), make_vec(spec), a spec that was copied, pickled or read from JSON
        `_time_limit` reaches the environment as a keyword argument

Gymnasium keeps `max_episode_steps` for its own `TimeLimit`, which counts calls of `step`. With chunks of C actions that
is C times as many control steps, and `TimeLimit` can neither cut a chunk off nor knows the limits of single tasks. So
the limit moves into the environment, as the last act of `make`, and `spec` carries it under a name of its own.

A spec that was read from JSON has no `take_over`: `make(spec, max_episode_steps=)` can then shorten the limit only. To
change it, set `spec.max_episode_steps` and `spec.kwargs["_time_limit"]`.
"""

from __future__ import annotations

import copy
import enum
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec, WrapperSpec

if TYPE_CHECKING:
    from libero_gym.options import EnvOptions

#: The keyword argument in which a spec carries the time limit. Not for users.
TIME_LIMIT = "_time_limit"
#: Control steps that no episode reaches; `max_episode_steps=-1` is Gymnasium's word for it.
NO_LIMIT = 1_000_000_000

_TAKE_OVER = WrapperSpec("TakeOverTimeLimit", "libero_gym.time_limit:take_over", {})


class SingleEnvWrappers(tuple):
    """Additional wrappers of a spec (`EnvSpec.additional_wrappers`) that `make` applies and `make_vec` does not see.

    `make` applies a slice of a spec's additional wrappers. `make_vec` refuses a vector entry point whose spec has any,
    because they wrap single environments. So this is an empty tuple whose slice to the end is `take_over`: a vector
    environment needs none of it, because `make_vec` does pass `max_episode_steps` on. With a user's wrappers behind it,
    it is an ordinary tuple.
    """

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        """Return `take_over` for a slice to the end."""
        if isinstance(index, slice) and index.stop is None:
            return (_TAKE_OVER,)
        return super().__getitem__(index)

    def __add__(self, others: Any) -> Any:
        """Return an ordinary tuple, `take_over` first."""
        return (_TAKE_OVER, *others)


SINGLE_ENV_WRAPPERS = SingleEnvWrappers()


def take_over(env: gymnasium.Env) -> gymnasium.Env:
    """Move the limit of Gymnasium's `TimeLimit` into the `LiberoEnv` below it, and leave the wrapper out.

    `gymnasium.make` calls it with what it has made; where it was given -1 there is no `TimeLimit`.
    """
    inner: Any = env.unwrapped
    if isinstance(env, gymnasium.wrappers.TimeLimit):
        inner.take_time_limit(env._max_episode_steps)
        return env.env
    # A spec without a limit has none that Gymnasium could express: see `spec_limit`.
    if inner.spec.max_episode_steps is not None or TIME_LIMIT not in inner.spec.kwargs:
        inner.take_time_limit(-1)
    return env


def spec_limit(options: EnvOptions) -> int | None:
    """Return `max_episode_steps` of an environment's spec.

    None where it has no limit, or where a task has a longer one, which `TimeLimit` would cut off.
    """
    limit = options.max_episode_steps
    return None if limit == NO_LIMIT or any(steps > limit for steps in options.task_limits.values()) else limit


def with_limit(spec: EnvSpec, options: EnvOptions) -> EnvSpec:
    """Copy a spec so that it makes an environment with these options' time limit and can be written as JSON."""
    made = copy.copy(spec)
    made.kwargs = {key: _plain(value) for key, value in spec.kwargs.items() if key != TIME_LIMIT}
    made.max_episode_steps = spec_limit(options)
    if made.max_episode_steps != options.suite.max_episode_steps:
        made.kwargs.pop("max_episode_steps", None)
        made.kwargs[TIME_LIMIT] = -1 if options.max_episode_steps == NO_LIMIT else options.max_episode_steps
    if len(spec.additional_wrappers) == 0:
        made.additional_wrappers = SINGLE_ENV_WRAPPERS
    return made


def with_time_limit(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments with a spec's `_time_limit` as `max_episode_steps`, unless that is there too."""
    given = dict(kwargs)
    limit = given.pop(TIME_LIMIT, None)
    if given.get("max_episode_steps") is None and limit is not None:
        given["max_episode_steps"] = limit
    return given


def _plain(value: Any) -> Any:
    """Return a keyword argument in types that JSON has."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "to_json"):  # a TaskSpec
        return value.to_json()
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value) if type(value) in (list, tuple) else value
    return value
