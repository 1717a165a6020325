"""OpenVLA-OFT as a policy: observations to actions, and log-probs of actions taken earlier.

Axes: N samples, B batch, n images, C actions a chunk, A action dims, K = C A action tokens, V bins.

    act:       observation -> inputs -> network -> distribution -> sample tokens -> decode -> unnormalize -> env actions
    evaluate:                 inputs -> network -> distribution -> score the given tokens

Both run the same network code and the same distribution object, so that a ratio of new to old log-probs is exactly 1
before the first update for the same batch. In another batch a matrix product may add up in another order: with the same
weights a ratio is then 1 but for rounding, some 1e-6 in float32 and a few percent in bfloat16.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from vla_policy.action_stats import ActionStats, read_stats, require_finite, statistics_from_json, statistics_to_json
from vla_policy.action_tokenizer import ActionTokenizer
from vla_policy.distribution import ActionTokenDistribution
from vla_policy.errors import ActionError, ConfigError, ObservationError, UnsupportedError, clip
from vla_policy.field_types import typed
from vla_policy.model.openvla_oft import OpenVLAOFTModel, OpenVLAOFTOutput
from vla_policy.observation import Inputs, ObservationReader
from vla_policy.outputs import PolicyEvaluation, PolicyOutput
from vla_policy.policy_config import PolicyConfig
from vla_policy.preprocess import normalize
from vla_policy.prompt import PromptTokenizer
from vla_policy.value_head import ValueHead, ValueHeadConfig


class OpenVLAOFTPolicy(nn.Module):
    """A network with its tokenizers, statistics, image pipeline and, where wanted, a value head."""

    generator_per_row = True
    """`act` takes a generator for each observation."""

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
            value_head: None takes the saved one, if any; False none; True or options one of that shape.
            lora: a rank, or `{"rank":, "alpha":}`, of new adapters; or the folder of trained ones, to train them on.
                The base weights are frozen then.
            dtype: of the network's weights, for example `torch.bfloat16`; None or "auto" keeps the stored one,
                that of the embeddings where parts differ. All of the network is cast to it; the value head is float32.
            seed: of a new value head's and adapters' weights.
            options: other fields of `checkpoint.policy_files.LoadOptions`, such as `stop_token`, `base`, `revision`,
                `token`; and fields of `PolicyConfig` to replace.

        Raises:
            CheckpointError, ConfigError, UnnormKeyError, UnsupportedError: see there.
        """
        from vla_policy.checkpoint.policy_files import LoadOptions, load_policy

        own: dict[str, Any] = {"unnorm_key": unnorm_key, "statistics": statistics, "num_images": num_images}
        own |= {"value_head": value_head, "lora": lora, "dtype": dtype, "device": device, "seed": seed}
        given, others = LoadOptions.read(options | own)
        return load_policy(cls, path, given, others)

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
            num_images: n; None: what the checkpoint says, else as many as the env has cameras.
            options: the other arguments of `from_pretrained`.

        Raises:
            SpaceError: the checkpoint gives other chunks, needs more cameras or another state than the env has.
            CheckpointError, ConfigError, UnnormKeyError, UnsupportedError: as `from_pretrained`.
        """
        from vla_policy.checkpoint.policy_files import LoadOptions, load_policy
        from vla_policy.spaces import check_fit, read_spaces

        env = read_spaces(observation_space, action_space)
        given, others = LoadOptions.read({**options, "num_images": num_images})
        policy = load_policy(cls, path, given, others, cameras=len(env.image_keys))
        check_fit(env, policy.model.config, path)
        return policy

    def save_pretrained(self, path: str | os.PathLike[str]) -> None:
        """Write everything that `from_pretrained` reads, in the published layout; LoRA adapters are merged.

        The other files of the checkpoint that was loaded are taken over byte for byte, see docs/checkpoints.md.
        """
        from vla_policy.checkpoint.policy_files import save_policy

        save_policy(self, Path(path))

    def save_adapter(self, path: str | os.PathLike[str]) -> None:
        """Write the LoRA adapters alone, as peft reads them, with the statistics and the value head beside them.

        `from_pretrained(base, lora=path)` trains them on, `from_pretrained(path)` merges them into their base.

        Raises:
            UnsupportedError: there are none, or they change weights that no checkpoint has.
        """
        from vla_policy.checkpoint.policy_files import save_policy_adapter

        save_policy_adapter(self, Path(path))

    @torch.no_grad()
    def act(
        self,
        observation: Mapping[str, Any],
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> PolicyOutput:
        """Choose a chunk of actions for each of N observations.

        Args:
            observation: batched dict: `image` (N, H, W, 3) uint8, `instruction` N strings, and as the policy was built
                `wrist_image` and `state` (N, 8).
            deterministic: instead of sampling take the mode or median of each token, as `config.decoding` says.
            temperature: of the distribution, above 0; also that of the log-probs returned.
            generator: the source of randomness; N of them, if an observation's actions shall not depend on what it
                is batched with; None is torch's global one.

        Raises:
            ObservationError: see `ObservationReader`.
            NumbersError: logits or actions of the network are not finite.
            UnsupportedError: not deterministic, and the checkpoint has an L1 head, whose actions have no
                probabilities (`log_probs` are NaN then).
        """
        inputs = self.observe(observation)
        output = self._network(inputs)
        values = self._values(output)
        values = None if values is None else values.cpu()
        if output.actions is not None:
            if not deterministic:
                self._require_tokens("act")
            actions = self._regressed(output.actions)
            tokens = self.encode(actions)
            return PolicyOutput(actions, tokens, torch.full(tokens.shape, torch.nan), values, inputs)
        distribution = self._distribution(output, temperature)
        tokens = self._decided(distribution) if deterministic else distribution.sample(generator)
        log_probs = distribution.log_prob(tokens).cpu()
        return PolicyOutput(self.decode(tokens), tokens.cpu(), log_probs, values, inputs)

    @torch.no_grad()
    def predict(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """(N, C, A) deterministic actions in env units: of the L1 head where there is one, else of the tokens that
        `config.decoding` chooses. Raises what `act` does."""
        output = self._network(self.observe(observation))
        if output.actions is not None:
            return self._regressed(output.actions)
        return self.decode(self._decided(self._distribution(output, 1.0)))

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
        if not len(tokens):
            raise ObservationError("evaluate: inputs and tokens have 0 rows; at least one is needed")
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
        reader = ObservationReader(
            image_keys=self.config.image_keys,
            pipeline=self.config.pipeline,
            prompts=self._prompts,
            stats=self.stats,
            proprio_dim=self.model.config.proprio_dim,
        )
        return reader(observation)

    def encode(self, actions: ArrayLike) -> Tensor:
        """(N, C, A) actions in env units to (N, K) ids, for training on demonstrations.

        Raises:
            ActionError: another shape, or NaN.
        """
        normalized = self.stats.from_env(self._checked(actions)).reshape(-1, self.model.config.num_tokens)
        return torch.from_numpy(self.action_tokenizer.encode(normalized))

    def normalize_actions(self, actions: ArrayLike) -> Tensor:
        """(N, C, A) actions in env units to what an L1 head is trained to give: the same, normalized.

        Raises:
            ActionError: another shape.
        """
        return torch.from_numpy(self.stats.from_env(self._checked(actions)).astype(np.float32))

    def regress(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(B, C, A) normalized actions of the L1 head, with gradients.

        Raises:
            UnsupportedError: the policy has no such head.
        """
        actions = self._network(inputs).actions
        if actions is None:
            raise UnsupportedError("regress: this policy has no L1 head; it gives action tokens, see evaluate()")
        return actions

    def decode(self, tokens: Tensor) -> NDArray[np.float32]:
        """(N, K) ids to (N, C, A) actions in env units."""
        sizes = self.model.config
        normalized = self.action_tokenizer.decode(tokens.cpu().numpy()).reshape(-1, sizes.chunk, sizes.action_dim)
        return self.stats.to_env(normalized).astype(np.float32)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters, for one learning rate each: `critic` is the value head, `actor` everything else."""
        critic = [] if self.value_head is None else list(self.value_head.parameters())
        return {"actor": [p for p in self.model.parameters() if p.requires_grad], "critic": critic}

    def use_statistics(self, key: str, statistics: Mapping[str, Any]) -> None:
        """Normalize actions and proprioception by those of another dataset from now on, as fine-tuning on it wants.

        They are part of `state_dict` and of what `save_pretrained` writes; those of before are forgotten.

        Args:
            key: the dataset's name.
            statistics: an entry of a `dataset_statistics.json`: `{"action": {"q01", "q99", "mask"?}, "proprio"?}`.

        Raises:
            ConfigError: something is missing, or of other sizes than the network's.
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
        """The statistics as JSON in bytes, a tensor like everything else in a `state_dict`."""
        text = statistics_to_json(self.stats.key, self.model.source_config["norm_stats"][self.stats.key])
        return torch.frombuffer(bytearray(text, "utf-8"), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """The inverse of `get_extra_state`."""
        self.use_statistics(*statistics_from_json(bytes(state.cpu().numpy())))

    def gradient_checkpointing_enable(self, enable: bool = True) -> None:
        """Compute activations again in the backward pass instead of keeping them; the result is the same."""
        self.model.gradient_checkpointing_enable(enable)

    @property
    def device(self) -> torch.device:
        return self.model.device

    def _read_statistics(self, key: str | None) -> ActionStats:
        sizes = self.model.config
        norm_stats = typed(self.model.source_config, "norm_stats", Mapping[str, Any], default={})
        stats = read_stats(norm_stats, key, self.config.bounds, self.config.gripper)
        stats.check_dims(sizes.action_dim, sizes.proprio_dim)
        return stats

    def _checked(self, actions: ArrayLike) -> NDArray[np.float64]:
        sizes, values = self.model.config, np.asarray(actions, dtype=np.float64)
        if values.shape[1:] != (sizes.chunk, sizes.action_dim):
            raise ActionError(f"actions have shape {values.shape}; (N, {sizes.chunk}, {sizes.action_dim}) is needed")
        return values

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

    def _decided(self, distribution: ActionTokenDistribution) -> Tensor:
        return distribution.median() if self.config.decoding == "median" else distribution.mode()

    def _regressed(self, actions: Tensor) -> NDArray[np.float32]:
        """(N, C, A) actions of an L1 head in env units."""
        return self.stats.to_env(require_finite(actions.double().cpu().numpy())).astype(np.float32)

    def _values(self, output: OpenVLAOFTOutput) -> Tensor | None:
        return None if self.value_head is None else self.value_head(output.hidden)

    def _require_tokens(self, what: str) -> None:
        if self.model.action_head is not None:
            raise UnsupportedError(
                f"{what}: the actions of this checkpoint's L1 head have no probabilities; act with deterministic=True"
            )
