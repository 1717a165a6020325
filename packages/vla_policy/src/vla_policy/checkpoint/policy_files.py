"""What a policy keeps beside its network's files.

config.json              "vla_policy": {"policy": options, "unnorm_key": key}
dataset_statistics.json  norm_stats
tokenizer.json
value_head.safetensors   where there is a value head
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors.torch import save_file

from vla_policy.checkpoint.load import check_finite, read_json, resolve_folder
from vla_policy.checkpoint.save import save_model, write_json
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, ConfigError, clip
from vla_policy.field_types import typed
from vla_policy.model.config import EXTENSION
from vla_policy.model.openvla_oft import OpenVLAOFTModel
from vla_policy.observation import IMAGE_KEYS
from vla_policy.policy_config import policy_config_from_dict, policy_config_to_dict
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import load_tokenizer
from vla_policy.value_head import ValueHeadConfig

if TYPE_CHECKING:
    from vla_policy.policy import OpenVLAOFTPolicy

    PolicyT = TypeVar("PolicyT", bound=OpenVLAOFTPolicy)

VALUE_HEAD_FILE = "value_head.safetensors"


def load_policy(
    cls: type[PolicyT],
    path: str | os.PathLike[str],
    *,
    unnorm_key: str | None,
    statistics: Mapping[str, Any] | str | os.PathLike[str] | None,
    num_images: int | None,
    value_head: ValueHeadConfig | Mapping[str, Any] | bool | None,
    lora: int | Mapping[str, Any] | None,
    dtype: torch.dtype | str | None,
    device: str | torch.device,
    seed: int,
    options: Mapping[str, Any],
) -> PolicyT:
    """See `OpenVLAOFTPolicy.from_pretrained`."""
    folder = resolve_folder(path)
    saved = typed(read_json(folder / "config.json"), EXTENSION, Mapping[str, Any], default={})
    model = OpenVLAOFTModel.from_pretrained(folder, num_images, dtype=_dtype(dtype), device=device)
    key = unnorm_key or typed(saved, "unnorm_key", str, f"{EXTENSION}.")
    if statistics is not None:
        model.source_config = {**model.source_config, "norm_stats": _read_statistics(statistics)}
        key = unnorm_key  # the saved one is of what was replaced
    data = dict(typed(saved, "policy", Mapping[str, Any], f"{EXTENSION}.", {}))
    if not data:
        data["pipeline"] = ImagePipeline(size=model.config.image_size)
    if len(typed(data, "image_keys", list[str], default=())) != model.config.num_images:
        data["image_keys"] = IMAGE_KEYS[: model.config.num_images]
    changes = dict(options) if value_head is None else {**options, "value_head": value_head}
    config = policy_config_from_dict(data, **changes)
    tokenizer = load_tokenizer(folder)
    with torch.random.fork_rng(devices=[]):  # a new value head draws from the global generator before it is set below
        policy = cls(model, tokenizer, config, key)

    generator = torch.Generator().manual_seed(seed)
    if policy.value_head is not None:
        file = folder / VALUE_HEAD_FILE
        if file.is_file():
            try:
                weights = dict(file_weights(file))
                check_finite(weights, file)
                policy.value_head.load_state_dict(weights)
            except RuntimeError as error:
                raise CheckpointError(
                    f"{file} does not fit the value head {config.value_head}; "
                    f"value_head=None takes the saved shape: {clip(str(error), 200)}"
                ) from error
        else:
            policy.value_head.reset_parameters(generator)
        policy.value_head.to(device)  # float32, whatever the network's dtype
    if lora is not None:
        from vla_policy.lora import add_lora

        add_lora(model, lora, generator)
    return policy


def save_policy(policy: OpenVLAOFTPolicy, folder: Path) -> None:
    """See `OpenVLAOFTPolicy.save_pretrained`."""
    extension = {"policy": policy_config_to_dict(policy.config), "unnorm_key": policy.stats.key}
    save_model(policy.model, folder, extension=extension)
    write_json(folder / "dataset_statistics.json", policy.model.source_config["norm_stats"])
    policy.tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / VALUE_HEAD_FILE).unlink(missing_ok=True)
    if policy.value_head is not None:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in policy.value_head.state_dict().items()}
        save_file(weights, folder / VALUE_HEAD_FILE)


def _read_statistics(statistics: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any]:
    """`{key: entry}`, of a `dataset_statistics.json` where it is a path."""
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


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """`torch.bfloat16` or its name, "bfloat16"."""
    if not isinstance(dtype, str):
        return dtype
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype):
        raise ConfigError(f"dtype is {dtype!r}; it must name a torch dtype, such as 'bfloat16' or 'float32'")
    return found
