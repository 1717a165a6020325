"""Read a file of weights, which may come from anybody: nothing in it is run, and errors say what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from vla_policy.errors import CheckpointError, clip, names

WEIGHT_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Not quantized ones: they are of no use without their scales."""


def file_weights(file: Path) -> Iterator[tuple[str, Tensor]]:
    """Yield names and tensors of a `.safetensors` file or of a pickled `state_dict` (`.bin`, `.pt`).

    Tensors are memory-mapped where the file's format allows it.

    Raises:
        CheckpointError: the file is absent, truncated or of another format; its pickle holds more than tensors; a
            tensor is no weight's, or larger than the file.
    """
    try:
        size = file.stat().st_size
        weights = _safetensors(file) if file.suffix == ".safetensors" else iter(_pickled(file).items())
        for name, tensor in weights:
            _check(file, size, name, tensor)
            yield name, tensor
    except CheckpointError:
        raise
    except Exception as error:  # torch and safetensors raise unrelated classes on damaged files
        raise CheckpointError(
            f"{file} cannot be read; it may be truncated or of another format: {_reason(error)}"
        ) from None


def _safetensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    with safe_open(file, framework="pt") as tensors:
        for key in tensors.keys():  # noqa: SIM118 (not a mapping)
            yield key, tensors.get_tensor(key)


def _pickled(file: Path) -> Mapping[str, Tensor]:
    with file.open("rb") as stream:
        mapped = stream.read(4) == b"PK\x03\x04"  # torch before 1.6 wrote no archive
    try:
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception:
        foreign = _foreign(file)
        if not foreign:
            raise
        raise CheckpointError(
            f"{file} is refused: reading it would call {names(foreign, 3)}; only a pickled dict of tensors is read"
        ) from None
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{file} holds a {type(found).__name__}; a dict of tensors is needed")
    return found


def _check(file: Path, size: int, name: object, tensor: object) -> None:
    if not isinstance(name, str) or not isinstance(tensor, Tensor):
        raise CheckpointError(f"{file}: entry {clip(name)} is a {type(tensor).__name__}; names and tensors are needed")
    if tensor.nbytes > size:
        shape = tuple(tensor.shape)
        raise CheckpointError(f"{file}: {clip(name)} of shape {shape} takes more bytes than the file has")


def _foreign(file: Path) -> list[str]:
    """Return the names in a pickle that weights have no need of; the pickle is scanned, not run."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(file))
    except Exception:  # damaged, or not the archive that torch.save writes
        return []


def _reason(error: Exception) -> str:
    """Return the first sentence, without torch's advice to load with weights_only=False, which runs a file's code."""
    text = str(error).strip()
    if not text or text.isdigit() or "weights" in text.lower():
        return "it is no pickled dict of tensors"
    return clip(text.splitlines()[0].split(". ")[0], 120)
