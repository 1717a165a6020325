"""OpenVLA-OFT as a policy: observations to actions, and log-probs of actions taken earlier.

Axes: N samples, B batch, n images, C actions a chunk, A action dims, K = C A action tokens, V bins.

    act:       observation -> inputs -> network -> distribution -> sample tokens -> decode -> unnormalize -> env actions
    evaluate:                 inputs -> network -> distribution -> score the given tokens

Both run the same network code and the same distribution object, so a ratio of new to old log-probs is exactly 1 before
the first update.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import gymnasium
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from vla_policy.action_stats import ActionStats, Bounds, Gripper, read_stats
from vla_policy.action_tokenizer import ActionTokenizer
from vla_policy.distribution import ActionTokenDistribution
from vla_policy.errors import ActionError, ConfigError, ObservationError, UnsupportedError
from vla_policy.model.openvla_oft import OpenVLAOFTModel, OpenVLAOFTOutput
from vla_policy.observation import IMAGE_KEYS, Inputs, ObservationReader
from vla_policy.preprocess import ImagePipeline, normalize
from vla_policy.prompt import PUBLISHED_TEMPLATE, PromptTokenizer
from vla_policy.value_head import ValueHead, ValueHeadConfig


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
    value_head: ValueHeadConfig | None = None


class PolicyEvaluation(NamedTuple):
    """What `evaluate` gives; gradients flow through all of it."""

    log_probs: Tensor
    """(B, K)"""
    entropy: Tensor
    """(B, K), nats"""
    values: Tensor | None
    """(B,), None without a value head"""


@dataclass(frozen=True)
class PolicyOutput:
    """What `act` gives. Tensors are on the CPU and carry no gradient."""

    actions: NDArray[np.float32]
    """(N, C, A) in env units"""
    tokens: Tensor
    """(N, K) int64 ids of the vocabulary, for `evaluate`"""
    log_probs: Tensor
    """(N, K) of those tokens, under the temperature that sampled them"""
    values: Tensor | None
    """(N,), None without a value head"""
    inputs: Inputs
    """What `evaluate` needs, compact"""


class OpenVLAOFTPolicy(nn.Module):
    """A network with its tokenizers, statistics, image pipeline and, where wanted, a value head."""

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
        norm_stats = model.source_config.get("norm_stats") or {}
        stats = read_stats(norm_stats, unnorm_key, config.bounds, config.gripper)
        if stats.action.low.shape != (sizes.action_dim,):
            raise ConfigError(
                f"norm_stats[{stats.key!r}] has {len(stats.action.low)} action dims; the network has {sizes.action_dim}"
            )
        self.model = model
        self.config = config
        self.tokenizer = tokenizer
        self.stats: ActionStats = stats
        self.action_tokenizer = ActionTokenizer(sizes.bins, sizes.vocab_size)
        self.value_head: ValueHead | None = None
        if config.value_head is not None:
            self.value_head = ValueHead(sizes.text.hidden_size, config.value_head)
        self._reader = ObservationReader(
            image_keys=config.image_keys,
            pipeline=config.pipeline,
            prompts=PromptTokenizer(
                tokenizer,
                template=config.prompt_template,
                max_length=config.max_prompt_length,
                bos_token_id=sizes.bos_token_id,
                prompt_end_token_id=sizes.prompt_end_token_id,
                pad_token_id=sizes.pad_token_id,
            ),
            stats=stats,
            proprio_dim=sizes.proprio_dim,
        )

    @classmethod
    def tiny(
        cls, observation_space: gymnasium.spaces.Space[Any], action_space: gymnasium.spaces.Space[Any], **sizes: Any
    ) -> Self:
        """A toy with the published structure, untrained: see `vla_policy.tiny.TinySizes` for what `sizes` may name.

        Args:
            observation_space: `Dict(image, wrist_image?, state?, instruction)`, of one env or batched.
            action_space: `Box(-1, 1, (C, A))` or `(A,)` (then C = 1), of one env or batched like the observations.

        Raises:
            SpaceError: other spaces.
            ConfigError: an unknown name in `sizes`, or sizes that do not fit together.
        """
        from vla_policy.tiny import build_tiny

        return build_tiny(cls, observation_space, action_space, sizes)

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        unnorm_key: str | None = None,
        *,
        num_images: int | None = None,
        value_head: ValueHeadConfig | Mapping[str, Any] | bool | None = None,
        lora: int | Mapping[str, Any] | None = None,
        dtype: torch.dtype | str | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Load a checkpoint in the published layout, or one that `save_pretrained` wrote. Its folder is only read.

        Args:
            path: a folder, or a repository of the Hugging Face Hub.
            unnorm_key: entry of `norm_stats` (the suite; `_no_noops` is tried too); None: the saved or the only one.
            num_images: n, 1 or 2 cameras; None takes the saved one, else 1.
            value_head: None takes the saved one, if any; False none; True or options one of that shape.
            lora: a rank, or `{"rank":, "alpha":}`; the base weights are frozen then.
            dtype: of the network's weights, for example `torch.bfloat16`; None keeps the stored one.
            seed: of a new value head's and adapters' weights.
            options: fields of `PolicyConfig` to replace.

        Raises:
            CheckpointError, ConfigError, UnnormKeyError: see there.
        """
        from vla_policy.checkpoint.policy_files import load_policy

        return load_policy(
            cls,
            path,
            unnorm_key=unnorm_key,
            num_images=num_images,
            value_head=value_head,
            lora=lora,
            dtype=dtype,
            device=device,
            seed=seed,
            options=options,
        )

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
        """`from_pretrained` for the spaces of an environment, as trainers make policies.

        Args:
            observation_space, action_space: of one env; they must fit the checkpoint.
            path: a folder, or a repository of the Hugging Face Hub.
            num_images: n; None: as many as the env has cameras.
            options: the other arguments of `from_pretrained`.

        Raises:
            SpaceError: the checkpoint gives other chunks, needs more cameras or another state than the env has.
            CheckpointError, ConfigError, UnnormKeyError: as `from_pretrained`.
        """
        from vla_policy.spaces import check_fit, read_spaces

        env = read_spaces(observation_space, action_space)
        policy = cls.from_pretrained(
            path, num_images=len(env.image_keys) if num_images is None else num_images, **options
        )
        check_fit(env, policy.model.config, path)
        return policy

    def save_pretrained(self, path: str | os.PathLike[str]) -> None:
        """Write everything that `from_pretrained` reads, in the published layout; LoRA adapters are merged."""
        from vla_policy.checkpoint.policy_files import save_policy

        save_policy(self, Path(path))

    @torch.no_grad()
    def act(
        self,
        observation: Mapping[str, Any],
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> PolicyOutput:
        """Choose a chunk of actions for each of N observations.

        Args:
            observation: batched dict: `image` (N, H, W, 3) uint8, `instruction` N strings, and as the policy was built
                `wrist_image` and `state` (N, 8).
            deterministic: take the most likely token instead of sampling.
            temperature: of the distribution, above 0; also that of the log-probs returned.
            generator: the source of randomness; None is torch's global one.

        Raises:
            ObservationError: see `ObservationReader`.
            UnsupportedError: the checkpoint has an L1 head; call `predict`.
        """
        self._require_tokens("act")
        inputs = self.observe(observation)
        output = self._network(inputs)
        distribution = self._distribution(output, temperature)
        tokens = distribution.mode() if deterministic else distribution.sample(generator)
        values = self._values(output)
        return PolicyOutput(
            actions=self.decode(tokens),
            tokens=tokens.cpu(),
            log_probs=distribution.log_prob(tokens).cpu(),
            values=None if values is None else values.cpu(),
            inputs=inputs,
        )

    @torch.no_grad()
    def predict(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """(N, C, A) deterministic actions in env units: of the L1 head where there is one, else the most likely
        tokens."""
        output = self._network(self.observe(observation))
        if output.actions is not None:
            return self.stats.to_env(output.actions.double().cpu().numpy()).astype(np.float32)
        return self.decode(self._distribution(output, 1.0).mode())

    def evaluate(self, inputs: Mapping[str, Tensor], tokens: Tensor, temperature: float = 1.0) -> PolicyEvaluation:
        """Score tokens that `act` chose: (B, K) ids against `inputs` with B rows, in any order or concatenation.

        Raises:
            TokenError: tokens of a wrong shape or ids out of range.
            ObservationError: inputs that lack a tensor or have another number of rows.
        """
        self._require_tokens("evaluate")
        rows = {name: len(tensor) for name, tensor in inputs.items()} | {"tokens": len(tokens)}
        if len(set(rows.values())) != 1:
            raise ObservationError(f"evaluate: numbers of rows differ: {rows}")
        output = self._network(inputs)
        distribution = self._distribution(output, temperature)
        return PolicyEvaluation(distribution.log_prob(tokens), distribution.entropy(), self._values(output))

    forward = evaluate
    """What data-parallel wrappers call."""

    def observe(self, observation: Mapping[str, Any]) -> Inputs:
        """The tensors that the network reads, as in `PolicyOutput.inputs`: with `encode`, what imitation needs.

        Raises:
            ObservationError: see `ObservationReader`.
        """
        return self._reader(observation)

    def encode(self, actions: ArrayLike) -> Tensor:
        """(N, C, A) actions in env units to (N, K) ids, for training on demonstrations.

        Raises:
            ActionError: another shape, or NaN.
        """
        sizes, values = self.model.config, np.asarray(actions, dtype=np.float64)
        if values.shape[1:] != (sizes.chunk, sizes.action_dim):
            raise ActionError(f"actions have shape {values.shape}; (N, {sizes.chunk}, {sizes.action_dim}) is needed")
        normalized = self.stats.from_env(values).reshape(-1, sizes.num_tokens)
        return torch.from_numpy(self.action_tokenizer.encode(normalized))

    def decode(self, tokens: Tensor) -> NDArray[np.float32]:
        """(N, K) ids to (N, C, A) actions in env units."""
        sizes = self.model.config
        normalized = self.action_tokenizer.decode(tokens.cpu().numpy()).reshape(-1, sizes.chunk, sizes.action_dim)
        return self.stats.to_env(normalized).astype(np.float32)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters, for one learning rate each: `critic` is the value head, `actor` everything else."""
        critic = [] if self.value_head is None else list(self.value_head.parameters())
        return {"actor": [p for p in self.model.parameters() if p.requires_grad], "critic": critic}

    def gradient_checkpointing_enable(self, enable: bool = True) -> None:
        """Compute activations again in the backward pass instead of keeping them; the result is the same."""
        self.model.gradient_checkpointing_enable(enable)

    @property
    def device(self) -> torch.device:
        return self.model.device

    def _network(self, inputs: Mapping[str, Tensor]) -> OpenVLAOFTOutput:
        missing = [k for k in ("images", "input_ids", "prompt_length") if k not in inputs]
        if missing:
            raise ObservationError(f"inputs lack {missing}; they must be those that act() returned")
        device = self.device
        pixels = normalize(inputs["images"].to(device), len(self.model.config.trunks))
        proprio = inputs.get("proprio")
        output: OpenVLAOFTOutput = self.model(
            inputs["input_ids"].to(device),
            pixels,
            proprio=None if proprio is None else proprio.to(device),
            prompt_length=inputs["prompt_length"].cpu(),
        )
        return output

    def _distribution(self, output: OpenVLAOFTOutput, temperature: float) -> ActionTokenDistribution:
        first = self.action_tokenizer.first_id
        return ActionTokenDistribution(output.logits, temperature, self.config.top_k, first_id=first)

    def _values(self, output: OpenVLAOFTOutput) -> Tensor | None:
        return None if self.value_head is None else self.value_head(output.hidden)

    def _require_tokens(self, what: str) -> None:
        if self.model.action_head is not None:
            raise UnsupportedError(
                f"{what}: this checkpoint has an L1 head, whose actions have no probabilities; use predict(), or load "
                "a checkpoint with discrete actions"
            )


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
