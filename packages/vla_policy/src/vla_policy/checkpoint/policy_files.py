"""What a policy keeps beside its network's files.

config.json                 "vla_policy": {"policy": options, "unnorm_key": key}
dataset_statistics.json     norm_stats
value_head.safetensors      where there is a value head
tokenizer.json              and the other files of upstream's processor, see `companions`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from vla_policy.checkpoint.adapter import write_adapter
from vla_policy.checkpoint.companions import TOKENIZER_FILES, processor_files, write_companions
from vla_policy.checkpoint.hub import HubOptions, one_dtype, refuse_unknown
from vla_policy.checkpoint.images import num_images_of, require_num_images
from vla_policy.checkpoint.load import VALUE_HEAD, check_finite, load_network, read_json
from vla_policy.checkpoint.save import save_model, write_json
from vla_policy.checkpoint.source import CheckpointFiles, adapter_place, find_files, with_trainable_adapter
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, ConfigError, UnsupportedError, clip
from vla_policy.field_types import typed
from vla_policy.lora import add_lora, load_lora, read_lora
from vla_policy.model.config import EXTENSION
from vla_policy.model.openvla_oft import HUB_OPTIONS, MODEL_OPTIONS, OpenVLAOFTModel
from vla_policy.observation import IMAGE_KEYS
from vla_policy.policy_config import PolicyConfig, policy_config_from_dict, policy_config_to_dict
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import load_tokenizer
from vla_policy.value_head import ValueHeadConfig

if TYPE_CHECKING:
    from vla_policy.policy import OpenVLAOFTPolicy

    PolicyT = TypeVar("PolicyT", bound=OpenVLAOFTPolicy)

VALUE_HEAD_FILE = "value_head.safetensors"

_POLICY_OPTIONS = ("unnorm_key", "statistics", "value_head", "lora", "seed")


@dataclass(frozen=True)
class LoadOptions:
    """What `OpenVLAOFTPolicy.from_pretrained` takes besides the path and fields of `PolicyConfig`; most are there."""

    unnorm_key: str | None = None
    statistics: Mapping[str, Any] | str | os.PathLike[str] | None = None
    num_images: int | None = None
    chunk: int | None = None
    """C; None takes what the checkpoint says, else 8."""
    stop_token: bool | None = None
    """Whether the sequence ends with it; None takes the saved choice, else True. Policies that RLinf trained never saw
    it: False acts as they do there."""
    value_head: ValueHeadConfig | Mapping[str, Any] | bool | None = None
    lora: int | str | os.PathLike[str] | Mapping[str, Any] | None = None
    dtype: torch.dtype | str | None = None
    torch_dtype: torch.dtype | str | None = None
    """transformers' name of `dtype`."""
    device: str | torch.device = "cpu"
    seed: int = 0
    base: str | os.PathLike[str] | None = None
    """The checkpoint that an unmerged adapter, or RLinf's `full_weights.pt`, began with; None takes what the adapter
    names."""
    hub: HubOptions = field(default_factory=HubOptions)
    """Given as `revision`, `token`, `cache_dir`, `subfolder` and `local_files_only`."""

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> tuple[LoadOptions, dict[str, Any]]:
        """These options out of the arguments of `from_pretrained`, and the others."""
        rest = dict(arguments)
        hub = HubOptions(**{name: rest.pop(name) for name in HUB_OPTIONS if name in rest})
        own = {name: rest.pop(name) for name in cls.__dataclass_fields__ if name in rest and name != "hub"}
        return cls(**own, hub=hub), rest


def load_policy(
    cls: type[PolicyT],
    path: str | os.PathLike[str],
    given: LoadOptions,
    options: Mapping[str, Any],
    cameras: int | None = None,
) -> PolicyT:
    """See `OpenVLAOFTPolicy.from_pretrained`.

    Args:
        options: fields of `PolicyConfig` to replace.
        cameras: the number of images where nobody says it; None: that is an error.
    """
    refuse_unknown(options, (*MODEL_OPTIONS, *_POLICY_OPTIONS, *PolicyConfig.__dataclass_fields__))
    dtype = one_dtype(given.dtype, given.torch_dtype)
    files = _find(path, given)
    data = read_json(files.base / "config.json")
    saved = typed(data, EXTENSION, Mapping[str, Any], default={})
    num_images = given.num_images or num_images_of(data, files.places) or cameras
    model, head = load_network(
        OpenVLAOFTModel,
        files,
        num_images=require_num_images(num_images, path),
        chunk=given.chunk,
        stop_token=given.stop_token,
        dtype=dtype,
        device=given.device,
    )
    values = dict(typed(saved, "policy", Mapping[str, Any], f"{EXTENSION}.", {}))
    if not values:
        values["pipeline"] = ImagePipeline(size=model.config.image_size)
    if len(typed(values, "image_keys", list[str], default=())) != model.config.num_images:
        values["image_keys"] = IMAGE_KEYS[: model.config.num_images]
    changes = dict(options)
    if head:
        changes["value_head"] = _head_of_the_network(head, given.value_head, path)
    elif given.value_head is not None:
        changes["value_head"] = given.value_head
    config = policy_config_from_dict(values, **changes)
    tokenizer = load_tokenizer(files.holder("tokenizer.json", "tokenizer.model"))
    norm_stats = model.source_config["norm_stats"]
    own = typed(saved, "unnorm_key", str, f"{EXTENSION}.")
    key = given.unnorm_key or (own if files.folder == files.base or own in norm_stats else None)
    if given.statistics is not None:
        model.source_config = {**model.source_config, "norm_stats": _read_statistics(given.statistics)}
        key = given.unnorm_key  # the saved one is of what was replaced
    with torch.random.fork_rng(devices=[]):  # a new value head draws from the global generator before it is set below
        policy = cls(model, tokenizer, config, key)

    generator = torch.Generator().manual_seed(given.seed)
    if policy.value_head is not None:
        file = files.holder(VALUE_HEAD_FILE) / VALUE_HEAD_FILE
        if head or file.is_file():
            weights = {k.removeprefix(VALUE_HEAD): v.float() for k, v in head.items()} or dict(file_weights(file))
            try:
                check_finite(weights, file)
                policy.value_head.load_state_dict(weights)
            except RuntimeError as error:
                raise CheckpointError(
                    f"{path if head else file} does not fit the value head {config.value_head}; "
                    f"value_head=None takes the saved shape: {clip(str(error), 200)}"
                ) from error
        else:
            policy.value_head.reset_parameters(generator)
        policy.value_head.to(given.device)  # float32, whatever the network's dtype
    if files.trained is not None:
        load_lora(model, files.trained)
    elif given.lora is not None:
        assert not isinstance(given.lora, (str, os.PathLike))
        add_lora(model, given.lora, generator)
    return policy


def _find(path: str | os.PathLike[str], given: LoadOptions) -> CheckpointFiles:
    if isinstance(given.lora, (str, os.PathLike)):
        return with_trainable_adapter(path, given.base, adapter_place(given.lora), given.hub)
    return find_files(path, given.base, given.hub)


def _head_of_the_network(
    weights: Mapping[str, Tensor],
    wanted: ValueHeadConfig | Mapping[str, Any] | bool | None,
    path: str | os.PathLike[str],
) -> ValueHeadConfig | Mapping[str, Any] | bool:
    """The options of a value head whose weights lie among the network's, as RLinf (a3816b5) writes them.

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


def save_policy(policy: OpenVLAOFTPolicy, folder: Path) -> None:
    """See `OpenVLAOFTPolicy.save_pretrained`."""
    model = policy.model
    extension = {"policy": policy_config_to_dict(policy.config), "unnorm_key": policy.stats.key}
    save_model(model, folder, extension=extension)
    write_json(folder / "dataset_statistics.json", model.source_config["norm_stats"])
    made = processor_files(policy.tokenizer, model.config, model.source_files)
    write_companions(folder, made)
    for name in TOKENIZER_FILES:  # of an earlier save of another policy
        if name not in made and name not in model.source_files:
            (folder / name).unlink(missing_ok=True)
    _save_value_head(policy, folder)


def save_policy_adapter(policy: OpenVLAOFTPolicy, folder: Path) -> None:
    """See `OpenVLAOFTPolicy.save_adapter`."""
    adapter = read_lora(policy.model)
    if adapter is None:
        raise UnsupportedError("save_adapter: this policy has no adapters; load it with lora=, or use save_pretrained")
    if policy.model.merged_adapter:
        raise UnsupportedError(
            "save_adapter: another adapter was merged into this policy's weights when it was loaded, so that no "
            "checkpoint is the base of this one; use save_pretrained, or train that adapter on with lora=FOLDER"
        )
    write_adapter(adapter, folder)
    key = policy.stats.key
    write_json(folder / "dataset_statistics.json", {key: policy.model.source_config["norm_stats"][key]})
    _save_value_head(policy, folder)


def _save_value_head(policy: OpenVLAOFTPolicy, folder: Path) -> None:
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
