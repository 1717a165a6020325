"""Build the network and the policy from checkpoints, and write them back.

Functions of `checkpoint` read and write files and know plain parts (weights, configs, statistics); the classes here
assemble them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import gymnasium
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from vla_policy.action_stats import ActionStats, read_stats
from vla_policy.action_tokenizer import ActionTokenizer
from vla_policy.checkpoint.companions import PUBLISHED_CONFIG
from vla_policy.checkpoint.load import NetworkParts, fit_weights, read_network
from vla_policy.checkpoint.options import NetworkOptions
from vla_policy.checkpoint.policy_files import read_policy, write_policy, write_policy_adapter
from vla_policy.checkpoint.save import MAX_SHARD_BYTES, write_network
from vla_policy.checkpoint.source import find_files
from vla_policy.errors import CheckpointError, ConfigError, UnsupportedError, clip
from vla_policy.lora import Adapter, add_lora, base_weights, load_lora, read_lora
from vla_policy.model.config import EXTENSION, OpenVLAOFTConfig, config_to_dict
from vla_policy.model.network import OpenVLAOFTNetwork
from vla_policy.policy_config import PolicyConfig
from vla_policy.prompt import PromptTokenizer
from vla_policy.spaces import check_fit, read_spaces
from vla_policy.validation import typed
from vla_policy.value_head import ValueHead, ValueHeadConfig


class OpenVLAOFTModel(OpenVLAOFTNetwork):
    """The network alone, and the checkpoint that it was loaded from."""

    def __init__(self, config: OpenVLAOFTConfig) -> None:
        super().__init__(config)
        self.source_config: Mapping[str, Any] = {}
        """The `config.json` this network was loaded from; its unknown keys are written back when it is saved."""
        self.source_files: Mapping[str, bytes] = {}
        """Files of that checkpoint which a save takes over byte for byte, see `checkpoint.companions`."""
        self.source_name: str | None = None
        """The checkpoint whose weights these are, if there is one; what an adapter saved alone names as its base."""
        self.merged_adapter = False
        """Whether an adapter was merged into the weights when they were loaded."""
        self.fixed_adapter: Adapter | None = None
        """Adapters of layers that this network does not call; merged, and part of what `save_adapter` writes."""

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        num_images: int | None = None,
        *,
        chunk: int | None = None,
        stop_token: bool | None = None,
        dtype: torch.dtype | str | None = None,
        device: str | torch.device = "cpu",
        base: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> Self:
        """Load a checkpoint in the published layout, or a run's that changes one; its folder is only read.

        Args:
            path: a folder, or a repository of the Hugging Face Hub.
            num_images: n; None takes what the checkpoint says, else 1.
            chunk: C; None takes what the checkpoint says, else 8.
            stop_token: whether the sequence ends with it; None takes what the config says, else True. Policies that
                RLinf trained never saw it: False acts as they do there.
            dtype: of all weights; None or "auto" keeps the stored one, that of the embeddings where parts differ.
                `torch_dtype` is the same.
            device: where the weights go.
            base: the base of an unmerged adapter, or of RLinf's `full_weights.pt`; None takes what the adapter names.
            options: `revision`, `token`, `cache_dir`, `subfolder`, `local_files_only`, as transformers'
                `from_pretrained` has them.

        Raises:
            CheckpointError: files or weights are missing, unexpected or misshapen; the message names them.
            ConfigError: `config.json` describes a network that cannot be built, or an argument is not known.
            UnsupportedError: the checkpoint has a part that this package does not run; the message names it.
        """
        own = {"num_images": num_images, "chunk": chunk, "stop_token": stop_token, "dtype": dtype, "device": device}
        read, _ = NetworkOptions.read(options | own | {"base": base})
        return cls.from_parts(read_network(find_files(path, base, read.hub), read))

    @classmethod
    def from_parts(cls, parts: NetworkParts) -> Self:
        """Build the network that files describe.

        Raises:
            CheckpointError: the weights are not those of a network with this config.
        """
        with torch.device("meta"):  # no random weights, no memory, until the files give them
            model = cls(parts.config)
        model.load_state_dict(fit_weights(parts, model.state_dict()), strict=True, assign=True)
        model.source_config, model.source_files = parts.source_config, parts.source_files
        model.source_name, model.merged_adapter = parts.files.base_name, parts.files.adapter is not None
        return model

    def save_pretrained(
        self,
        path: str | os.PathLike[str],
        *,
        max_shard_bytes: int = MAX_SHARD_BYTES,
        extension: Mapping[str, Any] | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Write the published layout: sharded safetensors, `config.json` and the parts that have files of their own.

        Weights and config of an earlier save in the folder are replaced.

        Args:
            path: the folder.
            max_shard_bytes: size at which another file of weights begins.
            extension: added under this package's key of `config.json`.
            dtype: that weights are written in, for example `torch.bfloat16` as published; None: their own.
        """
        config = PUBLISHED_CONFIG | config_to_dict(self.config, self.source_config)
        config[EXTENSION] |= extension or {}
        write_network(Path(path), base_weights(self), config, self.source_files, max_shard_bytes, dtype)


class PretrainedPolicy(nn.Module):
    """The parts of a policy and their files; `OpenVLAOFTPolicy` acts with them."""

    def __init__(
        self, model: OpenVLAOFTModel, tokenizer: Tokenizer, config: PolicyConfig, unnorm_key: str | None = None
    ) -> None:
        super().__init__()
        sizes = model.config
        if len(config.image_keys) != sizes.num_images:
            raise ConfigError(
                f"image_keys {config.image_keys} name {len(config.image_keys)} images, not {sizes.num_images}"
            )
        if config.pipeline.size != sizes.image_size:
            raise ConfigError(f"image pipeline makes {config.pipeline.size} px; the trunks need {sizes.image_size}")
        if config.n_action_steps is not None and config.n_action_steps > sizes.chunk:
            raise ConfigError(f"n_action_steps is {config.n_action_steps}; a chunk has {sizes.chunk} actions")
        self.model = model
        self.config = config
        self.tokenizer = tokenizer
        self.stats: ActionStats = self._read_statistics(unnorm_key)
        self.action_tokenizer = ActionTokenizer(sizes.bins, sizes.vocab_size)
        self.value_head: ValueHead | None = None
        if config.value_head is not None:
            self.value_head = ValueHead(sizes.text.hidden_size, config.value_head)
        self._prompts = PromptTokenizer(
            tokenizer,
            template=config.prompt_template,
            max_length=config.max_prompt_length,
            bos_token_id=sizes.bos_token_id,
            prompt_end_token_id=sizes.prompt_end_token_id,
            pad_token_id=sizes.pad_token_id,
            normalize_instructions=config.normalize_instructions,
        )

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        unnorm_key: str | None = None,
        *,
        statistics: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        num_images: int | None = None,
        value_head: ValueHeadConfig | Mapping[str, Any] | bool | None = None,
        lora: int | str | os.PathLike[str] | Mapping[str, Any] | None = None,
        dtype: torch.dtype | str | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Load a checkpoint in the published layout, one that `save_pretrained` wrote, or a run's that changes one.

        Its folder is only read. docs/checkpoints.md lists what loads.

        Args:
            path: a folder, or a repository of the Hugging Face Hub.
            unnorm_key: entry of `norm_stats` (the suite; `_no_noops` is tried too); None: the saved or the only one.
            statistics: of a dataset of your own, instead of the checkpoint's: what `dataset_statistics` computes, or
                the path of a `dataset_statistics.json`. `unnorm_key` then names an entry of these.
            num_images: n, 1 or 2 cameras; None takes what the checkpoint says.
            value_head: None takes the saved one, if any; False none; True or options a value head of that shape.
            lora: a rank, or `{"rank":, "alpha":}`, of new adapters; or the folder of trained ones, to train them on.
                The base weights are frozen then.
            dtype: of the network's weights, for example `torch.bfloat16`; None or "auto" keeps the stored one,
                that of the embeddings where parts differ. All of the network is cast to it; the value head is float32.
            seed: of a new value head's and adapters' weights.
            options: other fields of `checkpoint.options.PolicyOptions`, such as `stop_token`, `base`, `revision`,
                `token`; and fields of `PolicyConfig` to replace.

        Raises:
            CheckpointError, ConfigError, UnnormKeyError, UnsupportedError: see there.
        """
        own: dict[str, Any] = {"unnorm_key": unnorm_key, "statistics": statistics, "num_images": num_images}
        own |= {"value_head": value_head, "lora": lora, "dtype": dtype, "device": device, "seed": seed}
        return cls._load(path, options | own)

    @classmethod
    def for_spaces(
        cls,
        observation_space: gymnasium.spaces.Space[Any],
        action_space: gymnasium.spaces.Space[Any],
        *,
        path: str | os.PathLike[str],
        num_images: int | None = None,
        **options: Any,
    ) -> Self:
        """Load a checkpoint for the spaces of an environment, as trainers make policies.

        Args:
            observation_space, action_space: of one env; they must fit the checkpoint.
            path: a folder, or a repository of the Hugging Face Hub.
            num_images: n; None: what the checkpoint says, else as many as the env has cameras.
            options: the other arguments of `from_pretrained`.

        Raises:
            SpaceError: the checkpoint gives other chunks, needs more cameras or another state than the env has.
            CheckpointError, ConfigError, UnnormKeyError, UnsupportedError: as `from_pretrained`.
        """
        env = read_spaces(observation_space, action_space)
        policy = cls._load(path, {**options, "num_images": num_images}, cameras=len(env.image_keys))
        sizes = policy.model.config
        check_fit(env, path, sizes.chunk, sizes.action_dim, sizes.num_images, sizes.proprio_dim)
        return policy

    @classmethod
    def _load(cls, path: str | os.PathLike[str], arguments: Mapping[str, Any], cameras: int | None = None) -> Self:
        parts, options = read_policy(path, arguments, cameras)
        policy = cls._assemble(
            OpenVLAOFTModel.from_parts(parts.network),
            parts.tokenizer,
            parts.config,
            torch.Generator().manual_seed(options.seed),
            unnorm_key=parts.unnorm_key,
            value_head=parts.value_head,
            lora=parts.lora,
        )
        if policy.value_head is not None:
            policy.value_head.to(options.device)  # float32, whatever the network's dtype
        return policy

    @classmethod
    def _assemble(
        cls,
        model: OpenVLAOFTModel,
        tokenizer: Tokenizer,
        config: PolicyConfig,
        generator: torch.Generator,
        *,
        unnorm_key: str | None = None,
        value_head: Mapping[str, Tensor] | None = None,
        lora: Adapter | int | Mapping[str, Any] | None = None,
    ) -> Self:
        """Build a policy from its parts; weights that are not given are sampled from the generator."""
        with torch.random.fork_rng(devices=[]):  # modules sample from the global generator; these weights are replaced
            policy = cls(model, tokenizer, config, unnorm_key)
        if policy.value_head is not None and value_head is not None:
            policy.value_head.load_state_dict(value_head)
        elif policy.value_head is not None:
            policy.value_head.reset_parameters(generator)
        if isinstance(lora, Adapter):
            model.fixed_adapter = load_lora(model, lora)
        elif lora is not None:
            add_lora(model, lora, generator)
        return policy

    def save_pretrained(self, path: str | os.PathLike[str], *, dtype: torch.dtype | None = None) -> None:
        """Write all that `from_pretrained` reads, in the published layout; LoRA adapters are merged.

        The other files of the checkpoint that was loaded are taken over byte for byte, see docs/checkpoints.md.

        Args:
            path: the folder.
            dtype: that the network's weights are written in, for example `torch.bfloat16` as published; None: their
                own. The value head is written as it is.
        """
        model = self.model
        extension = {"policy": asdict(self.config), "unnorm_key": self.stats.key}
        model.save_pretrained(path, extension=extension, dtype=dtype)
        norm_stats = model.source_config["norm_stats"]
        write_policy(Path(path), self.tokenizer, model.config, norm_stats, self.value_head, model.source_files)

    def save_adapter(self, path: str | os.PathLike[str]) -> None:
        """Write the LoRA adapters alone, as peft reads them, with the statistics and the value head beside them.

        `from_pretrained(base, lora=path)` trains them on, `from_pretrained(path)` merges them into their base.

        Raises:
            UnsupportedError: there are none, or they change weights that no checkpoint has.
        """
        model, key = self.model, self.stats.key
        adapter = read_lora(model, model.fixed_adapter, model.source_name)
        if adapter is None:
            raise UnsupportedError(
                "save_adapter: this policy has no adapters; load it with lora=, or use save_pretrained"
            )
        if model.merged_adapter:
            raise UnsupportedError(
                "save_adapter: another adapter was merged into this policy's weights when it was loaded, so that no "
                "checkpoint is the base of this one; use save_pretrained, or train that adapter on with lora=FOLDER"
            )
        norm_stats = {key: model.source_config["norm_stats"][key]}
        write_policy_adapter(Path(path), adapter, norm_stats, self.value_head)

    def use_statistics(self, key: str, statistics: Mapping[str, Any]) -> None:
        """Normalize actions and proprioception by those of another dataset from now on, as fine-tuning on it wants.

        They are part of `state_dict` and of what `save_pretrained` writes; those of before are forgotten.

        Args:
            key: the dataset's name.
            statistics: an entry of a `dataset_statistics.json`: `{"action": {"q01", "q99", "mask"?}, "proprio"?}`.

        Raises:
            ConfigError: an entry is missing, or of other sizes than the network's.
        """
        before = self.model.source_config
        if not isinstance(statistics, Mapping):
            raise ConfigError(f"statistics of {clip(repr(key))} are {clip(statistics)}; an object is needed")
        self.model.source_config = {**before, "norm_stats": {key: dict(statistics)}}
        try:
            self.stats = self._read_statistics(key)
        except ConfigError:
            self.model.source_config = before
            raise

    def get_extra_state(self) -> Tensor:
        """Return the statistics as JSON in bytes, a tensor like all other entries of a `state_dict`."""
        key = self.stats.key
        text = json.dumps({"key": key, "statistics": self.model.source_config["norm_stats"][key]})
        return torch.frombuffer(bytearray(text, "utf-8"), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Use the statistics that `get_extra_state` returned; raise CheckpointError for another content."""
        try:
            found = json.loads(bytes(state.cpu().numpy()))
            key, statistics = found["key"], found["statistics"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise CheckpointError("_extra_state of a state_dict holds no statistics of actions in JSON") from error
        self.use_statistics(key, statistics)

    def _read_statistics(self, key: str | None) -> ActionStats:
        sizes = self.model.config
        norm_stats = typed(self.model.source_config, "norm_stats", Mapping[str, Any], default={})
        stats = read_stats(norm_stats, key, self.config.bounds, self.config.gripper)
        stats.check_dims(sizes.action_dim, sizes.proprio_dim)
        return stats
