"""Make the policy that a config names and the context that it computes in."""

import copy
import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, Protocol

import torch
from gymnasium import spaces

from vla_trainer import checkpoint
from vla_trainer.config.schema import PolicyConfig
from vla_trainer.errors import PolicyError
from vla_trainer.named_object import named_object
from vla_trainer.protocols import Policy
from vla_trainer.row_threads import RowThreads

#: Programs that torch.compile's kernels for a GPU need one of, as Triton looks for them.
COMPILERS = ("cc", "gcc", "clang")

#: Where the kernel's module says its version.
DRIVER = Path("/proc/driver/nvidia/version")


class Spaces(Protocol):
    """Spaces of one environment."""

    @property
    def observation_space(self) -> spaces.Space[Any]:
        """Of what the policy looks at."""

    @property
    def action_space(self) -> spaces.Space[Any]:
        """Of what it does."""


def make_policy(policy: PolicyConfig, env: Spaces, prepare: Callable[[Any], None] | None = None) -> Policy:
    """Call `policy.factory` with the spaces of one environment, and load the weights of `policy.checkpoint`.

    `prepare` is called with the policy when its weights are complete, before they are moved to `policy.device`.

    Raises:
        PolicyError: the factory cannot be found, or does not take the arguments; or the policy cannot do what is asked.
        CheckpointError: `policy.checkpoint` is no checkpoint or does not fit.
    """
    if policy.compile is not None:
        _check_compiler(policy)
    try:
        factory = named_object(policy.factory)
    except (ModuleNotFoundError, AttributeError) as error:
        raise PolicyError(f"policy.factory={policy.factory}: {error}") from error
    kwargs = dict(policy.kwargs)
    if policy.lora is not None:
        kwargs["lora"] = policy.lora.model_dump(exclude_none=True)
    try:
        made = factory(env.observation_space, env.action_space, **kwargs)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise PolicyError(f"policy.factory={policy.factory}: {error}") from error
    missing = [name for name in ("act", "evaluate", "save_pretrained", "state_dict") if not hasattr(made, name)]
    if missing:
        raise PolicyError(f"policy.factory={policy.factory}: the policy has no {', '.join(missing)}")
    if policy.export_dtype is not None and "dtype" not in signature(made.save_pretrained).parameters:
        raise PolicyError(
            f"policy.export_dtype is set, but save_pretrained of a {type(made).__name__}, which {policy.factory} "
            "makes, takes no dtype"
        )
    if policy.gradient_checkpointing:
        enable = _method(made, policy, "gradient_checkpointing", "gradient_checkpointing_enable")
        if policy.gradient_checkpointing == "selective":
            enable("selective")
        else:
            enable()
    device = device_of(policy)
    made.eval()
    if policy.checkpoint is not None:
        checkpoint.load(Path(policy.checkpoint).expanduser(), made)
    if prepare is not None:
        prepare(made)
    made.to(device)
    if policy.compile == "blocks":
        # before blocks are sharded; torch compiles when a block is first called
        _method(made, policy, "compile", "compile_blocks")()
    return made


def _check_compiler(policy: PolicyConfig) -> None:
    """Raise PolicyError where torch could compile nothing, before weights are loaded for minutes."""
    if device_of(policy).type != "cuda" or os.environ.get("CC") or any(map(shutil.which, COMPILERS)):
        return
    raise PolicyError(
        f"policy.compile={policy.compile}: torch.compile needs a C compiler on a machine with GPUs, and none of "
        f"{', '.join(COMPILERS)} is there; install gcc, or set policy.compile=null"
    )


def _method(made: Any, policy: PolicyConfig, key: str, name: str) -> Callable[..., None]:
    """Return the method of a policy that a key needs.

    Raises:
        PolicyError: it has none.
    """
    if not hasattr(made, name):
        raise PolicyError(
            f"policy.{key} is set, but a {type(made).__name__}, which {policy.factory} makes, has no {name}()"
        )
    method: Callable[..., None] = getattr(made, name)
    return method


def threads_of(policy: Policy, settings: PolicyConfig) -> RowThreads:
    """Return the threads that a policy of this process computes in: those of `policy.threads`, or one on a GPU.

    Raises:
        PolicyError: there are several, and the policy changes while it acts.
    """
    if settings.threads == 1 or device_of(settings).type != "cpu":
        return RowThreads()
    if getattr(policy, "moments", None) is not None:
        raise PolicyError(
            f"policy.threads={settings.threads}: a policy that changes while it acts cannot act in several threads; "
            "with GaussianPolicy: policy.kwargs.normalize_observations=false"
        )
    return RowThreads(settings.threads)


def device_of(policy: PolicyConfig) -> torch.device:
    """The device that `policy.device` names.

    "auto" is the GPU where there is one. A process that was given GPUs and cannot use them stops: a network of billions
    of weights would go on for days on the processor, without a word.

    Raises:
        PolicyError: torch does not know it, or it is not there.
    """
    name = policy.device
    if name == "auto":
        if torch.cuda.is_available():
            name = "cuda"
        elif (given := _given_gpus()) is not None:
            raise PolicyError(
                f'policy.device="auto": {given}, but torch {torch.__version__} sees no GPU. {_driver()} torch is built '
                f"for CUDA {torch.version.cuda or '(none: a build for the processor alone)'}: install a driver that is "
                "new enough for it, or a torch for the CUDA of the driver; policy.device=cpu computes on the processor"
            )
        else:
            name = "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PolicyError(f'policy.device="{name}" is not a device; allowed: auto, cpu, cuda, cuda:<index>') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise PolicyError(f'policy.device="{name}": torch finds no GPU here')
    return device


def _given_gpus() -> str | None:
    """Return what says that this process has GPUs; None where nothing does."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return (
            None if visible.strip() in ("", "-1") else f"this process was given GPUs (CUDA_VISIBLE_DEVICES={visible})"
        )
    return f"this machine has an NVIDIA driver ({DRIVER})" if DRIVER.is_file() else None


def _driver() -> str:
    """Return a sentence on the machine's driver."""
    try:
        return f"The driver is: {' '.join(DRIVER.read_text().split(maxsplit=8)[:8])};"
    except OSError:
        return f"There is no NVIDIA driver here (no {DRIVER});"


def autocast_of(policy: PolicyConfig) -> Callable[[], AbstractContextManager[object]]:
    """What makes the context of each forward pass: `policy.precision` on `policy.device`.

    Acting and learning share it, or the ratio of new to old probabilities would not begin at 1.
    """
    if policy.precision == "fp32":
        return nullcontext
    return partial(torch.autocast, device_of(policy).type, torch.bfloat16)


def export_policy(policy: Policy, folder: Path, config: PolicyConfig) -> None:
    """Write the policy into `folder` as others load it, in the type of `export_dtype`."""
    if config.export_dtype is None:
        policy.save_pretrained(folder)
    else:
        to_type: Any = policy.save_pretrained
        to_type(folder, dtype=torch.bfloat16 if config.export_dtype == "bf16" else torch.float32)


def empty_copy(policy: Policy) -> Any:
    """Return a copy without the numbers of its weights, which takes no memory: `load_state_dict(..., assign=True)`
    gives it others. What else the policy has, such as a tokenizer, is there."""
    weights = {
        id(weight): torch.nn.Parameter(weight.detach().to("meta"), requires_grad=weight.requires_grad)
        for weight in policy.parameters()
    }
    return copy.deepcopy(policy, dict(weights))


def frozen_copy(policy: Policy) -> Policy:
    """A copy that stays as the policy is now and takes no gradients."""
    copied = copy.deepcopy(policy)
    for weight in copied.parameters():
        weight.requires_grad_(False)
    return copied
