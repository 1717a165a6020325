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
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec

from libero_gym.options import NO_LIMIT, EnvOptions
from libero_gym.registration import SINGLE_ENV_WRAPPERS, TIME_LIMIT


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
    """`max_episode_steps` of an environment's spec; None where it has no limit, or where a task has a longer one, which
    `TimeLimit` would cut off."""
    limit = options.max_episode_steps
    return None if limit == NO_LIMIT or any(one > limit for one in options.task_limits.values()) else limit


def with_limit(spec: EnvSpec, options: EnvOptions) -> EnvSpec:
    """A copy of a spec that makes an environment with these options' time limit, and that can be written as JSON."""
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
    """Keyword arguments with a spec's `_time_limit` as `max_episode_steps`, unless that is there too."""
    given = dict(kwargs)
    limit = given.pop(TIME_LIMIT, None)
    if given.get("max_episode_steps") is None and limit is not None:
        given["max_episode_steps"] = limit
    return given


def _plain(value: Any) -> Any:
    """A keyword argument in types that JSON has."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {_plain(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(one) for one in value) if type(value) in (list, tuple) else value
    return value
