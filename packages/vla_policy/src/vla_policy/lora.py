"""Low-rank adapters on the network's linear layers, through peft.

Adapters sit on every linear layer that the forward pass runs: the used trunk blocks, the projectors and the language
model's layers. The output matrix has none: only its action rows are multiplied, without its module being called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vla_policy.errors import ConfigError

if TYPE_CHECKING:
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
    from peft import LoraConfig, inject_adapter_in_model

    targets = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and module.weight.requires_grad
        and name.split(".")[0] in ("vision_backbone", "projector", "language_model")
        and name != "language_model.lm_head"
    ]
    config = LoraConfig(r=rank, lora_alpha=given.get("alpha", min(rank, 16)), lora_dropout=0.0, target_modules=targets)
    with torch.random.fork_rng(devices=[]):  # peft draws first weights from the global generator; ours replace them
        inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        adapter = is_adapter(name)
        parameter.requires_grad_(adapter)
        if adapter:
            # Float32 even in a bfloat16 network: an AdamW step of 1e-5 is lost in bfloat16's eight bits.
            parameter.data = parameter.data.float()
        if ".lora_A." in name:
            initial = torch.randn(parameter.shape, generator=generator) / rank  # peft's "gaussian", from our generator
            parameter.data.copy_(initial)


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
