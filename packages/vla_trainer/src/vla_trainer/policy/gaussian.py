"""A small Gaussian policy for any environment whose observations are numbers and whose actions are a Box.

    observation (N, F) --> tanh trunk --> mean (N, K) -- + std * noise --> tokens (N, K) -- clip to the Box --> actions
                     '---> tanh trunk --> value (N,)

Axes: N environments, B batch, F features, C actions a chunk, A action dimensions, K = C A tokens.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import skip_init

from vla_trainer.errors import PolicyError, PolicyNumbersError
from vla_trainer.finite import not_finite
from vla_trainer.policy.features import Features, RunningMoments
from vla_trainer.protocols import Observation

TRUNK_GAIN, ACTION_GAIN, VALUE_GAIN = math.sqrt(2), 0.01, 1.0
"""Gains of the orthogonal initial weights, as in Stable-Baselines3's `ActorCriticPolicy`; biases begin at 0."""
CONFIG_FILE, WEIGHTS_FILE = "gaussian_policy.json", "gaussian_policy.pt"


@dataclass(frozen=True)
class GaussianAct:
    """See `vla_trainer.protocols.ActOutput`."""

    actions: NDArray[np.floating]
    """(N, C, A), inside the action space."""
    tokens: Tensor
    """(N, K): the samples before they are clipped, in the environment's units."""
    log_probs: Tensor
    """(N, K): log-density of each number, nats per unit."""
    values: Tensor | None
    """(N,)."""
    inputs: dict[str, Tensor]
    """`features` (N, F), as the network saw them: normalized, if they are."""


@dataclass(frozen=True)
class GaussianScores:
    """See `vla_trainer.protocols.EvaluateOutput`."""

    log_probs: Tensor
    """(B, K)."""
    entropy: Tensor
    """(B, K), nats."""
    values: Tensor | None
    """(B,)."""


class GaussianPolicy(nn.Module):
    """Two multi-layer perceptrons, actor and critic, and one standard deviation per token for all observations.

    Tokens are the Gaussian samples themselves. Actions are clipped to the action space; log-probabilities are those of
    the samples. Temperature multiplies the deviation.
    """

    generator_per_row = True
    """`act` takes a generator for each observation."""

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        hidden: Sequence[int] = (64, 64),
        log_std_init: float = 0.0,
        critic: bool = True,
        normalize_observations: bool = False,
        keys: Sequence[str] | None = None,
        seed: int | None = None,
    ) -> None:
        """
        Args:
            observation_space: a Box, which is flattened, or a Dict of them, which are concatenated. Of a Dict, texts
                and images (uint8, three axes) are not read.
            action_space: a Box (A,) or (C, A) of floating-point numbers.
            hidden: widths of the hidden layers of each network.
            log_std_init: where the logarithm of the deviation begins, in the environment's units.
            critic: add a value network, which PPO needs and GRPO does not.
            normalize_observations: shift and scale each feature by its mean and deviation over all observations that
                actions were sampled for, those of the present call included; an evaluation should therefore be
                deterministic. Normalized features are recorded, so that `evaluate` scores what `act` saw.
            keys: which parts of a Dict are read; None: all that can be.
            seed: of the weights; None: torch's global generator.

        Raises:
            PolicyError: this policy cannot take a space or an argument.
        """
        super().__init__()
        self._features = Features.of(observation_space, keys)
        self._box = _action_box(action_space)
        if any(width < 1 for width in hidden):
            raise PolicyError(f"hidden={list(hidden)}; allowed: widths of 1 or more")
        if not math.isfinite(log_std_init):
            raise PolicyError(f"log_std_init={log_std_init}; allowed: finite numbers")
        self._options = {
            "hidden": list(hidden),
            "log_std_init": log_std_init,
            "critic": critic,
            "normalize_observations": normalize_observations,
        }
        tokens = math.prod(self._box.shape)
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        sizes = [self._features.size, *hidden]
        self.actor = _perceptron([*sizes, tokens], ACTION_GAIN, generator)
        self.log_std = nn.Parameter(torch.full((tokens,), float(log_std_init)))
        self.critic = _perceptron([*sizes, 1], VALUE_GAIN, generator) if critic else None
        self.moments = RunningMoments(self._features.size) if normalize_observations else None

    @torch.no_grad()
    def act(
        self,
        obs: Observation,
        *,
        deterministic: bool = False,
        temperature: float = 1.0,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        chunk_correlation: float = 0.0,
    ) -> GaussianAct:
        """Sample an action chunk for each of N observations, or take its mean; see `vla_trainer.protocols.Policy`.

        The noise of a number has the correlation `chunk_correlation` in any two actions of a chunk; log-probabilities
        are those of each number alone.

        Raises:
            PolicyNumbersError: an observation, or what the network makes of it, is not finite.
        """
        recorded = torch.from_numpy(self._features.read(obs))
        _check("the observation", recorded)
        if self.moments is not None:
            if not deterministic:
                self.moments.add(recorded)
            recorded = self.moments.normalize(recorded.to(self.log_std.device)).cpu()
        features = recorded.to(self.log_std.device)
        mean, log_std = self._distribution(features, temperature)
        tokens = mean
        if not deterministic:
            # on the CPU, so that a run does not depend on the device
            noise = _noise(mean.shape[1:], len(mean), generator)
            if chunk_correlation:
                shared = _noise((self._box.shape[-1],), len(mean), generator).repeat(
                    1, mean.shape[1] // self._box.shape[-1]
                )
                noise = chunk_correlation**0.5 * shared + (1 - chunk_correlation) ** 0.5 * noise
            tokens = mean + log_std.exp() * noise.to(mean)
        log_probs = _log_prob(tokens, mean, log_std)
        _check("the log-probability", log_probs)
        return GaussianAct(
            self._to_actions(tokens),
            tokens,
            log_probs,
            self._values(features),
            {"features": recorded},
        )

    def evaluate(self, inputs: Mapping[str, Tensor], tokens: Tensor, *, temperature: float = 1.0) -> GaussianScores:
        """Score recorded policy steps under the present weights; see `vla_trainer.protocols.Policy`."""
        features = inputs["features"].to(self.log_std.device)
        mean, log_std = self._distribution(features, temperature)
        # H = 1/2 log(2 pi e) + log sigma
        entropy = 0.5 * math.log(2 * math.pi * math.e) + log_std.expand_as(mean)
        return GaussianScores(_log_prob(tokens.to(mean), mean, log_std), entropy, self._values(features))

    def observe(self, obs: Observation) -> dict[str, Tensor]:
        """Return the inputs of a deterministic `act`; see `vla_trainer.protocols.Demonstrable`."""
        recorded = torch.from_numpy(self._features.read(obs))
        if self.moments is not None:
            recorded = self.moments.normalize(recorded.to(self.log_std.device)).cpu()
        return {"features": recorded}

    def encode(self, actions: NDArray[np.floating]) -> Tensor:
        """Return the tokens (N, K) of actions (N, C, A), which are the same numbers."""
        return torch.from_numpy(np.asarray(actions, dtype=np.float32).reshape(len(actions), -1))

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the weights that `actor.lr` and `actor.critic_lr` apply to."""
        groups = {"actor": [*self.actor.parameters(), self.log_std]}
        if self.critic is not None:
            groups["critic"] = list(self.critic.parameters())
        return groups

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Write the weights and what `from_pretrained` needs to make the policy again."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "observation": self._features.to_dict(),
            "action": {
                "dtype": str(self._box.dtype),
                "low": _bounds_to_json(self._box.low),
                "high": _bounds_to_json(self._box.high),
            },
            **self._options,
        }
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        torch.save(self.state_dict(), folder / WEIGHTS_FILE)

    @classmethod
    def from_pretrained(cls, directory: str | PathLike[str]) -> "GaussianPolicy":
        """Load the policy that `save_pretrained` wrote, on the CPU, in eval mode.

        Raises:
            PolicyError: there is none in `directory`, it is damaged, or its weights are not finite.
        """
        folder = Path(directory)
        missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
        if missing:
            raise PolicyError(f"{folder} holds no GaussianPolicy: it has no {' and no '.join(missing)}")
        try:
            policy = cls._read(folder)
        except PolicyError:
            raise
        except Exception as error:  # a damaged file makes json, torch and the constructors raise nearly anything
            # without the error's text: torch advises to run the file's code
            raise PolicyError(f"{folder} holds no whole GaussianPolicy ({type(error).__name__})") from None
        if bad := not_finite(policy):
            raise PolicyError(f"{folder / WEIGHTS_FILE} holds weights that are not finite: {bad[0]}")
        return policy.eval()

    @classmethod
    def _read(cls, folder: Path) -> "GaussianPolicy":
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        features = Features.from_dict(config.pop("observation"))
        action = config.pop("action")
        low, high = (np.array(_bounds_from_json(action[end], sign)) for end, sign in (("low", -1), ("high", 1)))
        box = spaces.Box(low.astype(action["dtype"]), high.astype(action["dtype"]), dtype=action["dtype"])
        policy = cls(features.space(), box, **config)
        policy.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
        return policy

    def _distribution(self, features: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Return the mean (B, K) and the logarithm of the deviation (K,), both float32 also under autocast."""
        return _in_float32(self.actor, features), self.log_std + math.log(temperature)

    def _values(self, features: Tensor) -> Tensor | None:
        return None if self.critic is None else _in_float32(self.critic, features).squeeze(-1)

    def _to_actions(self, tokens: Tensor) -> NDArray[np.floating]:
        """Return actions (N, C, A) inside the Box, of samples (N, K)."""
        samples = tokens.cpu().numpy().astype(self._box.dtype).reshape(-1, *self._box.shape)
        return samples.clip(self._box.low, self._box.high).reshape(len(tokens), -1, self._box.shape[-1])


def _in_float32(network: nn.Sequential, features: Tensor) -> Tensor:
    """Apply the layers, the last in float32: autocast would round means and values to 8 bits, and log-probabilities
    with them."""
    *trunk, last = network
    for layer in trunk:
        features = layer(features)
    with torch.autocast(features.device.type, enabled=False):
        out: Tensor = last(features.float())
    return out


def _log_prob(tokens: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    # log p(x) = -(x - mu)^2 / (2 sigma^2) - log sigma - 1/2 log(2 pi)
    return -0.5 * ((tokens - mean) / log_std.exp()) ** 2 - log_std - 0.5 * math.log(2 * math.pi)


def _check(what: str, rows: Tensor) -> None:
    """Raise PolicyNumbersError unless all of `rows` (N, ...) is finite."""
    if not bool((finite := rows.isfinite()).all()):
        row = int((~finite).any(dim=-1).nonzero()[0])
        raise PolicyNumbersError(f"{what} of row {row} of {len(rows)} is not finite: {rows[row].tolist()[:8]}")


def _noise(shape: Sequence[int], rows: int, generator: torch.Generator | Sequence[torch.Generator] | None) -> Tensor:
    """Sample (N, *shape) standard normal numbers for N rows, from one generator or from one per row."""
    if generator is None or isinstance(generator, torch.Generator):
        return torch.randn((rows, *shape), generator=generator)
    return torch.stack([torch.randn(tuple(shape), generator=of_row) for of_row in generator])


def _perceptron(sizes: Sequence[int], gain: float, generator: torch.Generator | None) -> nn.Sequential:
    """Make linear layers with tanh between them; the last layer's weights have the gain `gain`."""
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(sizes)):
        last = index == len(sizes) - 2
        layer: nn.Linear = skip_init(nn.Linear, inputs, outputs)  # type: ignore[no-untyped-call]
        nn.init.orthogonal_(layer.weight, gain if last else TRUNK_GAIN, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer] if last else [layer, nn.Tanh()]
    return nn.Sequential(*layers)


def _action_box(space: spaces.Space) -> spaces.Box:
    if (
        not isinstance(space, spaces.Box)
        or len(space.shape) not in (1, 2)
        or not np.issubdtype(space.dtype, np.floating)
    ):
        raise PolicyError(f"action space {space}; allowed: a Box (A,) or (C, A) of floating-point numbers")
    return space


def _bounds_to_json(bounds: Any) -> Any:
    """Return nested lists, with null where there is no bound, because JSON has no infinity."""
    if isinstance(bounds, np.ndarray):
        return [_bounds_to_json(bound) for bound in bounds]
    return None if math.isinf(bounds) else float(bounds)


def _bounds_from_json(bounds: Any, sign: int) -> Any:
    if isinstance(bounds, list):
        return [_bounds_from_json(bound, sign) for bound in bounds]
    return sign * math.inf if bounds is None else bounds
