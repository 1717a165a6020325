"""Low-rank adapters on the network's linear layers, through peft.

Adapters sit on every linear layer that the forward pass runs: the used trunk blocks, the projectors and the language
model's layers. The output matrix has none: only its action rows are multiplied, without its module being called.

Axes: r rank, O outputs and I inputs of a layer; of a convolution, (r, I, h, w) and (O, r, 1, 1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vla_policy.errors import CheckpointError, ConfigError, names

DEFAULT_RANK = 32
"""openvla-oft 213c5ff `finetune.py`; its alpha is min(rank, 16)."""


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
    rslora: bool = False
    """Scale by alpha / sqrt(r) instead (peft's `use_rslora`)."""
    copies: Mapping[str, Tensor] = field(default_factory=dict)
    """The base's own weights of some layers: peft adds that of an output matrix which has an adapter."""

    def rank(self, layer: str) -> int:
        """Return r of a layer."""
        return self.layers[layer][0].shape[0]

    def scale(self, layer: str) -> float:
        """Return the factor of B A."""
        rank = self.rank(layer)
        return self.alphas[layer] / (math.sqrt(rank) if self.rslora else rank)

    def merged(self, layer: str, weight: Tensor) -> Tensor:
        """Return the layer's weight with the change added, in its own dtype; computed in float32."""
        self.check_shape(layer, weight)
        a, b = (side.to(weight.device, torch.float32) for side in self.layers[layer])
        change = self.scale(layer) * (b.flatten(1) @ a.flatten(1)).reshape(weight.shape)
        return (weight.float() + change).to(weight.dtype)

    def check_shape(self, layer: str, weight: Tensor) -> None:
        """Raise CheckpointError unless B A has the shape of the layer's weight, and a copy of it its values."""
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

    def check_layers(self, layers: Iterable[str]) -> None:
        """Raise CheckpointError unless all its layers are among the network's."""
        absent = sorted(set(self.layers) - set(layers))
        if absent:
            raise CheckpointError(f"{self.place} has adapters for layers that the network has not: {names(absent)}")


def add_lora(network: nn.Module, options: int | Mapping[str, Any], generator: torch.Generator) -> None:
    """Freeze the network and add new adapters, float32, that leave its outputs as they are.

    Args:
        options: a rank, or a mapping of `rank` and `alpha`.
        generator: samples the first weights.

    Raises:
        ConfigError: unknown options or a rank below 1.
    """
    given = {"rank": options} if isinstance(options, int) else dict(options)
    unknown = sorted(set(given) - {"rank", "alpha"})
    rank = int(given.get("rank", DEFAULT_RANK))
    if unknown or rank < 1:
        raise ConfigError(f"lora is {options!r}: unknown options {unknown}; allowed: rank (at least 1) and alpha")
    alpha, targets = given.get("alpha", min(rank, 16)), _called_layers(network, nn.Linear)
    _inject(network, targets, r=rank, lora_alpha=alpha)
    for name, parameter in network.named_parameters():
        if ".lora_A." in name:
            # peft's "gaussian", from our generator
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) / rank)


def load_lora(network: nn.Module, adapter: Adapter) -> Adapter | None:
    """Freeze the network and add trained adapters, float32, to train them on.

    Returns:
        Those adapters, if any, of layers whose module this network does not call (the output matrix, a trunk's last
        block): they are merged into the weights and are not trained.

    Raises:
        CheckpointError: the adapter is of another network.
    """
    modules = dict(network.named_modules())
    adapter.check_layers(modules)
    called = set(_called_layers(network, nn.Linear, nn.Conv2d))
    trained = [layer for layer in adapter.layers if layer in called]
    if not trained:
        raise CheckpointError(f"{adapter.place} has no adapter that can be trained on: {names(adapter.layers)}")
    for layer in adapter.layers:
        adapter.check_shape(layer, modules[layer].weight)
    fixed = {layer: pair for layer, pair in adapter.layers.items() if layer not in called}
    for layer in fixed:
        modules[layer].weight.data.copy_(adapter.merged(layer, modules[layer].weight.data))
    ranks = {layer: adapter.rank(layer) for layer in trained}
    alphas = {layer: adapter.scale(layer) * ranks[layer] for layer in trained}
    rank, alpha = ranks[trained[0]], alphas[trained[0]]
    _inject(
        network,
        trained,
        r=rank,
        lora_alpha=alpha,  # peft divides it; it need not be whole
        rank_pattern={re.escape(layer): r for layer, r in ranks.items() if r != rank},
        alpha_pattern={re.escape(layer): a for layer, a in alphas.items() if a != alpha},
    )
    modules = dict(network.named_modules())
    for layer in trained:
        for side, tensor in zip("AB", adapter.layers[layer], strict=True):
            modules[f"{layer}.lora_{side}.default"].weight.data.copy_(tensor)
    return replace(adapter, layers=fixed) if fixed else None


def read_lora(network: nn.Module, fixed: Adapter | None, base: str | None) -> Adapter | None:
    """Return the network's adapters and those that `load_lora` merged; None where the network has none.

    Args:
        fixed: as `load_lora` returned them.
        base: the checkpoint whose weights the network has without adapters.
    """
    layers: dict[str, tuple[Tensor, Tensor]] = {}
    alphas: dict[str, float] = {}
    for name, module in _adapted(network).items():
        layers[name] = (module.lora_A["default"].weight, module.lora_B["default"].weight)
        alphas[name] = round(module.scaling["default"] * module.r["default"], 9)
    if not layers:
        return None
    if fixed is not None:
        layers |= fixed.layers
        alphas |= {name: fixed.scale(name) * fixed.rank(name) for name in fixed.layers}
    return Adapter("this policy", layers, alphas, base=base)


def is_adapter_weight(name: str) -> bool:
    """Return whether a weight's name is an adapter's that was not merged."""
    return ".lora_" in name


class BaseWeight(NamedTuple):
    """A weight of the network under the name that it has without adapters."""

    tensor: Tensor
    adapted: Any
    """peft's layer, if it has an adapter of this weight."""

    def merged(self) -> Tensor:
        """Return the weight with its adapter added, if there is one: a new tensor then."""
        if self.adapted is None:
            return self.tensor
        with torch.no_grad():
            change: Tensor = self.adapted.get_delta_weight("default")
            return (self.tensor.float() + change.float()).to(self.tensor.dtype)


def base_weights(network: nn.Module) -> dict[str, BaseWeight]:
    """Return the network's weights by the names that they have without adapters.

    A caller who merges each of them and drops the result before the next never holds a second copy of the network.
    """
    adapted = _adapted(network)
    weights = {}
    for name, tensor in network.state_dict().items():
        if not is_adapter_weight(name):
            name = name.replace(".base_layer.", ".")
            layer = name.removesuffix(".weight")
            weights[name] = BaseWeight(tensor, adapted.get(layer) if layer != name else None)
    return weights


def _adapted(network: nn.Module) -> dict[str, Any]:
    """Return peft's layers by name."""
    return {name: module for name, module in network.named_modules() if hasattr(module, "get_delta_weight")}


def _called_layers(network: nn.Module, *kinds: type[nn.Module]) -> list[str]:
    """Return the names of the layers of some kinds whose modules the forward pass calls."""
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, kinds)
        and isinstance(module.weight, Tensor)
        and module.weight.requires_grad
        and name.split(".")[0] in ("vision_backbone", "projector", "language_model")
        and name != "language_model.lm_head"
    ]


def _inject(network: nn.Module, layers: list[str], **options: Any) -> None:
    """Add adapters to some layers as peft makes them, and freeze all other weights."""
    from peft import LoraConfig, inject_adapter_in_model  # seconds of imports

    with torch.random.fork_rng(devices=[]):  # peft samples first weights globally; the caller's replace them
        inject_adapter_in_model(LoraConfig(lora_dropout=0.0, target_modules=layers, **options), network)
    for name, parameter in network.named_parameters():
        adapter = is_adapter_weight(name)
        parameter.requires_grad_(adapter)
        if adapter:
            # Float32 even in a bfloat16 network: an AdamW step of 1e-5 is lost in bfloat16's eight bits.
            parameter.data = parameter.data.float()
