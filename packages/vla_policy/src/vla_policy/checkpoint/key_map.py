"""Translate names of weights between the published files and this package's modules.

Almost all are the same, because the modules are named after the files. What differs:

- LayerScale: HF's remote code renames timm's `gamma` to `scale_factor` (transformers rewrites keys that contain
  "gamma").
- `action_head` and `proprio_projector` have files of their own, without that prefix, and with `module.` where they
  were saved from a DistributedDataParallel wrapper.
"""

from __future__ import annotations

import re

_LAYER_SCALE_FILE = re.compile(r"\.(ls\d+)\.scale_factor$")
_LAYER_SCALE_MODULE = re.compile(r"\.(ls\d+)\.gamma$")
_NOT_WEIGHTS = re.compile(r"rotary_emb\.inv_freq$")
_WRAPPERS = re.compile(
    r"^(_orig_mod\.|module\.|base_model\.model\.)+|(_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
"""What torch.compile, DistributedDataParallel, peft, FSDP and activation checkpointing put into names."""

PARTS = ("action_head", "proprio_projector")
"""Modules that the published layout keeps in files of their own, `{part}--{step}_checkpoint.pt`."""


def to_module(name: str) -> str | None:
    """Return the module's name of a weight in the network's files; None for an entry that is not a weight."""
    name = _WRAPPERS.sub("", name).replace(".base_layer.", ".")
    if _NOT_WEIGHTS.search(name):
        return None
    return _LAYER_SCALE_FILE.sub(r".\1.gamma", name) if name.startswith("vision_backbone.") else name


def to_file(name: str) -> str:
    """Return the published name of a module's weight."""
    return _LAYER_SCALE_MODULE.sub(r".\1.scale_factor", name) if name.startswith("vision_backbone.") else name


def part_of(name: str) -> str | None:
    """Return the part whose file has this module weight; None for the safetensors files."""
    head = name.partition(".")[0]
    return head if head in PARTS else None
