"""Check whether a checkpoint's state fits the config that a run goes on under, and which running episodes go on.

PPO's episodes go on from one iteration to the next. A checkpoint keeps those that run as their initial states and
actions, which repeat them only in the environments that they began in: under other ones they are dropped, and new ones
begin.

Axes: N environments.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vla_trainer import checkpoint
from vla_trainer.config.environment import class_metadata
from vla_trainer.config.schema import Config
from vla_trainer.errors import CheckpointError

CONFIG_KEY = "config"
"""In the state: what decides whether its episodes can go on."""
_Kind = tuple[str, Callable[[Any], bool]]


def _is(*types: type) -> _Kind:
    names = " or ".join(kind.__name__ for kind in types)
    return names, lambda value: isinstance(value, types) and not isinstance(value, bool)


def _list_of(kind: type) -> _Kind:
    fits = _is(kind)[1]
    return f"list of {kind.__name__}", lambda value: isinstance(value, list) and all(map(fits, value))


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


_COMMON: dict[str, _Kind] = {"iteration": _is(int), "progress": _is(dict), "torch": ("Tensor", _is_tensor)}
_RL: dict[str, _Kind] = {
    "running": _list_of(dict),
    "begun": _list_of(int),
    "env_steps": _is(int),
    "start_rng": _is(dict),
    "tasks": _is(dict),
    "version": _is(int),
    "shuffles": ("Tensor", _is_tensor),
}


def written_under(config: Config) -> dict[str, Any]:
    """Return what a checkpoint keeps of its config, in plain types."""
    return {"algorithm": config.algorithm.name, "env": config.env.model_dump(mode="json")}


def check(path: Path, config: Config) -> list[str]:
    """Check that a run under `config` can go on from checkpoint `path`; return notes for the user.

    Raises:
        CheckpointError: not a checkpoint, damaged, or of a run that the config cannot go on with.
    """
    state = checkpoint.read_state(path, mapped=True)
    check_state(path, state, config)
    if not config.algorithm.uses_rollouts:
        return []
    dropped = sum(map(bool, state["running"]))
    reason = _change(state, config) if dropped else None
    return [f"{reason}: the {dropped} running episodes are dropped, and new ones begin"] if reason else []


def check_state(path: Path, state: Mapping[str, Any], config: Config) -> None:
    """Raise CheckpointError if the state lacks something that a resume under `config` reads."""
    is_sft = not config.algorithm.uses_rollouts
    kinds = _COMMON if is_sft else _COMMON | _RL
    if config.algorithm.critic_key is not None:
        kinds = kinds | {"critic": _is(dict)}
    if config.algorithm.uses_rollouts and config.policy_gradient.self_imitation is not None:
        kinds = kinds | {"successes": _list_of(dict)}
    if config.actor.update_kl is not None:
        kinds = kinds | {"lr_factor": _is(float)}
    trained = "running" not in state
    if is_sft != trained and "iteration" in state:
        was, now = ("sft", config.algorithm.name) if trained else ("reinforcement learning", "sft")
        raise CheckpointError(
            f"{path} is of {was}, and algorithm.name={now} cannot go on from it; "
            f"begin a new run with policy.checkpoint={path}"
        )
    for key, (name, fits) in kinds.items():
        if key not in state:
            raise CheckpointError(f"{path} is not a checkpoint of a run: {checkpoint.STATE_FILE} has no {key}")
        if not fits(state[key]):
            found = type(state[key]).__name__
            raise CheckpointError(f"{path}: {checkpoint.STATE_FILE}: {key} is a {found}; allowed: {name}")
    if not is_sft and len(state["running"]) != len(state["begun"]):
        raise CheckpointError(
            f"{path}: {checkpoint.STATE_FILE}: running has {len(state['running'])} environments, "
            f"begun {len(state['begun'])}"
        )


def running_episodes(state: Mapping[str, Any], config: Config) -> tuple[list[dict[str, Any]], list[int]]:
    """Return, for each of `config.env.num_envs` environments, the running episode ({}: none) and how many have begun.

    `state` has passed `check_state`. Running episodes are dropped where `check` says so.
    """
    n, begun = config.env.num_envs, [int(count) for count in state["begun"]]
    if _change(state, config) is None:
        return list(state["running"]), begun
    return [{} for _ in range(n)], [*begun[:n], *[0] * (n - len(begun))]


def _change(state: Mapping[str, Any], config: Config) -> str | None:
    """Return why running episodes cannot go on; None where they can."""
    changes: dict[str, tuple[Any, Any]] = {}
    if len(state["running"]) != config.env.num_envs:
        changes["env.num_envs"] = (len(state["running"]), config.env.num_envs)
    then, now = state.get(CONFIG_KEY), written_under(config)
    if isinstance(then, dict):  # checkpoints of before it was kept have none
        if then["algorithm"] != now["algorithm"]:
            changes["algorithm.name"] = (then["algorithm"], now["algorithm"])
        before, after = _decisive(then["env"], config), _decisive(now["env"], config)
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                changes[f"env.{key}"] = (before.get(key), after.get(key))
    return ", ".join(f"{key} was {old} and is {new}" for key, (old, new) in changes.items()) or None


def _decisive(env: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return the keys of `env` that are given and decide where actions lead; former ones may have `kwargs`."""
    seen = class_metadata(config.env.id).get("arguments_without_effect_on_states", ())
    given = {**env, **env.get("kwargs", {}), "id": str(env.get("id")).rpartition(":")[2]}
    return {
        key: value
        for key, value in given.items()
        if value is not None and key not in ("num_envs", "kwargs") and key not in seen
    }
