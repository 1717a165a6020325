"""Low-rank adapters on the network's linear layers, through peft.

Adapters sit on every linear layer that the forward pass runs: the used trunk blocks, the projectors and the language
model's layers. The output matrix has none: only its action rows are multiplied, without its module being called.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vla_policy.errors import CheckpointError, ConfigError, names

if TYPE_CHECKING:
    from peft import LoraConfig

    from vla_policy.checkpoint.adapter import Adapter
    from vla_policy.model.openvla_oft import OpenVLAOFTModel

DEFAULT_RANK = 32
"""openvla-oft 213c5ff `finetune.py`; its alpha is min(rank, 16)."""

_ADAPTER = ".lora_"
_BASE = ".base_layer."


def add_lora(model: OpenVLAOFTModel, options: int | Mapping[str, Any], generator: torch.Generator) -> None:
    """Freeze the network and add adapters, float32, that leave its outputs as they are.

    Args:
        options: a rank, or a mapping of `rank` and `alpha`.

    Raises:
        ConfigError: unknown options or a rank below 1.
    """
    given = {"rank": options} if isinstance(options, int) else dict(options)
    unknown = sorted(set(given) - {"rank", "alpha"})
    rank = int(given.get("rank", DEFAULT_RANK))
    if unknown or rank < 1:
        raise ConfigError(f"lora is {options!r}: unknown options {unknown}; allowed: rank (at least 1) and alpha")
    from peft import LoraConfig

    alpha, targets = given.get("alpha", min(rank, 16)), layers_that_run(model, nn.Linear)
    _inject(model, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=targets))
    for name, parameter in model.named_parameters():
        if ".lora_A." in name:
            initial = torch.randn(parameter.shape, generator=generator) / rank  # peft's "gaussian", from our generator
            parameter.data.copy_(initial)


def load_lora(model: OpenVLAOFTModel, adapter: Adapter) -> None:
    """Freeze the network and add trained adapters, float32, to train them on.

    Adapters of layers whose module this network does not call (the output matrix, a trunk's last block) are merged into
    the weights and stay as they are.

    Raises:
        CheckpointError: the adapter is of another network.
    """
    from peft import LoraConfig

    modules = dict(model.named_modules())
    adapter.check(modules)
    run = set(layers_that_run(model, nn.Linear, nn.Conv2d))
    trained = [layer for layer in adapter.layers if layer in run]
    if not trained:
        raise CheckpointError(f"{adapter.place} has no adapter that can be trained on: {names(adapter.layers)}")
    fixed = replace(adapter, layers={layer: pair for layer, pair in adapter.layers.items() if layer not in run})
    for layer in adapter.layers:
        adapter.check_shape(layer, modules[layer].weight)
    for layer in fixed.layers:
        modules[layer].weight.data.copy_(adapter.merged(layer, modules[layer].weight.data))
    model.fixed_adapter = fixed if fixed.layers else None
    ranks = {layer: adapter.rank(layer) for layer in trained}
    alphas = {layer: adapter.scale(layer) * ranks[layer] for layer in trained}
    first = trained[0]
    config = LoraConfig(
        r=ranks[first],
        lora_alpha=alphas[first],  # type: ignore[arg-type]  # peft divides it; it need not be whole
        rank_pattern={re.escape(layer): rank for layer, rank in ranks.items() if rank != ranks[first]},
        alpha_pattern={re.escape(layer): alpha for layer, alpha in alphas.items() if alpha != alphas[first]},
        lora_dropout=0.0,
        target_modules=trained,
    )
    _inject(model, config)
    modules = dict(model.named_modules())
    for layer in trained:
        for side, tensor in zip("AB", adapter.layers[layer], strict=True):
            modules[f"{layer}.lora_{side}.default"].weight.data.copy_(tensor)


def read_lora(model: OpenVLAOFTModel) -> Adapter | None:
    """Return the network's adapters, those that stay as they are included; None where it has none."""
    from vla_policy.checkpoint.adapter import Adapter

    layers: dict[str, tuple[Tensor, Tensor]] = {}
    alphas: dict[str, float] = {}
    for name, module in model.named_modules():
        if not hasattr(module, "get_delta_weight"):
            continue
        layers[name] = (module.lora_A["default"].weight, module.lora_B["default"].weight)
        alphas[name] = round(module.scaling["default"] * module.r["default"], 9)
    if not layers:
        return None
    fixed: Adapter | None = getattr(model, "fixed_adapter", None)
    for name in fixed.layers if fixed is not None else ():
        assert fixed is not None
        layers[name], alphas[name] = fixed.layers[name], fixed.scale(name) * fixed.rank(name)
    return Adapter("this policy", layers, alphas, base=model.source_name)


def layers_that_run(model: OpenVLAOFTModel, *kinds: type[nn.Module]) -> list[str]:
    """Names of the layers of some kinds whose modules the forward pass calls."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, kinds)
        and isinstance(module.weight, Tensor)
        and module.weight.requires_grad
        and name.split(".")[0] in ("vision_backbone", "projector", "language_model")
        and name != "language_model.lm_head"
    ]


def _inject(model: OpenVLAOFTModel, config: LoraConfig) -> None:
    """Add adapters as peft makes them, and freeze everything else."""
    from peft import inject_adapter_in_model

    with torch.random.fork_rng(devices=[]):  # peft draws first weights from the global generator; ours replace them
        inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        adapter = is_adapter(name)
        parameter.requires_grad_(adapter)
        if adapter:
            # Float32 even in a bfloat16 network: an AdamW step of 1e-5 is lost in bfloat16's eight bits.
            parameter.data = parameter.data.float()


def is_adapter(name: str) -> bool:
    """Whether a weight's name is an adapter's."""
    return _ADAPTER in name


def merged_tensors(model: nn.Module) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """The network's weights under the names that they have without adapters, each as a function that makes it.

    A function adds the adapters, if there are any, to one weight, so that a caller who drops each result before it asks
    for the next never holds a second copy of the network.
    """
    adapted = {name: module for name, module in model.named_modules() if hasattr(module, "get_delta_weight") and name}
    for name, tensor in model.state_dict().items():
        if is_adapter(name):
            continue
        plain = name.replace(_BASE, ".")
        owner = plain.rpartition(".")[0] if plain.endswith(".weight") else ""
        yield plain, functools.partial(_merge, tensor, adapted.get(owner))


def _merge(tensor: Tensor, adapted: Any) -> Tensor:
    if adapted is None:
        return tensor
    with torch.no_grad():
        return (tensor.float() + adapted.get_delta_weight("default").float()).to(tensor.dtype)
