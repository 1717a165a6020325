"""What a policy is told besides its network: which pictures, prompt, bounds and value head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from vla_policy.action_stats import Bounds, Gripper
from vla_policy.errors import ConfigError
from vla_policy.observation import IMAGE_KEYS
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import PUBLISHED_TEMPLATE
from vla_policy.value_head import ValueHeadConfig

Decoding = Literal["mode", "median"]


@dataclass(frozen=True)
class PolicyConfig:
    """What surrounds the network; the defaults are those of the published LIBERO checkpoints."""

    image_keys: tuple[str, ...] = IMAGE_KEYS[:1]
    """Observation keys of the n images, in order."""
    pipeline: ImagePipeline = field(default_factory=ImagePipeline)
    prompt_template: str = PUBLISHED_TEMPLATE
    max_prompt_length: int = 96
    """Tokens to which stored prompts are padded. The longest LIBERO prompt has about 50 Llama tokens."""
    bounds: Bounds = "q99"
    gripper: Gripper = "libero"
    top_k: int | None = None
    """Sample from, and score on, the k most likely ids of each token; None: all."""
    decoding: Decoding = "mode"
    """What is taken instead of sampling. mode: the most likely id of each token, as published. median: the id up to
    which half of the probability lies; better where a policy learned from few demonstrations is unsure between
    neighbours."""
    value_head: ValueHeadConfig | None = None

    def __post_init__(self) -> None:
        if self.decoding not in get_args(Decoding):
            raise ConfigError(f'decoding is {self.decoding!r}; allowed: "mode", "median"')


def policy_config_to_dict(config: PolicyConfig) -> dict[str, Any]:
    """Plain JSON values."""
    return asdict(config)


def policy_config_from_dict(data: Mapping[str, Any], **changes: Any) -> PolicyConfig:
    """The inverse; `changes` replace fields.

    Raises:
        ConfigError: an unknown field.
    """
    values = {**data, **changes}
    unknown = sorted(set(values) - set(PolicyConfig.__dataclass_fields__))
    if unknown:
        raise ConfigError(f"unknown options {unknown}; allowed: {sorted(PolicyConfig.__dataclass_fields__)}")
    if isinstance(values.get("pipeline"), Mapping):
        values["pipeline"] = ImagePipeline(**values["pipeline"])
    values["value_head"] = value_head_config(values.get("value_head"))
    if "image_keys" in values:
        values["image_keys"] = tuple(values["image_keys"])
    return replace(PolicyConfig(), **values)


def value_head_config(value: ValueHeadConfig | Mapping[str, Any] | bool | None) -> ValueHeadConfig | None:
    """A value head's options from what users write: None or False (none), True (the defaults), a mapping, or itself."""
    if value is None or value is False:
        return None
    if value is True:
        return ValueHeadConfig()
    if isinstance(value, ValueHeadConfig):
        return value
    unknown = sorted(set(value) - set(ValueHeadConfig.__dataclass_fields__))
    if unknown:
        raise ConfigError(
            f"value_head: unknown options {unknown}; allowed: {list(ValueHeadConfig.__dataclass_fields__)}"
        )
    options = dict(value)
    if "hidden" in options:
        options["hidden"] = tuple(int(width) for width in options["hidden"])
    return ValueHeadConfig(**options)
