"""Read a checkpoint in the published layout. The folder is only read, never written.

config.json                            sizes; `norm_stats`
dataset_statistics.json                optional; overrides `norm_stats`
model*.safetensors (+ index)           vision_backbone.*, projector.*, language_model.*
  or pytorch_model*.bin (+ index)      the same, as older repositories have it
action_head--{step}_checkpoint.pt      optional: the L1 head
proprio_projector--{step}_checkpoint.pt  optional
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from vla_policy.checkpoint.key_map import PARTS, part_to_module, to_module
from vla_policy.checkpoint.weight_file import WEIGHT_DTYPES, file_weights
from vla_policy.errors import CheckpointError, UnsupportedError, clip, names
from vla_policy.field_types import typed
from vla_policy.model.config import config_from_dict

if TYPE_CHECKING:
    from vla_policy.model.openvla_oft import OpenVLAOFTModel

    ModelT = TypeVar("ModelT", bound=OpenVLAOFTModel)

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_FILES = ["*.json", "*.safetensors", "*.pt", "tokenizer.model"]
_HUB_BIN_FILES = ["pytorch_model*.bin"]


def resolve_folder(path: str | os.PathLike[str]) -> Path:
    """The folder itself, or the snapshot of a Hugging Face repository ("owner/name"), downloaded if it is not here.

    Raises:
        CheckpointError: neither.
    """
    folder = Path(path)
    if folder.is_dir():
        return folder
    if not _REPOSITORY.fullmatch(os.fspath(path)):
        raise CheckpointError(f"checkpoint {os.fspath(path)!r} is neither a folder nor a repository 'owner/name'")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        found = Path(snapshot_download(os.fspath(path), allow_patterns=_HUB_FILES))
        if not any(found.glob("*.safetensors")):
            found = Path(snapshot_download(os.fspath(path), allow_patterns=[*_HUB_FILES, *_HUB_BIN_FILES]))
        return found
    except (RepositoryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"checkpoint {os.fspath(path)!r} is no folder here, and the Hub did not give it: {error}"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: absent, or not a JSON object.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint {path.parent} has no {path.name}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {clip(str(error))}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path} holds a {type(data).__name__}; an object is needed")
    return data


def read_norm_stats(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """`dataset_statistics.json` where there is one, else the config's `norm_stats`."""
    override = folder / "dataset_statistics.json"
    return (
        read_json(override) if override.is_file() else dict(typed(config, "norm_stats", Mapping[str, Any], default={}))
    )


def weight_files(folder: Path) -> list[Path]:
    """The files of the network's weights: safetensors where there are any, else `pytorch_model*.bin`.

    Of each kind: the files that the index names, else the single file, else all there are.

    Raises:
        CheckpointError: none, or one that the index names is absent.
    """
    for stem, suffix in (("model", "safetensors"), ("pytorch_model", "bin")):
        index, single = folder / f"{stem}.{suffix}.index.json", folder / f"{stem}.{suffix}"
        if index.is_file():
            weight_map = typed(read_json(index), "weight_map", Mapping[str, str], f"{index}: ", {}, CheckpointError)
            outside = [name for name in weight_map.values() if name != os.path.basename(name)]
            if outside:
                raise CheckpointError(f"{index} names files of other folders: {names(outside)}")
            files = [folder / name for name in sorted(set(weight_map.values()))]
            absent = [f.name for f in files if not f.is_file()]
            if absent:
                raise CheckpointError(f"{index} names files that are not there: {names(absent)}")
        elif single.is_file():
            files = [single]
        else:
            files = sorted(f for f in folder.glob(f"*.{suffix}") if not f.name.startswith(("value_head", "adapter")))
        if files:
            return files
    raise CheckpointError(
        f"checkpoint {folder} has no *.safetensors and no *.bin files; it has {names(os.listdir(folder), 20)}"
    )


def part_file(folder: Path, part: str) -> Path | None:
    """`{part}--{step}_checkpoint.pt`, of the highest step (`latest` above all); None where there is none."""

    def step(path: Path) -> float:
        text = path.name.removeprefix(f"{part}--").removesuffix("_checkpoint.pt")
        return float(text) if text.isdigit() else float("inf")

    return max(folder.glob(f"{part}--*_checkpoint.pt"), key=step, default=None)


def read_part(folder: Path, part: str) -> dict[str, Tensor]:
    """Weights of one part under module names; empty where the checkpoint has no such file."""
    file = part_file(folder, part)
    if file is None:
        return {}
    found = {part_to_module(part, k): v for k, v in file_weights(file)}
    foreign = [k for k in found if part == "action_head" and not k.startswith("action_head.model.")]
    if foreign:
        raise UnsupportedError(f"{file} is no L1 head (a diffusion head?): it has {names(foreign)}")
    return found


def load_model(
    cls: type[ModelT],
    path: str | os.PathLike[str],
    *,
    num_images: int | None,
    chunk: int | None,
    dtype: torch.dtype | None,
    device: str | torch.device,
) -> ModelT:
    """See `OpenVLAOFTModel.from_pretrained`."""
    folder = resolve_folder(path)
    data = read_json(folder / "config.json")
    if part_file(folder, "vision_backbone") is not None:
        raise UnsupportedError(f"{folder} has a vision_backbone--*_checkpoint.pt (FiLM), which is not supported")
    parts: dict[str, Tensor] = {}
    for part in PARTS:
        parts |= read_part(folder, part)
    proprio = parts.get("proprio_projector.fc1.weight")
    if proprio is not None and proprio.ndim != 2:
        raise CheckpointError(
            f"{folder}: proprio_projector.fc1.weight has shape {tuple(proprio.shape)}; (D, P) is needed"
        )
    config = config_from_dict(
        data,
        num_images=num_images,
        chunk=chunk,
        proprio_dim=None if proprio is None else proprio.shape[1],
        action_head="l1" if any(k.startswith("action_head.") for k in parts) else None,
    )
    with torch.device("meta"):  # no random weights, no memory, until the files give them
        model = cls(config)
    # `norm_stats` as used, so that a checkpoint saved from this one needs no second file.
    model.source_config = data | {"norm_stats": read_norm_stats(folder, data)}

    weights = {
        name: tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else None, copy=True)
        for name, tensor in _all_weights(folder, parts)
    }
    _check_weights(model, weights, folder)
    weights = _in_one_dtype(weights)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    model.load_state_dict(weights, strict=True, assign=True)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model


def _all_weights(folder: Path, parts: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Module names and weights, one at a time; what a file gives is memory-mapped."""
    for file in weight_files(folder):
        for key, tensor in file_weights(file):
            name = to_module(key)
            if name is not None:
                yield name, _checked(name, tensor, folder)
    for name, tensor in parts.items():
        yield name, _checked(name, tensor, folder)


def _checked(name: str, tensor: Tensor, folder: Path) -> Tensor:
    if tensor.dtype not in WEIGHT_DTYPES:
        raise CheckpointError(f"checkpoint {folder}: {clip(name)} is {tensor.dtype}; allowed: {names(WEIGHT_DTYPES)}")
    return tensor


def _in_one_dtype(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All of a network in the dtype of its embeddings.

    Parts are stored in several: upstream's fine-tuning writes a float32 `proprio_projector` beside a bfloat16 network,
    and upstream's loader casts each part to one dtype (openvla-oft 213c5ff, `openvla_utils.py::get_proprio_projector`).
    """
    dtype = weights["language_model.model.embed_tokens.weight"].dtype
    return {name: tensor.to(dtype) for name, tensor in weights.items()}


def _check_weights(model: torch.nn.Module, weights: Mapping[str, Tensor], folder: Path) -> None:
    wanted = model.state_dict()
    missing = [k for k in wanted if k not in weights]
    unexpected = [k for k in weights if k not in wanted]
    misshapen = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(v.shape)}"
        for k, v in wanted.items()
        if k in weights and weights[k].shape != v.shape
    ]
    if missing or unexpected or misshapen:
        raise CheckpointError(
            f"checkpoint {folder} does not fit its config. Missing: {names(missing)}. "
            f"Unexpected: {names(unexpected)}. Wrong shape: {names(misshapen)}."
        )
    check_finite(weights, folder)


def check_finite(weights: Mapping[str, Tensor], place: Path) -> None:
    """Raise CheckpointError if a number of these weights is NaN or infinite; `place` is where they were read."""
    # a sum is one pass over the numbers; where that of finite ones overflows, they are looked at one by one
    bad = [k for k, v in weights.items() if not (v.sum(dtype=torch.float32).isfinite() or v.isfinite().all())]
    if bad:
        raise CheckpointError(f"{place} has weights that are not finite: {names(bad)}")
