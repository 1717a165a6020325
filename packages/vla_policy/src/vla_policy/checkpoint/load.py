"""Read a checkpoint in the published layout. The folder is only read, never written.

config.json                            sizes; `norm_stats`
dataset_statistics.json                optional; overrides `norm_stats`
model*.safetensors (+ index)           vision_backbone.*, projector.*, language_model.*
  or pytorch_model*.bin (+ index)      the same, as older repositories have it
action_head--{step}_checkpoint.pt      optional: the L1 head
proprio_projector--{step}_checkpoint.pt  optional
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

from vla_policy.checkpoint.companions import read_companions
from vla_policy.checkpoint.images import num_images_of
from vla_policy.checkpoint.key_map import PARTS, is_adapter_weight, part_to_module, to_module
from vla_policy.checkpoint.weight_file import WEIGHT_DTYPES, file_weights
from vla_policy.errors import CheckpointError, UnsupportedError, clip, names
from vla_policy.field_types import typed
from vla_policy.model.config import config_from_dict

if TYPE_CHECKING:
    from vla_policy.checkpoint.source import CheckpointFiles
    from vla_policy.model.openvla_oft import OpenVLAOFTModel

    ModelT = TypeVar("ModelT", bound=OpenVLAOFTModel)

VALUE_HEAD = "value_head."
"""RLinf (a3816b5) keeps its value head among the network's weights, as `value_head.mlp.{0,2,4}`."""


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


def load_network(
    cls: type[ModelT],
    files: CheckpointFiles,
    *,
    num_images: int | None,
    chunk: int | None,
    stop_token: bool | None,
    dtype: torch.dtype | None,
    device: str | torch.device,
) -> tuple[ModelT, dict[str, Tensor]]:
    """Read a network, and the value head's weights where they lie among the network's.

    See `OpenVLAOFTModel.from_pretrained` for the arguments.
    """
    data = read_json(files.base / "config.json")
    for folder in files.folders:
        if part_file(folder, "vision_backbone") is not None:
            raise UnsupportedError(f"{folder} has a vision_backbone--*_checkpoint.pt (FiLM), which is not supported")
    parts, places = _read_parts(files)
    proprio = parts.get("proprio_projector.fc1.weight")
    if proprio is not None and proprio.ndim != 2:
        raise CheckpointError(
            f"{files.folder}: proprio_projector.fc1.weight has shape {tuple(proprio.shape)}; (D, P) is needed"
        )
    config = config_from_dict(
        data,
        num_images=num_images or num_images_of(data, files.places),
        chunk=chunk or typed(data, "num_action_chunks", int),  # RLinf's key
        stop_token=stop_token,
        proprio_dim=None if proprio is None else proprio.shape[1],
        action_head="l1" if any(k.startswith("action_head.") for k in parts) else None,
    )
    weights: dict[str, Tensor] = {}
    for name, tensor in itertools.chain(_network_weights(files), parts.items()):
        layer = name.removesuffix(".weight")
        if files.adapter is not None and layer != name and layer in files.adapter.layers:
            tensor = files.adapter.merged(layer, tensor)
        place = places.get(name.partition(".")[0]) if name in weights else None
        if place is not None and place not in files.weights[0].parents:
            if place == files.base:
                continue  # the run's network has a later one
        elif name in weights and not torch.equal(weights[name].cpu(), tensor.to(weights[name].dtype)):
            raise CheckpointError(
                f"checkpoint {files.folder} has two different {name}, in two of its files (among the network's weights "
                "and beside them, for example); remove the one that is not of this network"
            )
        weights[name] = _checked(name, tensor, files.folder).to(device=device, dtype=dtype, copy=True)
    head = {name: weights.pop(name) for name in list(weights) if name.startswith(VALUE_HEAD)}
    inside = weights.get("proprio_projector.fc1.weight")  # SimpleVLA-RL's place for it
    if config.proprio_dim is None and inside is not None and inside.ndim == 2:
        config = dataclasses.replace(config, proprio_dim=inside.shape[1])
    if config.proprio_dim is None and data.get("use_proprio"):
        raise CheckpointError(
            f"checkpoint {files.folder}: config.json says use_proprio, but there is no proprio_projector, neither "
            "proprio_projector--*_checkpoint.pt nor among the network's weights"
        )
    if files.adapter is not None:
        files.adapter.check(name.removesuffix(".weight") for name in weights)
    with torch.device("meta"):  # no random weights, no memory, until the files give them
        model = cls(config)
    # `norm_stats` as used, so that a checkpoint saved from this one needs no second file.
    model.source_config = data | {"norm_stats": files.norm_stats(data)}
    model.source_name, model.merged_adapter = files.base_name, files.adapter is not None
    model.source_files = read_companions(files.base) | read_companions(
        files.folder, documents=files.folder == files.base
    )
    _check_weights(model, weights, files.folder)
    weights = _in_one_dtype(weights)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    model.load_state_dict(weights, strict=True, assign=True)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model, head


def _read_parts(files: CheckpointFiles) -> tuple[dict[str, Tensor], dict[str, Path]]:
    """The weights of the parts that have files of their own, and the folder of each part."""
    weights: dict[str, Tensor] = {}
    places: dict[str, Path] = {}
    for part in PARTS:
        for folder in files.part_folders(part):
            found = read_part(folder, part)
            if found:
                weights, places = weights | found, places | {part: folder}
                break
    return weights, places


def _network_weights(files: CheckpointFiles) -> Iterator[tuple[str, Tensor]]:
    """Module names and weights, one at a time; what a file gives is memory-mapped."""
    for file in files.weights:
        for key, tensor in file_weights(file):
            name = to_module(key)
            if name is None:
                continue
            if is_adapter_weight(name):
                if files.adapter is None:
                    raise UnsupportedError(
                        f"{file} has adapters beside its weights ({name}) and does not say their alpha; merge them "
                        "where they were trained (peft's merge_and_unload), and load the result"
                    )
                continue
            yield name, tensor


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
