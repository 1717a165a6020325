"""Make the policy that a config names."""

import importlib
from functools import reduce
from pathlib import Path
from typing import Any

import torch
from gymnasium.vector import VectorEnv

from vla_trainer import checkpoint
from vla_trainer.config.schema import PolicyConfig
from vla_trainer.errors import PolicyError
from vla_trainer.interfaces import Policy


def make_policy(policy: PolicyConfig, envs: VectorEnv) -> Policy:
    """Call `policy.factory` with the spaces of one environment, and load the weights of `policy.path` if it is set.

    Raises:
        PolicyError: the factory cannot be found, or does not take the arguments.
        CheckpointError: `policy.path` is no checkpoint or does not fit.
    """
    module_name, _, attribute = policy.factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise PolicyError(f"policy.factory={policy.factory}: {error}") from error
    try:
        factory: Any = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise PolicyError(f"policy.factory={policy.factory}: {error}") from error
    try:
        made = factory(envs.single_observation_space, envs.single_action_space, **policy.kwargs)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise PolicyError(f"policy.factory={policy.factory}: {error}") from error
    missing = [name for name in ("act", "evaluate", "save_pretrained", "state_dict") if not hasattr(made, name)]
    if missing:
        raise PolicyError(f"policy.factory={policy.factory}: the policy has no {', '.join(missing)}")
    made.to(device_of(policy))
    made.eval()
    if policy.path is not None:
        checkpoint.load(Path(policy.path).expanduser(), made)
    return made


def device_of(policy: PolicyConfig) -> torch.device:
    """The device that `policy.device` names.

    Raises:
        PolicyError: torch does not know it, or it is not there.
    """
    name = policy.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f'policy.device="{name}" is not a device; allowed: auto, cpu, cuda, cuda:<index>') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PolicyError(f'policy.device="{name}": torch finds no GPU here')
    return device
