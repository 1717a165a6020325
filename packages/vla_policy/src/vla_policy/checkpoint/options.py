"""The arguments of `from_pretrained`, of the network and of the policy."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Self

import torch

from vla_policy.errors import ConfigError, names
from vla_policy.value_head import ValueHeadConfig

REFUSED = {
    "attn_implementation": "attention is PyTorch's scaled_dot_product_attention, always; leave it out",
    "config": "sizes come from the checkpoint's config.json; leave it out",
    "device_map": "the network goes to one device, which `device` names",
    "load_in_4bit": "quantized weights are not supported; dtype='bfloat16' is the smallest",
    "load_in_8bit": "quantized weights are not supported; dtype='bfloat16' is the smallest",
    "low_cpu_mem_usage": "loading never holds more than one copy of the weights; leave it out",
    "num_images_in_input": "here it is `num_images`",
    "quantization_config": "quantized weights are not supported; dtype='bfloat16' is the smallest",
    "trust_remote_code": "no code of a checkpoint is ever run; leave it out",
    "use_auth_token": "here, as in transformers, it is `token`",
    "variant": "files are found by their published names; leave it out",
}
"""Arguments of transformers' `from_pretrained` that this package does not take, and what to do instead."""


@dataclass(frozen=True)
class HubOptions:
    """Arguments of transformers' `from_pretrained` that choose and fetch a repository, with their meaning there."""

    revision: str | None = None
    """A branch, tag or commit of the repository; None: its main branch."""
    token: str | bool | None = None
    """True or None: the token that was stored by logging in, if any; False: none."""
    cache_dir: str | os.PathLike[str] | None = None
    """Where repositories are kept; None: huggingface_hub's own cache."""
    subfolder: str = ""
    """The checkpoint's folder inside the repository, or inside the folder on this machine."""
    local_files_only: bool = False
    """Use what was downloaded earlier; ask no server."""

    def __post_init__(self) -> None:
        part = PurePosixPath(self.subfolder)
        if part.is_absolute() or ".." in part.parts:
            raise ConfigError(f"subfolder is {self.subfolder!r}; it must be a path inside the checkpoint's folder")


@dataclass(frozen=True)
class NetworkOptions:
    """Arguments of `OpenVLAOFTModel.from_pretrained` besides the path; most are described there."""

    num_images: int | None = None
    chunk: int | None = None
    stop_token: bool | None = None
    dtype: torch.dtype | str | None = None
    torch_dtype: torch.dtype | str | None = None
    """transformers' name of `dtype`."""
    device: str | torch.device = "cpu"
    base: str | os.PathLike[str] | None = None
    hub: HubOptions = field(default_factory=HubOptions)
    """Given as `revision`, `token`, `cache_dir`, `subfolder` and `local_files_only`."""

    @classmethod
    def read(cls, arguments: Mapping[str, Any], others: Iterable[str] = ()) -> tuple[Self, dict[str, Any]]:
        """Return the options in some arguments of `from_pretrained`, and the arguments named in `others`.

        Raises:
            ConfigError: an argument is neither; the message says what to do instead, or which name is close.
        """
        of_hub = {f.name for f in fields(HubOptions)}
        of_load = {f.name for f in fields(cls)} - {"hub"}
        _refuse_unknown(arguments, of_hub | of_load | set(others))
        hub = HubOptions(**{name: value for name, value in arguments.items() if name in of_hub})
        options = cls(**{name: value for name, value in arguments.items() if name in of_load}, hub=hub)
        return options, {name: value for name, value in arguments.items() if name not in of_hub | of_load}

    def weights_dtype(self) -> torch.dtype | None:
        """Return the dtype that `dtype` or `torch_dtype` names ("auto" and None: None, which keeps the stored one).

        Raises:
            ConfigError: no dtype of torch, or both arguments given and different.
        """
        first, second = _dtype(self.dtype), _dtype(self.torch_dtype)
        if first is not None and second is not None and first != second:
            raise ConfigError(
                f"dtype is {self.dtype!r} and torch_dtype {self.torch_dtype!r}; they are one argument, give one"
            )
        return first if second is None else second


@dataclass(frozen=True)
class PolicyOptions(NetworkOptions):
    """Arguments of `OpenVLAOFTPolicy.from_pretrained` besides the path and fields of `PolicyConfig`."""

    unnorm_key: str | None = None
    statistics: Mapping[str, Any] | str | os.PathLike[str] | None = None
    value_head: ValueHeadConfig | Mapping[str, Any] | bool | None = None
    lora: int | str | os.PathLike[str] | Mapping[str, Any] | None = None
    seed: int = 0


def _refuse_unknown(given: Mapping[str, Any], allowed: Iterable[str]) -> None:
    choices = sorted(allowed)
    unknown = sorted(set(given) - set(choices))
    for name in unknown:
        if name in REFUSED:
            raise ConfigError(f"from_pretrained: {name} is not taken: {REFUSED[name]}")
    if unknown:
        close = [match for name in unknown for match in difflib.get_close_matches(name, choices, n=1)]
        hint = f"; did you mean {names(close)}?" if close else ""
        raise ConfigError(f"from_pretrained: unknown options {unknown}{hint}; allowed: {names(choices, 40)}")


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if dtype is None or dtype == "auto":
        return None
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError(f"dtype is {dtype!r}; it must name a torch dtype, such as 'bfloat16' or 'float32'")
    return found
