"""Read and write what a policy keeps beside its network's files.

config.json                 "vla_policy": {"policy": options, "unnorm_key": key}
dataset_statistics.json     norm_stats
value_head.safetensors      where there is a value head
tokenizer.json              and the other files of upstream's processor, see `companions`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from vla_policy.checkpoint.adapter import write_adapter
from vla_policy.checkpoint.companions import TOKENIZER_FILES, processor_files, write_companions
from vla_policy.checkpoint.images import num_images_of, require_num_images
from vla_policy.checkpoint.json_file import read_json, write_json
from vla_policy.checkpoint.load import VALUE_HEAD, NetworkParts, check_finite, read_network
from vla_policy.checkpoint.options import PolicyOptions
from vla_policy.checkpoint.source import STATISTICS_FILE, find_files, find_files_to_adapt
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, ConfigError, UnsupportedError, clip
from vla_policy.lora import Adapter
from vla_policy.model.config import EXTENSION, OpenVLAOFTConfig
from vla_policy.policy_config import PolicyConfig, policy_config_from_dict
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import load_tokenizer
from vla_policy.spaces import IMAGE_KEYS
from vla_policy.validation import typed
from vla_policy.value_head import ValueHead, ValueHeadConfig

VALUE_HEAD_FILE = "value_head.safetensors"


@dataclass(frozen=True)
class PolicyParts:
    """A policy as its files and the arguments of `from_pretrained` describe it."""

    network: NetworkParts
    tokenizer: Tokenizer
    config: PolicyConfig
    unnorm_key: str | None
    value_head: Mapping[str, Tensor] | None
    """Weights that fit `config.value_head`; None: new ones, or no value head at all."""
    lora: Adapter | int | Mapping[str, Any] | None
    """A trained adapter, or the options of a new one."""


def read_policy(
    path: str | os.PathLike[str], arguments: Mapping[str, Any], cameras: int | None = None
) -> tuple[PolicyParts, PolicyOptions]:
    """Read a policy's files.

    Args:
        path: a folder, or a repository of the Hugging Face Hub.
        arguments: see `OpenVLAOFTPolicy.from_pretrained`.
        cameras: the number of images where it is unknown; None: that is an error.
    """
    options, changes = PolicyOptions.read(arguments, PolicyConfig.__dataclass_fields__)
    lora: Adapter | int | Mapping[str, Any] | None
    if isinstance(options.lora, (str, os.PathLike)):
        files = find_files_to_adapt(path, options.base, options.lora, options.hub)
        lora = files.trained
    else:
        files, lora = find_files(path, options.base, options.hub), options.lora
    data = read_json(files.base / "config.json")
    saved = typed(data, EXTENSION, Mapping[str, Any], default={})
    num_images = require_num_images(options.num_images or num_images_of(data, files.places) or cameras, path)
    network = read_network(files, replace(options, num_images=num_images))
    values = dict(typed(saved, "policy", Mapping[str, Any], f"{EXTENSION}.", {}))
    if not values:
        values["pipeline"] = ImagePipeline(size=network.config.image_size)
    if len(typed(values, "image_keys", list[str], default=())) != num_images:
        values["image_keys"] = IMAGE_KEYS[:num_images]
    if network.value_head:
        changes["value_head"] = _head_among_weights(network.value_head, options.value_head, path)
    elif options.value_head is not None:
        changes["value_head"] = options.value_head
    config = policy_config_from_dict(values, **changes)
    tokenizer = load_tokenizer(files.holder("tokenizer.json", "tokenizer.model"))
    own = typed(saved, "unnorm_key", str, f"{EXTENSION}.")
    key = own if files.folder == files.base or own in network.source_config["norm_stats"] else None
    if options.statistics is not None:
        statistics = {"norm_stats": _read_statistics(options.statistics)}
        network = replace(network, source_config=network.source_config | statistics)
        key = None  # the saved key is of the statistics that were replaced
    head = None
    if config.value_head is not None:
        head_file = files.holder(VALUE_HEAD_FILE) / VALUE_HEAD_FILE
        head = _read_value_head(network, config.value_head, head_file, path)
    return PolicyParts(network, tokenizer, config, options.unnorm_key or key, head, lora), options


def write_policy(
    folder: Path,
    tokenizer: Tokenizer,
    sizes: OpenVLAOFTConfig,
    norm_stats: Mapping[str, Any],
    value_head: ValueHead | None,
    companions: Mapping[str, bytes],
) -> None:
    """Write a policy's files beside its network's.

    Args:
        sizes: the network's.
        companions: files of the checkpoint that was loaded, which the network's save has written.
    """
    _write_beside(folder, norm_stats, value_head)
    made = processor_files(tokenizer, sizes, companions)
    write_companions(folder, made)
    for name in TOKENIZER_FILES:  # of an earlier save of another policy
        if name not in made and name not in companions:
            (folder / name).unlink(missing_ok=True)


def write_policy_adapter(
    folder: Path, adapter: Adapter, norm_stats: Mapping[str, Any], value_head: ValueHead | None
) -> None:
    """Write an adapter alone, with the statistics and the value head beside it."""
    write_adapter(adapter, folder)
    _write_beside(folder, norm_stats, value_head)


def _write_beside(folder: Path, norm_stats: Mapping[str, Any], value_head: ValueHead | None) -> None:
    write_json(folder / STATISTICS_FILE, norm_stats)
    (folder / VALUE_HEAD_FILE).unlink(missing_ok=True)
    if value_head is not None:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in value_head.state_dict().items()}
        save_file(weights, folder / VALUE_HEAD_FILE)


def _head_among_weights(
    weights: Mapping[str, Tensor],
    wanted: ValueHeadConfig | Mapping[str, Any] | bool | None,
    path: str | os.PathLike[str],
) -> ValueHeadConfig | Mapping[str, Any] | bool:
    """Return the options of a value head whose weights lie among the network's, as RLinf (a3816b5) writes them.

    It reads the position of the prompt's last token, which here is `pool="first"`.
    """
    if wanted is False:
        return False
    layers = sorted((int(name.split(".")[2]), w.shape[0]) for name, w in weights.items() if name.endswith(".weight"))
    widths = [width for _, width in layers]
    if widths[-1] != 1:
        raise UnsupportedError(
            f"checkpoint {path} has a value head with {widths[-1]} values for each chunk (RLinf's value_type: "
            "action_level); one value is supported. value_head=False loads the policy without it"
        )
    found = {"hidden": widths[:-1], "pool": "first"}
    if isinstance(wanted, ValueHeadConfig):
        return wanted
    return found | dict(wanted) if isinstance(wanted, Mapping) else found


def _read_value_head(
    network: NetworkParts, config: ValueHeadConfig, file: Path, path: str | os.PathLike[str]
) -> Mapping[str, Tensor] | None:
    """Return the weights of a value head, which are among the network's or in a file; None where there are none."""
    among = {name.removeprefix(VALUE_HEAD): tensor for name, tensor in network.value_head.items()}
    if not among and not file.is_file():
        return None
    weights = among or dict(file_weights(file))
    check_finite(weights, file)
    with torch.device("meta"):
        head = ValueHead(network.config.text.hidden_size, config)
    try:
        head.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path if among else file} does not fit the value head {config}; "
            f"value_head=None takes the saved shape: {clip(str(error), 200)}"
        ) from error
    return weights


def _read_statistics(statistics: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any]:
    """Return `{key: entry}`, read from a `dataset_statistics.json` where it is a path."""
    if isinstance(statistics, Mapping):
        return dict(statistics)
    if not isinstance(statistics, (str, os.PathLike)):
        raise ConfigError(
            f"statistics is {clip(statistics)}; a dict, or the path of a dataset_statistics.json, is needed"
        )
    file = Path(statistics).expanduser()
    if not file.is_file():
        raise ConfigError(f"statistics: there is no file {file}")
    return read_json(file)
