"""Write a network's files in the published layout, so that other loaders of OpenVLA-OFT can read them too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vla_policy.checkpoint.companions import write_companions
from vla_policy.checkpoint.json_file import write_json
from vla_policy.checkpoint.key_map import PARTS, part_of, to_file
from vla_policy.lora import BaseWeight

MAX_SHARD_BYTES = 5 * 1000**3
"""transformers' shard size when OpenVLA-OFT was published: 7B in bfloat16 gives four files."""


def write_network(
    folder: Path,
    weights: Mapping[str, BaseWeight],
    config: Mapping[str, Any],
    companions: Mapping[str, bytes],
    max_shard_bytes: int = MAX_SHARD_BYTES,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a network's weights, `config.json` and companions; an earlier save in the folder is replaced.

    Args:
        weights: by module name; adapters are merged, a shard at a time.
        config: all of `config.json`.
        companions: contents of other files, by name.
        max_shard_bytes: size at which another file of weights begins.
        dtype: that weights are written in; None: their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("model*.safetensors"), *folder.glob("model.safetensors.index.json")):
        old.unlink()
    sizes = {
        name: weight.tensor.numel() * (dtype or weight.tensor.dtype).itemsize
        for name, weight in weights.items()
        if part_of(name) is None
    }
    shards = split(sizes, max_shard_bytes)
    weight_map: dict[str, str] = {}
    for i, shard in enumerate(shards, start=1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{i:05d}-of-{len(shards):05d}.safetensors"
        # A single shard in memory at a time; a weight that is on the CPU and neither adapted nor cast is not copied.
        plain = {to_file(name): _plain(weights[name], dtype) for name in shard}
        save_file(plain, folder / file, metadata={"format": "pt"})
        weight_map |= {to_file(name): file for name in shard}
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        write_json(folder / "model.safetensors.index.json", index)
    for part in PARTS:
        own = {
            name.removeprefix(f"{part}."): _plain(weight, dtype)
            for name, weight in weights.items()
            if part_of(name) == part
        }
        for old in folder.glob(f"{part}--*_checkpoint.pt"):
            old.unlink()
        if own:
            torch.save(own, folder / f"{part}--latest_checkpoint.pt")
    write_companions(folder, companions)
    write_json(folder / "config.json", config)


def split(sizes: Mapping[str, int], max_bytes: int) -> list[list[str]]:
    """Return names in order, in groups of at most `max_bytes` (a larger single weight has a group of its own)."""
    shards: list[list[str]] = [[]]
    size = 0
    for name, nbytes in sizes.items():
        if shards[-1] and size + nbytes > max_bytes:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += nbytes
    return shards


def _plain(weight: BaseWeight, dtype: torch.dtype | None) -> Tensor:
    return weight.merged().detach().to("cpu", dtype).contiguous()
