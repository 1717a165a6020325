"""Write a checkpoint in the published layout, so that other loaders of OpenVLA-OFT can read it too."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vla_policy.checkpoint.companions import PUBLISHED_CONFIG, write_companions
from vla_policy.checkpoint.key_map import PARTS, part_of, to_file
from vla_policy.lora import is_adapter, merged_tensors
from vla_policy.model.config import EXTENSION, config_to_dict

if TYPE_CHECKING:
    from vla_policy.model.openvla_oft import OpenVLAOFTModel

MAX_SHARD_BYTES = 5 * 1000**3
"""transformers' shard size when OpenVLA-OFT was published: 7B in bfloat16 gives four files."""


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Indented, with a final newline."""
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def save_model(
    model: OpenVLAOFTModel,
    path: str | os.PathLike[str],
    *,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    extension: Mapping[str, Any] | None = None,
) -> None:
    """See `OpenVLAOFTModel.save_pretrained`. Weights and config of an earlier save in the folder are replaced.

    `extension` is added to what stands in `config.json` under this package's key.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    stored = {name: tensor.nbytes for name, tensor in model.state_dict().items() if not is_adapter(name)}
    weights = dict(merged_tensors(model))
    sizes = dict(zip(weights, stored.values(), strict=True))
    for old in (*folder.glob("model*.safetensors"), *folder.glob("model.safetensors.index.json")):
        old.unlink()
    shards = split({name: sizes[name] for name in weights if part_of(name) is None}, max_shard_bytes)
    weight_map: dict[str, str] = {}
    for i, shard in enumerate(shards, start=1):
        name = "model.safetensors" if len(shards) == 1 else f"model-{i:05d}-of-{len(shards):05d}.safetensors"
        # One shard in memory at a time; a weight without adapters that is on the CPU is not even copied.
        save_file({to_file(key): _plain(weights[key]()) for key in shard}, folder / name, metadata={"format": "pt"})
        weight_map |= {to_file(key): name for key in shard}
    if len(shards) > 1:
        total = sum(sizes[key] for shard in shards for key in shard)
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_json(folder / "model.safetensors.index.json", index)
    for part in PARTS:
        own = {n.removeprefix(f"{part}."): _plain(make()) for n, make in weights.items() if part_of(n) == part}
        for old in folder.glob(f"{part}--*_checkpoint.pt"):
            old.unlink()
        if own:
            torch.save(own, folder / f"{part}--latest_checkpoint.pt")
    write_companions(folder, model.source_files)
    config = PUBLISHED_CONFIG | config_to_dict(model.config, model.source_config)
    config[EXTENSION] |= extension or {}
    write_json(folder / "config.json", config)


def split(sizes: Mapping[str, int], max_bytes: int) -> list[list[str]]:
    """Names in order, in groups of at most `max_bytes` (a larger single weight has a group of its own)."""
    shards: list[list[str]] = [[]]
    size = 0
    for name, nbytes in sizes.items():
        if shards[-1] and size + nbytes > max_bytes:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += nbytes
    return shards


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous()
