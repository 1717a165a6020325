"""Read a network's files in the published layout. The folder is only read, never written.

config.json                            sizes; `norm_stats`
dataset_statistics.json                optional; overrides `norm_stats`
model*.safetensors (+ index)           vision_backbone.*, projector.*, language_model.*
  or pytorch_model*.bin (+ index)      the same, as older repositories have it
action_head--{step}_checkpoint.pt      optional: the L1 head
proprio_projector--{step}_checkpoint.pt  optional
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vla_policy.checkpoint.companions import read_companions
from vla_policy.checkpoint.images import num_images_of
from vla_policy.checkpoint.json_file import read_json
from vla_policy.checkpoint.key_map import PARTS, to_module
from vla_policy.checkpoint.options import NetworkOptions
from vla_policy.checkpoint.source import CheckpointFiles, part_file
from vla_policy.checkpoint.weight_file import WEIGHT_DTYPES, file_weights
from vla_policy.errors import CheckpointError, UnsupportedError, clip, names
from vla_policy.lora import is_adapter_weight
from vla_policy.model.config import OpenVLAOFTConfig, config_from_dict
from vla_policy.validation import typed

VALUE_HEAD = "value_head."
"""RLinf (a3816b5) keeps its value head among the network's weights, as `value_head.mlp.{0,2,4}`."""


@dataclass(frozen=True)
class NetworkParts:
    """A network as its files describe it."""

    config: OpenVLAOFTConfig
    weights: dict[str, Tensor]
    """By module name, adapters merged; not yet compared with the network's, see `fit_weights`."""
    value_head: dict[str, Tensor]
    """Weights of a value head among the network's; empty where there is none."""
    source_config: dict[str, Any]
    """`config.json`, with `norm_stats` as used: a checkpoint saved from this network needs no second file."""
    source_files: dict[str, bytes]
    """Files that a save takes over, see `companions`."""
    files: CheckpointFiles


def read_network(files: CheckpointFiles, options: NetworkOptions) -> NetworkParts:
    """Read a network's config and weights; see `OpenVLAOFTModel.from_pretrained` for the options."""
    dtype = options.weights_dtype()
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
        num_images=options.num_images or num_images_of(data, files.places),
        chunk=options.chunk or typed(data, "num_action_chunks", int),  # RLinf's key
        stop_token=options.stop_token,
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
                continue  # the run's network has later weights of this part
        elif name in weights and not torch.equal(weights[name].cpu(), tensor.to(weights[name].dtype)):
            raise CheckpointError(
                f"checkpoint {files.folder} has two different {name}, in two of its files (among the network's weights "
                "and beside them, for example); remove the one that is not of this network"
            )
        if tensor.dtype not in WEIGHT_DTYPES:
            raise CheckpointError(
                f"checkpoint {files.folder}: {clip(name)} is {tensor.dtype}; allowed: {names(WEIGHT_DTYPES)}"
            )
        weights[name] = tensor.to(device=options.device, dtype=dtype, copy=True)
    head = {name: weights.pop(name) for name in list(weights) if name.startswith(VALUE_HEAD)}
    inside = weights.get("proprio_projector.fc1.weight")  # SimpleVLA-RL's place for it
    if config.proprio_dim is None and inside is not None and inside.ndim == 2:
        config = replace(config, proprio_dim=inside.shape[1])
    if config.proprio_dim is None and data.get("use_proprio"):
        raise CheckpointError(
            f"checkpoint {files.folder}: config.json says use_proprio, but there is no proprio_projector, neither "
            "proprio_projector--*_checkpoint.pt nor among the network's weights"
        )
    if files.adapter is not None:
        files.adapter.check_layers(name.removesuffix(".weight") for name in weights)
    companions = read_companions(files.base)
    companions |= read_companions(files.folder, documents=files.folder == files.base)
    return NetworkParts(config, weights, head, data | {"norm_stats": files.norm_stats(data)}, companions, files)


def _read_parts(files: CheckpointFiles) -> tuple[dict[str, Tensor], dict[str, Path]]:
    """Return the weights, by module name, of the parts that have files of their own, and the folder of each part."""
    weights: dict[str, Tensor] = {}
    places: dict[str, Path] = {}
    for part in PARTS:
        for folder in files.part_folders(part):
            file = part_file(folder, part)
            found = {} if file is None else dict(file_weights(file))
            if found:
                weights |= {f"{part}.{name.removeprefix('module.')}": tensor for name, tensor in found.items()}
                places[part] = folder
                break
        foreign = [k for k in weights if k.startswith("action_head.") and not k.startswith("action_head.model.")]
        if foreign:
            raise UnsupportedError(f"{file} is no L1 head (a diffusion head?): it has {names(foreign)}")
    return weights, places


def _network_weights(files: CheckpointFiles) -> Iterator[tuple[str, Tensor]]:
    """Yield module names and weights, memory-mapped where the files' format allows it."""
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


def fit_weights(parts: NetworkParts, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a network's weights in the dtype of its embeddings.

    Parts are stored in several: upstream's fine-tuning writes a float32 `proprio_projector` beside a bfloat16 network,
    and upstream's loader casts each part to one dtype (openvla-oft 213c5ff, `openvla_utils.py::get_proprio_projector`).

    Args:
        expected: the network's `state_dict`, of which names and shapes are read.

    Raises:
        CheckpointError: weights are missing, unexpected, misshapen or not finite.
    """
    weights, folder = parts.weights, parts.files.folder
    missing = [k for k in expected if k not in weights]
    unexpected = [k for k in weights if k not in expected]
    misshapen = [
        f"{k} {tuple(weights[k].shape)} instead of {tuple(v.shape)}"
        for k, v in expected.items()
        if k in weights and weights[k].shape != v.shape
    ]
    if missing or unexpected or misshapen:
        raise CheckpointError(
            f"checkpoint {folder} does not fit its config. Missing: {names(missing)}. "
            f"Unexpected: {names(unexpected)}. Wrong shape: {names(misshapen)}."
        )
    check_finite(weights, folder)
    dtype = weights["language_model.model.embed_tokens.weight"].dtype
    return {name: tensor.to(dtype) for name, tensor in weights.items()}


def check_finite(weights: Mapping[str, Tensor], place: Path) -> None:
    """Raise CheckpointError if a number of these weights, read from `place`, is NaN or infinite."""
    # a sum is one pass over the numbers; where that of finite numbers overflows, all of them are compared
    bad = [k for k, v in weights.items() if not (v.sum(dtype=torch.float32).isfinite() or v.isfinite().all())]
    if bad:
        raise CheckpointError(f"{place} has weights that are not finite: {names(bad)}")
