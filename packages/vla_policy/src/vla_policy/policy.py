"""OpenVLA-OFT as a policy: observations to actions, and log-probs of past actions.

Axes: N samples, B batch, n images, C actions a chunk, A action dims, K = C A action tokens, V bins.

    act:       observation -> inputs -> network -> distribution -> sample tokens -> decode -> unnormalize -> env actions
    evaluate:                 inputs -> network -> distribution -> score the given tokens

Both run the same network code and the same distribution object, so that a ratio of new to old log-probs is exactly 1
before the first update for the same batch. In another batch a matrix product may add up in another order: with the same
weights a ratio is then 1 but for rounding, some 1e-6 in float32 and a few percent in bfloat16.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import gymnasium
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from vla_policy.distribution import ActionTokenDistribution
from vla_policy.errors import ActionError, ConfigError, NumbersError, ObservationError, UnsupportedError, clip, names
from vla_policy.facts import Fact, policy_facts
from vla_policy.model.network import OpenVLAOFTOutput
from vla_policy.model.recomputation import Recompute
from vla_policy.model_card import File
from vla_policy.observation import Inputs, ObservationReader, batch_of_one
from vla_policy.orientation import ORIENTATIONS, Orientation, orientation_of, turned
from vla_policy.preprocess import normalize
from vla_policy.pretrained import PretrainedPolicy
from vla_policy.tiny import TinySizes, tiny_parts
from vla_policy.upload import push


class PolicyEvaluation(NamedTuple):
    """Result of `evaluate`; gradients flow through all of it."""

    log_probs: Tensor
    """(B, K)"""
    entropy: Tensor
    """(B, K), nats"""
    values: Tensor | None
    """(B,), None without a value head"""


@dataclass(frozen=True)
class PolicyOutput:
    """Result of `act`. Tensors are on the CPU and carry no gradient."""

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


class OpenVLAOFTPolicy(PretrainedPolicy):
    """A network with its tokenizers, statistics, image pipeline and, where wanted, a value head.

    `from_pretrained`, `for_spaces` and `tiny` make policies.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chunk: deque[NDArray[np.float32]] = deque()
        """What `select_action` has not returned yet."""
        self.image_orientation: Orientation = self.config.image_orientation
        """Of the images in observations; they are turned to what the network was trained on. See `use_orientation`."""

    generator_per_row = True
    """`act` takes a generator for each observation."""

    @classmethod
    def tiny(
        cls, observation_space: gymnasium.spaces.Space[Any], action_space: gymnasium.spaces.Space[Any], **sizes: Any
    ) -> Self:
        """Build a toy with the published structure, untrained.

        Args:
            observation_space: `Dict(image, wrist_image?, state?, instruction)`, of one env or batched.
            action_space: `Box(-1, 1, (C, A))` or `(A,)` (then C = 1), of one env or batched like the observations.
            sizes: fields of `vla_policy.tiny.TinySizes`.

        Raises:
            SpaceError: other spaces.
            ConfigError: an unknown name in `sizes`, or sizes that do not fit together.
        """
        options = TinySizes.read(sizes)
        return cls._assemble(*tiny_parts(observation_space, action_space, options), lora=options.lora)

    @torch.no_grad()
    def act(
        self,
        observation: Mapping[str, Any],
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        chunk_correlation: float = 0.0,
    ) -> PolicyOutput:
        """Choose a chunk of actions for each of N observations.

        Args:
            observation: batched dict: `image` (N, H, W, 3) uint8, `instruction` N strings, and as the policy was built
                `wrist_image` and `state` (N, 8).
            deterministic: take the mode or median of each token, as `config.decoding` says, instead of a sample.
            temperature: of the distribution, above 0; also that of the log-probs returned.
            generator: the source of randomness; N of them make an observation's actions independent of the rest of
                its batch; None is torch's global one.
            chunk_correlation: of the sampled noise of two actions of a chunk, see
                `ActionTokenDistribution.sample_correlated`; 0: tokens are sampled independently.

        Raises:
            ConfigError: a correlation outside 0 to 1.
            ObservationError: see `ObservationReader`.
            NumbersError: logits or actions of the network are not finite.
            UnsupportedError: not deterministic, and the checkpoint has an L1 head, whose actions have no
                probabilities (`log_probs` are NaN then).
        """
        inputs = self._observe(observation)
        output = self._network(inputs)
        values = self._values(output)
        inputs = {name: tensor.cpu() for name, tensor in inputs.items()}
        values = None if values is None else values.cpu()
        if output.actions is not None:
            if not deterministic:
                self._require_tokens("act")
            actions = self._regressed(output.actions)
            tokens = self.encode(actions)
            return PolicyOutput(actions, tokens, torch.full(tokens.shape, torch.nan), values, inputs)
        distribution = self._distribution(output, temperature)
        if deterministic:
            tokens = self._greedy(distribution)
        elif chunk_correlation:
            tokens = distribution.sample_correlated(chunk_correlation, self.model.config.action_dim, generator)
        else:
            tokens = distribution.sample(generator)
        log_probs = distribution.log_prob(tokens).cpu()
        return PolicyOutput(self.decode(tokens), tokens.cpu(), log_probs, values, inputs)

    @torch.no_grad()
    def predict(self, observation: Mapping[str, Any]) -> NDArray[np.float32]:
        """Return (N, C, A) deterministic actions in env units, of the L1 head or of the tokens that `config.decoding`
        chooses. Raises what `act` does."""
        output = self._network(self._observe(observation))
        if output.actions is not None:
            return self._regressed(output.actions)
        return self.decode(self._greedy(self._distribution(output, 1.0)))

    def select_action(
        self,
        observation: Mapping[str, Any],
        deterministic: bool = True,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> NDArray[np.float32]:
        """Return the next action for one environment: of a new chunk, or of the one that is being executed.

        `config.n_action_steps` actions of a chunk are executed before the policy looks again; None: all of them, as
        published policies are evaluated. Call `reset` when an episode begins.

        Args:
            observation: of one environment, without a batch axis: `image` (H, W, 3) uint8, `instruction` a sentence,
                and as the policy was built `wrist_image` and `state` (8,). Not looked at while a chunk is executed.
            deterministic, temperature, generator: see `act`.

        Returns:
            (A,) float32, in env units.

        Raises:
            ObservationError: an observation with a batch axis, or as `act`; what else `act` raises.
        """
        if not self._chunk:
            batch = batch_of_one(observation)
            output = self.act(batch, deterministic=deterministic, temperature=temperature, generator=generator)
            self._chunk.extend(output.actions[0, : self.config.n_action_steps])
        return self._chunk.popleft()

    def reset(self) -> None:
        """Forget what is left of a chunk: an episode begins."""
        self._chunk.clear()

    def use_orientation(self, environment: Mapping[str, Any] | str) -> None:
        """Take images as an environment returns them from now on, and turn them to what the network was trained on.

        Args:
            environment: its `metadata`, which names `image_orientation`; or that name.

        Raises:
            ConfigError: an unknown orientation, or metadata without one.
        """
        if isinstance(environment, Mapping):
            self.image_orientation = orientation_of(environment)
            return
        if environment not in ORIENTATIONS:
            raise ConfigError(f"use_orientation: {clip(environment)}; allowed: {names(ORIENTATIONS)}, or a metadata")
        self.image_orientation = environment

    def facts(self) -> list[Fact]:
        """Return what decides how this policy acts, as results record it; see `vla_policy.facts`."""
        return policy_facts(self)

    def push_to_hub(
        self,
        repository: str,
        *,
        provenance: Mapping[str, Any] | File | None = None,
        recipe: File | None = None,
        results: Sequence[Mapping[str, Any] | File] = (),
        dataset: str | None = None,
        license: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        message: str = "Upload a policy of vla-policy",
        dtype: torch.dtype | None = None,
    ) -> str:
        """Upload what `save_pretrained` writes, with a model card that is written from what is recorded.

        Args:
            repository: "owner/name", made where there is none.
            provenance: where it was trained, or the path of a run's `provenance.json`.
            recipe: the path of the run's config, which the card quotes.
            results: `eval.json` files, or their contents: the card's table and its `model-index`.
            dataset: what it was trained on, as the Hub names it.
            license: as the Hub names it; None: the card names none.
            private, token, revision: as huggingface_hub has them; `revision` is a branch.
            message: of the commit.
            dtype: see `save_pretrained`.

        Returns:
            The address of the commit.

        Raises:
            ConfigError: no "owner/name", or a file that cannot be read; nothing is uploaded.
            CheckpointError: the Hub does not take it.
        """
        return push(
            self,
            repository,
            provenance=provenance,
            recipe=recipe,
            results=results,
            dataset=dataset,
            license=license,
            private=private,
            token=token,
            revision=revision,
            message=message,
            dtype=dtype,
        )

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
        """Return the tensors that the network reads, as in `PolicyOutput.inputs`: imitation needs them and `encode`.

        Raises:
            ObservationError: see `ObservationReader`.
        """
        return {name: tensor.cpu() for name, tensor in self._observe(observation).items()}

    def encode(self, actions: ArrayLike) -> Tensor:
        """Return the (N, K) ids of (N, C, A) actions in env units, for training on demonstrations.

        Raises:
            ActionError: another shape, or NaN.
        """
        normalized = self.stats.from_env(self._checked(actions)).reshape(-1, self.model.config.num_tokens)
        return torch.from_numpy(self.action_tokenizer.encode(normalized))

    def normalize_actions(self, actions: ArrayLike) -> Tensor:
        """Normalize (N, C, A) actions in env units, as targets of an L1 head.

        Raises:
            ActionError: another shape.
        """
        return torch.from_numpy(self.stats.from_env(self._checked(actions)).astype(np.float32))

    def regress(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, C, A) normalized actions of the L1 head, with gradients.

        Raises:
            UnsupportedError: the policy has no such head.
        """
        actions = self._network(inputs).actions
        if actions is None:
            raise UnsupportedError("regress: this policy has no L1 head; it gives action tokens, see evaluate()")
        return actions

    def decode(self, tokens: Tensor) -> NDArray[np.float32]:
        """Return the (N, C, A) actions in env units of (N, K) ids."""
        sizes = self.model.config
        normalized = self.action_tokenizer.decode(tokens.cpu().numpy()).reshape(-1, sizes.chunk, sizes.action_dim)
        return self.stats.to_env(normalized).astype(np.float32)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters by learning rate: `critic` is the value head, `actor` all others."""
        critic = [] if self.value_head is None else list(self.value_head.parameters())
        return {"actor": [p for p in self.model.parameters() if p.requires_grad], "critic": critic}

    def gradient_checkpointing_enable(self, recompute: Recompute = True) -> None:
        """Compute activations again in the backward pass instead of keeping them; the result is the same.

        Args:
            recompute: True: all inside a block; "selective": what is cheap to compute; False: none.
        """
        self.model.gradient_checkpointing_enable(recompute)

    def compile_blocks(self, **kwargs: Any) -> None:
        """Compile the network's language layers in place; see `OpenVLAOFTNetwork.compile_blocks`."""
        self.model.compile_blocks(**kwargs)

    @property
    def device(self) -> torch.device:
        return self.model.device

    def _checked(self, actions: ArrayLike) -> NDArray[np.float64]:
        sizes, values = self.model.config, np.asarray(actions, dtype=np.float64)
        if values.shape[1:] != (sizes.chunk, sizes.action_dim):
            raise ActionError(f"actions have shape {values.shape}; (N, {sizes.chunk}, {sizes.action_dim}) is needed")
        return values

    def _observe(self, observation: Mapping[str, Any]) -> Inputs:
        """Read an observation; its images are prepared on the network's device and stay there."""
        config, proprio_dim = self.config, self.model.config.proprio_dim
        reader = ObservationReader(
            config.image_keys, config.pipeline, self._prompts, self.stats, proprio_dim, self.device
        )
        if isinstance(observation, Mapping):
            observation = turned(observation, config.image_keys, self.image_orientation, config.image_orientation)
        return reader(observation)

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

    def _greedy(self, distribution: ActionTokenDistribution) -> Tensor:
        return distribution.median() if self.config.decoding == "median" else distribution.mode()

    def _regressed(self, actions: Tensor) -> NDArray[np.float32]:
        """Return an L1 head's actions (N, C, A) in env units."""
        normalized = actions.double().cpu().numpy()
        if not (finite := np.isfinite(normalized)).all():
            row = int(np.argwhere(~finite)[0][0])
            raise NumbersError(f"the L1 head's actions of row {row} (of {len(normalized)}) are not finite")
        return self.stats.to_env(normalized).astype(np.float32)

    def _values(self, output: OpenVLAOFTOutput) -> Tensor | None:
        return None if self.value_head is None else self.value_head(output.hidden)

    def _require_tokens(self, method: str) -> None:
        if self.model.action_head is not None:
            raise UnsupportedError(
                f"{method}: the actions of this checkpoint's L1 head have no probabilities; act with deterministic=True"
            )
