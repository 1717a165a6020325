"""Sizes of the network, read from a checkpoint's `config.json`.

A published config names sizes in HF's words and leaves Llama's defaults out; `OpenVLAOFTConfig` holds what the network
needs. What a published config cannot say (chunk length, proprioception, the toy's options) stands under the key
`vla_policy`, which other loaders ignore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vla_policy.errors import ConfigError, clip, names
from vla_policy.validation import MAX_SIZE, check_fields, check_known, check_sizes, typed

MAX_LAYERS = 1024

EXTENSION = "vla_policy"
"""Key of `config.json` under which this package stores what the published layout has no field for."""


@dataclass(frozen=True)
class LlamaSizes:
    """The language model's sizes; defaults are those of transformers' LlamaConfig, which published configs leave
    out."""

    vocab_size: int = 32064
    """Rows of the embedding, padding rows included."""
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int = 32
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads

    def __post_init__(self) -> None:
        check_fields(self, "text_config.")
        check_sizes(
            self,
            ("vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads"),
            "text_config.",
        )
        check_sizes(self, ("num_hidden_layers",), "text_config.", most=MAX_LAYERS)
        if self.rms_norm_eps < 0 or self.rope_theta <= 0:
            raise ConfigError(
                f"text_config: rms_norm_eps is {self.rms_norm_eps} and rope_theta {self.rope_theta}; they must be 0 or "
                "more and above 0"
            )
        if self.hidden_size % self.num_attention_heads or self.head_dim % 2:
            raise ConfigError(
                f"text_config: hidden_size {self.hidden_size} must be num_attention_heads "
                f"{self.num_attention_heads} times an even number"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ConfigError(
                f"text_config: num_attention_heads {self.num_attention_heads} is not a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )


TRUNK_ARGS = {
    "patch_size": int,
    "embed_dim": int,
    "depth": int,
    "num_heads": int,
    "mlp_ratio": float,
    "init_values": float,
}
"""Arguments that a config may pass to timm, and their types."""
_TIMM_ID = re.compile(r"[\w]+(\.[\w]+)?")


@dataclass(frozen=True)
class TrunkSizes:
    """A vision trunk, as timm builds it."""

    timm_id: str
    image_size: int
    override_act_layer: str | None = None
    timm_args: Mapping[str, Any] = field(default_factory=dict)
    """Sizes that differ from the named model's, of `TRUNK_ARGS`: the toy has the real pair's structure, but smaller."""

    def __post_init__(self) -> None:
        check_fields(self, "trunk: ")
        check_sizes(self, ("image_size",), "trunk: ")
        # timm's names may also be addresses ("hf-hub:owner/name"), and its arguments paths of pickles
        if not _TIMM_ID.fullmatch(self.timm_id):
            raise ConfigError(f"timm_model_ids has {clip(repr(self.timm_id))}; a model of timm's own is needed")
        for name, value in self.timm_args.items():
            if name not in TRUNK_ARGS:
                raise ConfigError(f"timm_model_args has {clip(repr(name))}; allowed: {names(TRUNK_ARGS)}")
            typed(self.timm_args, name, TRUNK_ARGS[name], "timm_model_args: ")
            if value is not None and not 0 <= value <= (MAX_LAYERS if name == "depth" else MAX_SIZE):
                raise ConfigError(f"timm_model_args: {name} is {clip(value)}; it must be a positive size")


@dataclass(frozen=True)
class OpenVLAOFTConfig:
    """All sizes and options that the network is built from."""

    text: LlamaSizes
    trunks: tuple[TrunkSizes, ...]
    """One, or two that are fused."""
    bins: int = 256
    pad_to_multiple_of: int = 64
    """Padding rows at the end of the vocabulary: 32064 - 64 = 32000 ids are real."""
    num_images: int = 1
    chunk: int = 8
    """C; openvla-oft's constant for LIBERO."""
    action_dim: int = 7
    """A"""
    proprio_dim: int | None = None
    """P, or None where the checkpoint has no proprioception projector."""
    action_head: Literal["tokens", "l1"] = "tokens"
    """`l1` adds the regression head; the discrete logits are still there."""
    learned_placeholders: bool = False
    """False: action placeholders embed as zeros (every published checkpoint). True: as learned vectors (the toy)."""
    stem: Literal["patch", "conv"] = "patch"
    """How trunks make tokens of an image: each patch by itself, as every published checkpoint, or convolutions."""
    stop_token: bool = True
    """Whether the sequence ends with the stop token, as OpenVLA-OFT was trained. RLinf (a3816b5,
    `openvla_oft_action_model.py::_build_embedding`) cuts it off when it acts and when it trains."""
    bos_token_id: int = 1
    stop_token_id: int = 2
    pad_token_id: int = 32000
    prompt_end_token_id: int = 29871
    """Llama 2's lone space: OpenVLA was trained with it after "Out:" (openvla `prismatic/models/vlas/openvla.py`)."""

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.trunks) not in (1, 2):
            raise ConfigError(f"timm_model_ids has {len(self.trunks)} entries; 1, or 2 that are fused, can be built")
        check_sizes(self, ("bins", "num_images", "chunk", "action_dim"))
        if self.proprio_dim is not None:
            check_sizes(self, ("proprio_dim",))
        if self.pad_to_multiple_of < 0:
            raise ConfigError(f"pad_to_multiple_of is {clip(self.pad_to_multiple_of)}; it must be 0 or more")
        if not self.bins <= self.vocab_size:
            raise ConfigError(f"vocabulary of {self.vocab_size} ids cannot hold {self.bins} action ids")
        for name in ("bos_token_id", "stop_token_id", "pad_token_id", "prompt_end_token_id"):
            token_id = getattr(self, name)
            if not 0 <= token_id < self.text.vocab_size:
                raise ConfigError(f"{name} is {clip(token_id)}; the vocabulary has ids 0 to {self.text.vocab_size - 1}")
        if len({t.image_size for t in self.trunks}) != 1:
            raise ConfigError(f"image_sizes {[t.image_size for t in self.trunks]} differ; both trunks see one image")

    @property
    def vocab_size(self) -> int:
        """V, without padding rows."""
        return self.text.vocab_size - self.pad_to_multiple_of

    @property
    def num_tokens(self) -> int:
        """K = C A."""
        return self.chunk * self.action_dim

    @property
    def image_size(self) -> int:
        """Side of the square images, in pixels."""
        return self.trunks[0].image_size


_EXTENSION_FIELDS = (
    "num_images",
    "chunk",
    "action_dim",
    "proprio_dim",
    "action_head",
    "learned_placeholders",
    "stem",
    "stop_token",
    "prompt_end_token_id",
)


def config_from_dict(data: Mapping[str, Any], **overrides: Any) -> OpenVLAOFTConfig:
    """Read a `config.json`; `overrides` replace fields of `OpenVLAOFTConfig` (None leaves a field alone).

    Raises:
        ConfigError: a needed key is absent, or sizes do not fit together.
    """
    absent = [k for k in ("timm_model_ids", "image_sizes", "text_config") if k not in data]
    if absent:
        raise ConfigError(f"config.json has no {names(absent)}; it has {names(data, 40)}")
    text_data = typed(data, "text_config", Mapping[str, Any], default={})
    text = {k: text_data[k] for k in LlamaSizes.__dataclass_fields__ if text_data.get(k) is not None}
    if "num_attention_heads" in text:
        text.setdefault("num_key_value_heads", text["num_attention_heads"])
    for key, only in (("rope_scaling", None), ("attention_bias", False), ("hidden_act", "silu")):
        if text_data.get(key, only) != only:
            raise ConfigError(
                f"text_config.{key} is {clip(text_data[key])}; only {only!r}, as in Llama 2, can be built"
            )

    extension = dict(typed(data, EXTENSION, Mapping[str, Any], default={}))
    ids = typed(data, "timm_model_ids", list[str], default=[])
    sides = typed(data, "image_sizes", list[int], default=[])
    acts = typed(data, "timm_override_act_layers", list[str | None]) or [None] * len(ids)
    args = typed(extension, "timm_model_args", list[Mapping[str, Any]], f"{EXTENSION}.") or [{}] * len(ids)
    if not len(ids) == len(sides) == len(acts) == len(args):
        raise ConfigError("timm_model_ids, image_sizes, timm_override_act_layers and timm_model_args differ in length")
    trunks = tuple(TrunkSizes(i, s, a, dict(g)) for i, s, a, g in zip(ids, sides, acts, args, strict=True))
    if not typed(data, "use_fused_vision_backbone", bool, default=len(trunks) == 2):
        trunks = trunks[:1]

    fields: dict[str, Any] = {
        "bins": data.get("n_action_bins", 256),
        "pad_to_multiple_of": data.get("pad_to_multiple_of", 64),
    }
    token_ids = {
        "pad_token_id": data.get("pad_token_id"),
        "bos_token_id": text_data.get("bos_token_id"),
        "stop_token_id": text_data.get("eos_token_id"),
    }
    fields |= {name: token_id for name, token_id in token_ids.items() if token_id is not None}
    fields |= {k: extension[k] for k in _EXTENSION_FIELDS if k in extension}
    fields |= {k: v for k, v in overrides.items() if v is not None}
    check_known(fields, OpenVLAOFTConfig.__dataclass_fields__, "unknown sizes")
    return OpenVLAOFTConfig(text=LlamaSizes(**text), trunks=trunks, **fields)


def config_to_dict(config: OpenVLAOFTConfig, base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a `config.json` in the published layout; foreign keys of `base`, which was loaded, are kept."""
    data = dict(base or {})
    text = dict(data.get("text_config", {"model_type": "llama"}))
    text |= {k: getattr(config.text, k) for k in LlamaSizes.__dataclass_fields__}
    text |= {"bos_token_id": config.bos_token_id, "eos_token_id": config.stop_token_id}
    extension: dict[str, Any] = dict(data.get(EXTENSION, {}))
    extension |= {k: getattr(config, k) for k in _EXTENSION_FIELDS}
    extension["timm_model_args"] = [dict(t.timm_args) for t in config.trunks]
    data |= {
        "model_type": data.get("model_type", "openvla"),
        "timm_model_ids": [t.timm_id for t in config.trunks],
        "timm_override_act_layers": [t.override_act_layer for t in config.trunks],
        "image_sizes": [t.image_size for t in config.trunks],
        "use_fused_vision_backbone": len(config.trunks) == 2,
        "n_action_bins": config.bins,
        "pad_to_multiple_of": config.pad_to_multiple_of,
        "pad_token_id": config.pad_token_id,
        "text_config": text,
        EXTENSION: extension,
    }
    return data
