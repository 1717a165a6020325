"""LoRA adapters in files: the folder that peft writes and reads, `adapter_config.json` and `adapter_model.safetensors`.

Axes: r rank, O outputs and I inputs of a layer; of a convolution, (r, I, h, w) and (O, r, 1, 1).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vla_policy.checkpoint.load import read_json
from vla_policy.checkpoint.save import write_json
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, UnsupportedError, clip, names
from vla_policy.field_types import typed

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
FOLDER = "lora_adapter"
"""Where openvla-oft's `finetune.py`, SimpleVLA-RL and RLinf put the adapter of a run, inside its folder."""

_PREFIX = "base_model.model."
_COPY = ".base_layer.weight"
_SIDES = ("A", "B")


@dataclass(frozen=True)
class Adapter:
    """Low-rank changes of weights: `weight + scale * B A` for each layer that it names."""

    place: str
    """Where it comes from, for messages."""
    layers: Mapping[str, tuple[Tensor, Tensor]]
    """A (r, I) and B (O, r) by the layer's name in the network."""
    alphas: Mapping[str, float]
    """alpha of each layer; its scale is alpha / r."""
    base: str | None = None
    """The checkpoint that it changes, as its writer knew it."""
    folder: Path | None = None
    rslora: bool = field(default=False)
    """Scale by alpha / sqrt(r) instead (peft's `use_rslora`)."""
    copies: Mapping[str, Tensor] = field(default_factory=dict)
    """The base's own weights of some layers: peft adds that of an output matrix which has an adapter."""

    def rank(self, layer: str) -> int:
        """r."""
        return self.layers[layer][0].shape[0]

    def scale(self, layer: str) -> float:
        """The factor of B A."""
        rank = self.rank(layer)
        return self.alphas[layer] / (math.sqrt(rank) if self.rslora else rank)

    def merged(self, layer: str, weight: Tensor) -> Tensor:
        """The layer's weight with the change added, in its own dtype; computed in float32."""
        self.check_shape(layer, weight)
        a, b = (side.to(weight.device, torch.float32) for side in self.layers[layer])
        change = self.scale(layer) * (b.flatten(1) @ a.flatten(1)).reshape(weight.shape)
        return (weight.float() + change).to(weight.dtype)

    def check_shape(self, layer: str, weight: Tensor) -> None:
        """Raise CheckpointError unless B A has the shape of the layer's weight."""
        a, b = self.layers[layer]
        if (b.shape[0], *a.shape[1:]) != tuple(weight.shape):
            raise CheckpointError(
                f"{self.place}: lora_A {tuple(a.shape)} and lora_B {tuple(b.shape)} of {layer} do not fit the "
                f"network's weight {tuple(weight.shape)}"
            )
        copy = self.copies.get(layer)
        # equal up to the rounding of bfloat16, whichever of the two was stored in it
        if copy is not None and not torch.allclose(copy.float(), weight.detach().cpu().float(), rtol=2**-7, atol=1e-6):
            raise CheckpointError(f"{self.place} was trained on another base: its copy of {layer} differs")

    def check(self, layers: Iterable[str]) -> None:
        """Raise CheckpointError unless all its layers are among the network's."""
        absent = sorted(set(self.layers) - set(layers))
        if absent:
            raise CheckpointError(f"{self.place} has adapters for layers that the network has not: {names(absent)}")


def is_adapter_folder(folder: Path) -> bool:
    """Whether a folder has an adapter in peft's form."""
    return (folder / CONFIG_FILE).is_file()


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter that peft (0.11 and later) wrote.

    Raises:
        CheckpointError: files are missing or damaged, or do not fit together.
        UnsupportedError: another kind than plain LoRA on linear and convolution layers; the message names it.
    """
    config = read_json(folder / CONFIG_FILE)
    if config.get("peft_type") != "LORA":
        kind = clip(repr(config.get("peft_type")))
        raise UnsupportedError(f"{folder / CONFIG_FILE}: peft_type is {kind}; LORA can be read")
    for key, only in (("use_dora", False), ("bias", "none"), ("fan_in_fan_out", False), ("modules_to_save", None)):
        if config.get(key, only) not in (only, None, []):
            raise UnsupportedError(
                f"{folder / CONFIG_FILE}: {key} is {clip(repr(config[key]))}, which this package does not read; "
                "merge the adapter with peft (merge_and_unload) and load the result"
            )
    files = [folder / WEIGHTS_FILE, folder / "adapter_model.bin"]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise CheckpointError(f"adapter {folder} has no {WEIGHTS_FILE}; it has {names(os.listdir(folder), 20)}")
    weights = dict(file_weights(found))
    copies = {key: weights.pop(key) for key in list(weights) if key.endswith(_COPY)}
    layers = adapter_layers(weights, found)
    place = f"{folder / CONFIG_FILE}: "
    alpha = typed(config, "lora_alpha", float, place, 8, CheckpointError)
    alphas = typed(config, "alpha_pattern", Mapping[str, float], place, {}, CheckpointError)
    rank = typed(config, "r", int, place, 8, CheckpointError)
    ranks = typed(config, "rank_pattern", Mapping[str, int], place, {}, CheckpointError)
    adapter = Adapter(
        place=str(folder),
        layers=layers,
        alphas={layer: float(_pattern(alphas, layer, alpha)) for layer in layers},
        base=typed(config, "base_model_name_or_path", str, place, None, CheckpointError) or None,
        folder=folder,
        copies={key.removeprefix(_PREFIX).removesuffix(_COPY): tensor for key, tensor in copies.items()},
        rslora=typed(config, "use_rslora", bool, place, False, CheckpointError),
    )
    wrong = [layer for layer in layers if adapter.rank(layer) != _pattern(ranks, layer, rank)]
    if wrong:
        raise CheckpointError(f"{found}: ranks differ from those of {CONFIG_FILE} in {names(wrong)}")
    return adapter


def adapter_layers(weights: Mapping[str, Tensor], place: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Pairs (A, B) by layer, from `....lora_A.weight` or, in a module's own state, `....lora_A.default.weight`.

    Raises:
        UnsupportedError: a weight that is not of such a pair.
        CheckpointError: one of a pair is missing or does not fit the other.
    """
    pairs: dict[str, dict[str, Tensor]] = {}
    foreign = []
    for key, tensor in weights.items():
        layer, _, rest = key.removeprefix(_PREFIX).partition(".lora_")
        side, _, tail = rest.partition(".")
        if side not in _SIDES or tail not in ("weight", "default.weight"):
            foreign.append(key)
            continue
        pairs.setdefault(layer, {})[side] = tensor
    if foreign:
        raise UnsupportedError(
            f"{place}: only LoRA on linear and convolution layers can be read; it has {names(foreign)}"
        )
    odd = [
        layer
        for layer, pair in pairs.items()
        if set(pair) != set(_SIDES)
        or pair["A"].ndim != pair["B"].ndim
        or pair["A"].ndim < 2
        or pair["A"].shape[0] != pair["B"].shape[1]
    ]
    if odd or not pairs:
        raise CheckpointError(f"{place}: lora_A and lora_B are incomplete or do not fit: {names(odd)}")
    return {layer: (pair["A"], pair["B"]) for layer, pair in pairs.items()}


def write_adapter(adapter: Adapter, folder: Path) -> None:
    """Write an adapter alone, with the keys of peft 0.11, which openvla-oft pins and every later peft reads."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = list(adapter.layers)
    ranks = {layer: adapter.rank(layer) for layer in layers}
    rank = max(set(ranks.values()), key=list(ranks.values()).count)
    alphas = dict(adapter.alphas)
    alpha = max(set(alphas.values()), key=list(alphas.values()).count)
    config: dict[str, Any] = {
        "alpha_pattern": {layer: _number(a) for layer, a in alphas.items() if a != alpha},
        "auto_mapping": None,
        "base_model_name_or_path": adapter.base,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": _number(alpha),
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": rank,
        "rank_pattern": {layer: r for layer, r in ranks.items() if r != rank},
        "target_modules": layers,
        "task_type": None,
        "use_dora": False,
        "use_rslora": adapter.rslora,
    }
    weights = {
        f"{_PREFIX}{layer}.lora_{side}.weight": tensor.detach().cpu().contiguous()
        for layer, pair in adapter.layers.items()
        for side, tensor in zip(_SIDES, pair, strict=True)
    }
    (folder / "adapter_model.bin").unlink(missing_ok=True)
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    write_json(folder / CONFIG_FILE, config)


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _pattern(patterns: Mapping[str, Any], layer: str, default: Any) -> Any:
    """The value of the first regular expression that matches the layer's name or its end, as peft chooses it."""
    try:
        return next((v for key, v in patterns.items() if re.fullmatch(rf"(?:.*\.)?(?:{key})", layer)), default)
    except re.error as error:
        raise CheckpointError(f"{CONFIG_FILE}: {names(patterns, 3)}: no regular expression: {error}") from error
