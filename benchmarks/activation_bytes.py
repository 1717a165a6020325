"""Bytes that autograd keeps of a micro-batch of the 7B with adapters, on any machine.

    python benchmarks/activation_bytes.py

The network is made of tensors without data (FakeTensor), so that only shapes are computed. What a forward pass saves
for the backward pass is added up, once for each storage, weights left out. With checkpointing that are the inputs of
blocks; one block after the other is then computed again, and what a block keeps alone comes on top.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import policy as policy_benchmark
import torch
from compact_json import write_json
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from vla_policy import OpenVLAOFTModel
from vla_policy.lora import add_lora

RANK, PROMPT, MIB = 32, 38, 2**20


def saved_bytes(job: Callable[[], Any], weights: Iterable[Tensor]) -> int:
    """Return the bytes that a forward pass saves, besides weights."""
    own = {weight.untyped_storage()._cdata for weight in weights}
    saved: dict[int, Any] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved[storage._cdata] = storage  # kept, or another one would get its number
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = job()
    del result
    return sum(storage.nbytes() for storage in saved.values())


def measure(rows: int) -> dict[str, Any]:
    """Return MiB of a micro-batch, with and without checkpointing, and of one language block."""
    with torch.device("meta"):
        model = OpenVLAOFTModel(policy_benchmark.published()).to(torch.bfloat16)
        add_lora(model, RANK, torch.Generator().manual_seed(0))
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = model.to_empty(device="cpu").eval()
        weights = [*model.parameters(), *model.buffers()]
        ids, pixels = torch.zeros(rows, PROMPT, dtype=torch.long), torch.zeros(rows, 6, 224, 224)
        lengths = torch.full((rows,), PROMPT - 8)

        def forward() -> Any:
            with torch.autocast("cpu", torch.bfloat16):
                return model.decode(ids, lengths, pixels, None, True)

        figures: dict[str, Any] = {"rows": rows, "rank": RANK}
        for checkpointing in (True, False):
            model.gradient_checkpointing_enable(checkpointing)
            name = "with_checkpointing" if checkpointing else "without_checkpointing"
            figures[f"{name}_mib"] = saved_bytes(forward, weights) / MIB
        blocks = model.language_model.model.layers
        shorter = torch.nn.ModuleList(list(blocks)[1:])
        model.language_model.model.layers = shorter
        figures["language_block_mib"] = figures["without_checkpointing_mib"] - saved_bytes(forward, weights) / MIB
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    return figures | {"trained_weights": trained, "all_weights": sum(weight.numel() for weight in weights)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1, help="policy steps of the micro-batch")
    parser.add_argument("--json", type=Path, help="where the figures go")
    given = parser.parse_args()
    figures = measure(given.rows)
    for name, value in figures.items():
        print(f"{name}: {value:,.1f}" if isinstance(value, float) else f"{name}: {value:,}")
    if given.json:
        write_json(given.json, figures)


if __name__ == "__main__":
    main()
