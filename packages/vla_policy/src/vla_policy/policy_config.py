"""Options of a policy besides its network: images, prompt, action bounds, decoding and value head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vla_policy.action_stats import Bounds, Gripper
from vla_policy.errors import ConfigError, clip, names
from vla_policy.orientation import Orientation
from vla_policy.preprocess import ImagePipeline
from vla_policy.prompt import PUBLISHED_TEMPLATE
from vla_policy.spaces import IMAGE_KEYS
from vla_policy.validation import check_fields, check_known, check_sizes
from vla_policy.value_head import ValueHeadConfig

Decoding = Literal["mode", "median"]


@dataclass(frozen=True)
class PolicyConfig:
    """Options of what surrounds the network; the defaults are those of the published LIBERO checkpoints."""

    image_keys: tuple[str, ...] = IMAGE_KEYS[:1]
    """Observation keys of the n images, in order."""
    image_orientation: Orientation = "rot180"
    """Which way up the images are that the network was trained on; see `vla_policy.orientation`."""
    pipeline: ImagePipeline = field(default_factory=ImagePipeline)
    prompt_template: str = PUBLISHED_TEMPLATE
    max_prompt_length: int = 96
    """Tokens to which stored prompts are padded. The longest LIBERO prompt has about 50 Llama tokens."""
    normalize_instructions: bool = False
    """Take blanks at the ends, repeated blanks and full stops at the end out of instructions. False, as upstream: they
    make other tokens than the sentence without them, and the first such instruction is warned about."""
    bounds: Bounds = "q99"
    gripper: Gripper = "libero"
    top_k: int | None = None
    """Sample from, and score on, the k most likely ids of each token; None: all."""
    decoding: Decoding = "mode"
    """How tokens are chosen where they are not sampled. mode: the most likely id of each token, as published. median:
    the id up to which half of the probability lies; better where a policy learned from few demonstrations is unsure
    between neighbours."""
    n_action_steps: int | None = None
    """Actions of a chunk that `select_action` executes before it looks again; None: all."""
    value_head: ValueHeadConfig | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_sizes(self, ("max_prompt_length",))
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError(f"top_k is {clip(self.top_k)}; it must be at least 1, or None")
        if self.n_action_steps is not None and self.n_action_steps < 1:
            raise ConfigError(f"n_action_steps is {clip(self.n_action_steps)}; it must be at least 1, or None")
        unknown = [key for key in self.image_keys if key not in IMAGE_KEYS]
        if unknown or not self.image_keys or len(set(self.image_keys)) != len(self.image_keys):
            raise ConfigError(f"image_keys is {clip(self.image_keys)}; allowed: some of {names(IMAGE_KEYS)}, each once")


def policy_config_from_dict(data: Mapping[str, Any], **changes: Any) -> PolicyConfig:
    """Return the config with these JSON values; `changes` replace fields.

    Raises:
        ConfigError: an unknown field, or a value that is not allowed.
    """
    values = {**data, **changes}
    check_known(values, sorted(PolicyConfig.__dataclass_fields__))
    pipeline = values.get("pipeline")
    if isinstance(pipeline, Mapping):
        check_known(pipeline, ImagePipeline.__dataclass_fields__, "image pipeline: unknown options")
        values["pipeline"] = ImagePipeline(**pipeline)
    values["value_head"] = value_head_config(values.get("value_head"))
    if isinstance(values.get("image_keys"), list):
        values["image_keys"] = tuple(values["image_keys"])
    return replace(PolicyConfig(), **values)


def value_head_config(value: ValueHeadConfig | Mapping[str, Any] | bool | None) -> ValueHeadConfig | None:
    """Return a value head's options; None or False: no value head, True: the defaults, else these options."""
    if value is None or value is False:
        return None
    if value is True:
        return ValueHeadConfig()
    if isinstance(value, ValueHeadConfig):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"value_head is {clip(value)}; allowed: true, false, null, or an object of options")
    check_known(value, ValueHeadConfig.__dataclass_fields__, "value_head: unknown options")
    options = dict(value)
    if isinstance(options.get("hidden"), list):
        options["hidden"] = tuple(options["hidden"])
    return ValueHeadConfig(**options)
