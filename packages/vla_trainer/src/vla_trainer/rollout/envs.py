"""Make a vector environment that the trainer resets itself, and read its observations and infos.

Axes: N environments.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from vla_trainer.config.environment import class_metadata, find_spec, takes_split
from vla_trainer.config.schema import Env, Eval
from vla_trainer.errors import EnvError
from vla_trainer.protocols import Observation


def evaluation_env(env: Env, settings: Eval) -> Env:
    """Return what an evaluation runs in: `env`, but for the initial states, the time limit and what `settings` names.

    Initial states are those of `settings.split`; where that is null and the environment takes `split`, "eval".
    """
    changes: dict[str, Any] = dict(settings.model_extra or {})
    if settings.split is not None or env.get("split") is not None or takes_split(env.id):
        changes["split"] = settings.split if settings.split is not None else "eval"
    if settings.max_episode_steps is not None:
        changes["max_episode_steps"] = settings.max_episode_steps
    return Env.model_validate({**env.model_dump(), **changes})


def on_device(env: Env, device: str | None) -> Env:
    """Return `env` with the GPU that it renders on, where its metadata names an argument for it and `env` no value.

    `device`: "cuda:0", as CUDA numbers it in the process that makes the environment; None: no GPU.
    """
    argument = class_metadata(env.id).get("device_argument")
    if device is None or argument is None or env.get(argument) is not None:
        return env
    return Env.model_validate({**env.model_dump(), argument: device})


def watchable(env: Env, *, recorded: bool) -> Env:
    """Return `env` as it renders for people, where videos are `recorded` and its metadata names a render mode for it
    and `env` none."""
    mode = class_metadata(env.id).get("video_render_mode")
    if not recorded or mode is None or env.get("render_mode") is not None:
        return env
    return Env.model_validate({**env.model_dump(), "render_mode": mode})


def make_envs(env: Env, num_envs: int) -> VectorEnv:
    """Make `num_envs` copies of `env` that reset only when told to; of its initial states, where it takes `split` and
    `env.split` is null, those for training.

    An environment with a vector entry point is made through it, any other by Gymnasium's `SyncVectorEnv`. The reset
    mode is `AutoresetMode.DISABLED`: the trainer decides where each episode begins, and a final observation is simply
    the last one.

    Raises:
        gymnasium.error.Error: no such environment, or what its own constructor raises.
        EnvError: an argument that the environment does not take, a module that is not installed, or a vector
            environment with another reset mode.
    """
    name = env.name
    try:
        find_spec(env.id)
    except ImportError as error:
        raise EnvError(f"env.id={env.id}: {error}") from error
    kwargs = env.make_kwargs()
    if "split" not in kwargs and takes_split(env.id):
        kwargs["split"] = "train"
    mode = AutoresetMode.DISABLED
    try:
        if gymnasium.spec(name).vector_entry_point is None:
            envs = gymnasium.make_vec(
                name, num_envs=num_envs, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **kwargs
            )
        else:
            envs = gymnasium.make_vec(
                name, num_envs=num_envs, vectorization_mode="vector_entry_point", autoreset_mode=mode, **kwargs
            )
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise EnvError(f"{name}: {error}") from error
    except ModuleNotFoundError as error:
        raise EnvError(f"{name} needs a package that is not installed: {error}") from error
    if envs.metadata.get("autoreset_mode") != mode:
        found = envs.metadata.get("autoreset_mode")
        envs.close()
        raise EnvError(f"{name}: its reset mode is {found}; the trainer needs {mode}")
    if not isinstance(envs.single_action_space, gymnasium.spaces.Box):
        space = envs.single_action_space
        envs.close()
        raise EnvError(f"{name}: its action space is {space}; the trainer needs a Box")
    return envs


def neutral_action(envs: VectorEnv) -> NDArray[np.floating]:
    """Return what a waiting environment is given: zeros inside the single action space."""
    space = envs.single_action_space
    assert isinstance(space, gymnasium.spaces.Box)
    return np.clip(np.zeros(space.shape, space.dtype), space.low, space.high)


def take(obs: Observation, rows: NDArray[np.intp]) -> Observation:
    """Return the observations of some environments out of a batched observation."""
    if isinstance(obs, np.ndarray):
        return obs[rows]
    if isinstance(obs, Mapping):
        return {key: take(value, rows) for key, value in obs.items()}
    if isinstance(obs, tuple) and obs and not isinstance(obs[0], str):
        return tuple(take(value, rows) for value in obs)
    return [obs[row] for row in rows]


def info_of(infos: Mapping[str, Any], key: str, row: int) -> Any:
    """Return what environment `row` put under `key` in its info, or None; Gymnasium's vector form has `_key` masks."""
    if key not in infos:
        return None
    present = infos.get(f"_{key}")
    if present is not None and not present[row]:
        return None
    value = infos[key][row]
    return value.item() if isinstance(value, np.generic) else value


def success_of(infos: Mapping[str, Any], row: int) -> bool | None:
    """Return whether environment `row` says that it has succeeded; None if it says nothing."""
    for key in ("success", "is_success"):
        value = info_of(infos, key, row)
        if value is not None:
            return bool(value)
    return None
