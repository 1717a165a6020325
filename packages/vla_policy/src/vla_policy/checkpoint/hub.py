"""Find a checkpoint's folder: on this machine, or a repository of the Hugging Face Hub."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch

from vla_policy.errors import CheckpointError, ConfigError, names

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "*.pt", "tokenizer.model", "*.py", "*.jinja", "*.md", "*.txt", "LICENSE*"]
_HUB_BIN_FILES = ["*.bin"]

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
    """What transformers' `from_pretrained` takes to choose and fetch a repository, with its meaning."""

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


def resolve_folder(path: str | os.PathLike[str], hub: HubOptions | None = None) -> Path:
    """Return the folder itself, or the snapshot of a repository ("owner/name"), downloaded if it is not here.

    Raises:
        CheckpointError: neither, or the subfolder is not in it.
        ConfigError: a revision of a folder, which has none.
    """
    hub = hub or HubOptions()
    found = Path(path)
    if not found.is_dir():
        found = _download(os.fspath(path), hub)
    elif hub.revision is not None:
        raise ConfigError(
            f"revision={hub.revision!r} chooses a version of a Hub repository, but {os.fspath(path)!r} is a folder here"
        )
    if hub.subfolder and not (found / hub.subfolder).is_dir():
        raise CheckpointError(f"checkpoint {os.fspath(path)!r} has no folder {hub.subfolder!r}")
    return found / hub.subfolder


def _download(repository: str, hub: HubOptions) -> Path:
    if not _REPOSITORY.fullmatch(repository):
        raise CheckpointError(f"checkpoint {repository!r} is neither a folder nor a repository 'owner/name'")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    def fetch(patterns: Iterable[str]) -> Path:
        prefix = f"{hub.subfolder.strip('/')}/" if hub.subfolder else ""
        return Path(
            snapshot_download(
                repository,
                revision=hub.revision,
                token=hub.token,
                cache_dir=None if hub.cache_dir is None else Path(hub.cache_dir),
                local_files_only=hub.local_files_only,
                allow_patterns=[prefix + pattern for pattern in patterns],
            )
        )

    try:
        found = fetch(_HUB_FILES)
        if not any((found / hub.subfolder).rglob("*.safetensors")):
            found = fetch([*_HUB_FILES, *_HUB_BIN_FILES])
        return found
    except (RepositoryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        version = "" if hub.revision is None else f" at revision {hub.revision!r}"
        raise CheckpointError(
            f"checkpoint {repository!r}{version} is no folder here, and the Hub did not give it: {error}"
        ) from error


def refuse_unknown(given: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise unless all names of `given` are allowed.

    Raises:
        ConfigError: one that is not; the message says what to do instead, or which name is close.
    """
    choices = sorted(allowed)
    unknown = sorted(set(given) - set(choices))
    for name in unknown:
        if name in REFUSED:
            raise ConfigError(f"from_pretrained: {name} is not taken: {REFUSED[name]}")
    if unknown:
        close = [match for name in unknown for match in difflib.get_close_matches(name, choices, n=1)]
        hint = f"; did you mean {names(close)}?" if close else ""
        raise ConfigError(f"from_pretrained: unknown options {unknown}{hint}; allowed: {names(choices, 40)}")


def one_dtype(dtype: torch.dtype | str | None, torch_dtype: torch.dtype | str | None) -> torch.dtype | None:
    """Read a dtype or its name ("bfloat16"; "auto" and None keep the stored one) from either of two arguments.

    Raises:
        ConfigError: no dtype of torch, or both arguments given and different.
    """
    first, second = _dtype(dtype), _dtype(torch_dtype)
    if first is not None and second is not None and first != second:
        raise ConfigError(f"dtype is {dtype!r} and torch_dtype {torch_dtype!r}; they are one argument, give one")
    return first if second is None else second


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    found = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if dtype is None or dtype == "auto":
        return None
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ConfigError(f"dtype is {dtype!r}; it must name a torch dtype, such as 'bfloat16' or 'float32'")
    return found
