"""The records that pass from one stage to the next.

Axes: T policy steps, N environments, C actions a chunk, K tokens a policy step, B = the policy steps that were taken
    (mask is
True), in the order of `mask.nonzero()`: all of t = 0, then all of t = 1, and so on. H, W pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class InitialState:
    """Where an episode begins. Two episodes with equal starts begin in the same state."""

    seed: int
    task: int | None = None
    """None: the environment chooses from its seed."""
    init_state: int | None = None
    """None: the environment chooses from its seed."""
    saved: bytes | None = field(default=None, repr=False)
    """A state in the middle of an episode from this initial state, as the environment's `save_state` gave it: the
    episode goes on from there. None: it begins at the initial state."""


@dataclass(frozen=True)
class EpisodeSpec:
    """An episode that is to be run."""

    number: int
    """Of the episode in its rollout."""
    initial_state: InitialState
    seed: int
    """Of what the policy samples in it: policy step t draws from a generator seeded with `seed` + t, wherever and
    beside whatever it is taken."""
    group: int | None = None
    """Number of its group in its rollout; None where episodes are not compared in groups."""


@dataclass(frozen=True)
class Episode:
    """A finished episode."""

    initial_state: InitialState
    episode_return: float
    """Undiscounted sum of the rewards."""
    policy_steps: int
    env_steps: int
    """Environment steps; C times `policy steps` or less where an episode ends inside a chunk."""
    terminated: bool
    """True if it ended by itself, False if by the time limit."""
    success: bool | None
    """As `info["success"]` (or `is_success`) said; None for an environment that does not say."""
    task_id: int | None = None
    task_name: str | None = None
    init_state_id: int | None = None
    group: int | None = None
    """As in its `EpisodeSpec`."""
    variant: str | None = None
    """What the environment calls the variant of itself that the episode ran in; see `protocols.EnvMetadata`."""
    saved_states: tuple[bytes, ...] = field(default=(), repr=False)
    """The environment's state after each of its policy steps but the last, where `rollout.starts` needs them."""


@dataclass(frozen=True)
class EpisodeSteps:
    """The policy steps of one finished episode, in their order. T of them here."""

    inputs: "Mapping[str, Tensor]"
    """Each (T, ...)."""
    tokens: "Tensor"
    """(T, K)."""
    log_probs: "Tensor"
    """(T, K), of the policy that acted."""
    lengths: "Tensor"
    """(T,) int64: actions of each chunk that were carried out, 1 to C."""
    chunk: int
    """C."""


@dataclass(frozen=True)
class Frame:
    """One image of a video, with what is written beside it."""

    image: NDArray[np.uint8]
    """(H, W, 3)."""
    other_images: Sequence[NDArray[np.uint8]]
    """(H, W, 3) each: of other cameras, beside it."""
    instruction: str
    env_step: int
    episode_return: float
    """Sum of the rewards so far."""
    success: bool | None
    value: float | None = None
    """V of this image's observation, as the policy that acted on it said; None without a critic."""


@dataclass(frozen=True)
class Video:
    """A whole episode in images, the first observation to the last."""

    frames: list[Frame]
    """At least one; a long episode's are cut off at the number that was asked for."""
    episode: Episode


@dataclass(frozen=True)
class VideoRequest:
    """What the collector is asked to video."""

    episodes: int
    """The first that begin, however they end."""
    max_frames: int
    """Images of an episode that are kept."""
    failures: int = 0
    """At most so many more, of episodes that do not succeed; the images of others are forgotten when they end."""


@dataclass(frozen=True)
class Rollout:
    """What the collector hands to the advantage stage."""

    inputs: "Mapping[str, Tensor]"
    """Each (B, ...)."""
    tokens: "Tensor"
    """(B, K)."""
    log_probs: "Tensor"
    """(B, K), of the policy that acted."""
    mask: NDArray[np.bool_]
    """(T, N): True where a policy step was taken; False where an environment was waiting."""
    episode: NDArray[np.int64]
    """(T, N): number of the episode in this rollout, for listed starts its index; -1 where the mask is False."""
    rewards: NDArray[np.float64]
    """(T, N): sum over a chunk."""
    lengths: NDArray[np.int64]
    """(T, N): actions of the chunk that were carried out, 1 to C; 0 where the mask is False."""
    terminated: NDArray[np.bool_]
    """(T, N)."""
    truncated: NDArray[np.bool_]
    """(T, N)."""
    action_rewards: NDArray[np.float64]
    """(T, N, C): as `info["chunk_rewards"]` says, 0 for actions that were not carried out; where the environment does
    not say, a chunk's reward stands at its last action."""
    version: NDArray[np.int64]
    """(T, N): how often the weights that acted had been updated; 0 where the mask is False."""
    values: NDArray[np.float64] | None
    """(T, N): V(s_t); None without a value head."""
    next_values: NDArray[np.float64] | None
    """(T, N): V of the observation that follows the policy step, before any reset; 0 after a termination."""
    episodes: dict[int, Episode]
    """The episodes that finished, by number."""
    env_steps: int
    """Environment steps of the policy steps under the mask."""
    slots: int
    """Environments times the policy steps that they were stepped for, whether an episode ran in them or not."""
    videos: list[Video] = field(default_factory=list)
    """Episodes that were recorded and have finished."""
    resampled_groups: int = 0
    """GRPO: groups that were collected in the place of ones without variance."""
    states: NDArray[np.float32] | None = None
    """(T, N, P): what the critic alone was given; None without such a critic. Meaningless where the mask is False."""
    next_states: NDArray[np.float32] | None = None
    """(T, N, P): of the observation that follows the policy step, before any reset."""

    def counted_lengths(self, reward_type: str) -> "Tensor":
        """Return (B,) int64: how many actions of each chunk count, its first ones: those that were carried out, or all
        C of them with `reward_type` chunk_level."""
        import torch

        lengths = torch.from_numpy(self.lengths[self.mask])
        return torch.full_like(lengths, self.action_rewards.shape[-1]) if reward_type == "chunk_level" else lengths


@dataclass(frozen=True)
class EvaluationRollout:
    """What an evaluation collects, from which nothing is learned."""

    episodes: dict[int, Episode]
    """By number, which is its index in the list of initial states."""
    videos: list[Video]


class Rows(Protocol):
    """B rows that may lie elsewhere until they are asked for: a tensor (B, ...), or what behaves like one here."""

    def __getitem__(self, rows: "Tensor", /) -> "Tensor":
        """(b, ...) on the CPU, for b row numbers (b,) int64 in any order."""


@dataclass(frozen=True)
class Imitated:
    """Policy steps of episodes that succeeded, which an update imitates. R of them here."""

    inputs: "Mapping[str, Rows]"
    """Each (R, ...)."""
    tokens: "Tensor"
    """(R, K)."""
    lengths: "Tensor"
    """(R,) int64: actions of the chunk that count, 1 to C, its first ones."""

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Batch:
    """What the advantage stage hands to the update: only policy steps that are learned from."""

    inputs: "Mapping[str, Rows]"
    """Each (B, ...): the one part that is large, of which a rank reads only the rows that it evaluates."""
    tokens: "Tensor"
    """(B, K)."""
    log_probs: "Tensor"
    """(B, K), of the policy that acted."""
    advantages: "Tensor"
    """(B,) float32."""
    episode: "Tensor"
    """(B,) int64: which episode a policy step belongs to."""
    lengths: "Tensor"
    """(B,) int64: actions of the chunk that count, 1 to C, its first ones."""
    group: "Tensor | None" = None
    """(B,) int64: the group of a policy step's episode; None for PPO."""
    values: "Tensor | None" = None
    """(B,) float32, of the policy that acted; None for GRPO."""
    returns: "Tensor | None" = None
    """(B,) float32; None for GRPO."""
    informative_groups: float | None = field(default=None)
    """Share of the groups that have variance; None for PPO."""
    imitated: Sequence[Imitated] = ()
    """What is imitated beside it, of one iteration or of several."""

    def __len__(self) -> int:
        return len(self.tokens)
