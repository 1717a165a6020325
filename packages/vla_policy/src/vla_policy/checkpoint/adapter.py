"""Read and write LoRA adapters in peft's form: `adapter_config.json` and `adapter_model.safetensors` in a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from vla_policy.checkpoint.json_file import read_json, write_json
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, UnsupportedError, clip, names
from vla_policy.lora import Adapter
from vla_policy.validation import typed

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
BASE_KEY = "base_model_name_or_path"
FOLDER = "lora_adapter"
"""Where openvla-oft's `finetune.py`, SimpleVLA-RL and RLinf put the adapter of a run, inside its folder."""

_PREFIX = "base_model.model."
_COPY = ".base_layer.weight"
_SIDES = ("A", "B")


def adapter_folder(folder: Path) -> Path | None:
    """Return the folder itself or `lora_adapter` in it, whichever has an adapter in peft's form; None: neither."""
    return next((place for place in (folder, folder / FOLDER) if (place / CONFIG_FILE).is_file()), None)


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
    read = partial(typed, config, place=f"{folder / CONFIG_FILE}: ", error=CheckpointError)
    alpha, alphas = read("lora_alpha", float, default=8), read("alpha_pattern", Mapping[str, float], default={})
    rank, ranks = read("r", int, default=8), read("rank_pattern", Mapping[str, int], default={})
    adapter = Adapter(
        place=str(folder),
        layers=layers,
        alphas={layer: float(_pattern(alphas, layer, alpha)) for layer in layers},
        base=read(BASE_KEY, str) or None,
        folder=folder,
        copies={key.removeprefix(_PREFIX).removesuffix(_COPY): tensor for key, tensor in copies.items()},
        rslora=read("use_rslora", bool, default=False),
    )
    wrong = [layer for layer in layers if adapter.rank(layer) != _pattern(ranks, layer, rank)]
    if wrong:
        raise CheckpointError(f"{found}: ranks differ from those of {CONFIG_FILE} in {names(wrong)}")
    return adapter


def adapter_layers(weights: Mapping[str, Tensor], place: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Return pairs (A, B) by layer, from `*.lora_A.weight` or, in a module's own state, `*.lora_A.default.weight`.

    Raises:
        UnsupportedError: a weight that is not of such a pair.
        CheckpointError: half of a pair is missing or does not fit the other.
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
    ranks = {layer: adapter.rank(layer) for layer in adapter.layers}
    rank, alpha = _most_common(ranks), _most_common(adapter.alphas)
    config: dict[str, Any] = {
        "alpha_pattern": {layer: _number(a) for layer, a in adapter.alphas.items() if a != alpha},
        "auto_mapping": None,
        BASE_KEY: adapter.base,
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
        "target_modules": list(adapter.layers),
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


def _most_common(values: Mapping[str, Any]) -> Any:
    return max(set(values.values()), key=list(values.values()).count)


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _pattern(patterns: Mapping[str, Any], layer: str, default: Any) -> Any:
    """Return the value of the first regular expression that matches a layer's name or its end, as peft chooses it."""
    try:
        return next((v for key, v in patterns.items() if re.fullmatch(rf"(?:.*\.)?(?:{key})", layer)), default)
    except re.error as error:
        raise CheckpointError(f"{CONFIG_FILE}: {names(patterns, 3)}: no regular expression: {error}") from error
