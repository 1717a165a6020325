"""The amounts of an iteration: environments, episodes, policy steps; whatever it runs on."""

from collections.abc import Sequence
from itertools import chain, islice, repeat
from typing import Literal

import numpy as np
from pydantic import ConfigDict, Field, PositiveInt, model_validator
from pydantic.dataclasses import dataclass

from vla_trainer.config.schema import Config
from vla_trainer.errors import MeasurementError

Learns = Literal["after", "eager", "ahead"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Amounts:
    """The amounts of one iteration. Either `episodes` (GRPO) or `horizon` (PPO) is given."""

    num_envs: PositiveInt
    """N, over all env processes."""
    episodes: PositiveInt | None = None
    """GRPO: episodes that free environments take one after the other."""
    horizon: PositiveInt | None = None
    """PPO: policy steps of each environment."""
    episode_lengths: tuple[PositiveInt, ...] = ()
    """Policy steps of episodes, as measured, or the limit; repeated for as many episodes as there are. PPO: only for
    the time of resets; empty: none."""
    seed: int | None = 0
    """Seed of the shuffled lengths; None: they keep their order."""
    action_chunk: PositiveInt = 1
    """C, environment steps of a policy step."""
    learned: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the policy steps that the update learns from; GRPO drops groups without variance."""
    epochs: PositiveInt = 1
    """Passes of the update over them."""
    global_batch_size: PositiveInt | None = None
    """Policy steps of one optimizer step, at most; None: all."""
    imitated: float = Field(default=0.0, ge=0.0)
    """Policy steps of own successes that an optimizer step imitates, as a multiple of its own."""
    micro_batch_size: PositiveInt = 64
    """Policy steps of one forward and backward pass of an actor process."""
    learns: Learns = "after"
    """When the update runs: after the rollout; its first epoch as groups end (eager); or during the next rollout
    (ahead). The latter two need actor processes that do not act."""
    workers: PositiveInt | None = None
    """Threads of one stage's environments in one env process; None: one for each core of its machine."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Amounts":
        if (self.episodes is None) == (self.horizon is None):
            raise ValueError(f"episodes={self.episodes}, horizon={self.horizon}: give one of the two")
        if self.episodes is not None and not self.episode_lengths:
            raise ValueError("episode_lengths is empty: the time of episodes depends on it")
        return self

    def lengths(self, count: int) -> list[int]:
        """Return the policy steps of `count` episodes, the same for every layout."""
        lengths = np.array(list(islice(chain.from_iterable(repeat(self.episode_lengths)), count)), dtype=np.int64)
        if self.seed is not None:
            lengths = np.random.default_rng(self.seed).permutation(lengths)
        return [int(length) for length in lengths]

    def optimizer_steps(self, policy_steps: int) -> list[int]:
        """Return the policy steps of each optimizer step of an iteration that collected `policy_steps`.

        Each epoch is cut into parts of the same size, give or take one.
        """
        rows = round(policy_steps * self.learned)
        if rows == 0:
            return []
        parts = 1 if self.global_batch_size is None else -(-rows // self.global_batch_size)
        return [len(part) for part in np.array_split(np.arange(rows), parts)] * self.epochs


def amounts_of(config: Config, episode_lengths: Sequence[int], learned: float = 1.0) -> Amounts:
    """Return the amounts of an iteration of a recipe.

    Args:
        config: of an algorithm with rollouts.
        episode_lengths: see `Amounts`; without measured ones [time limit / action_chunk, rounded up].
        learned: see `Amounts`.

    Raises:
        MeasurementError: the recipe collects nothing (sft), or there is no length.
    """
    if not config.algorithm.uses_rollouts:
        raise MeasurementError("algorithm.name=sft collects nothing; predictions are for ppo and grpo")
    if not episode_lengths and config.algorithm.has_groups:
        raise MeasurementError("episode_lengths is empty: the time of grpo's episodes depends on it")
    learns: Learns = "eager" if config.actor.batch_order == "groups" else "after"
    if config.rollout.max_staleness:
        learns = "ahead"
    return Amounts(
        num_envs=config.env.num_envs,
        episodes=config.rollout.episodes,
        horizon=config.rollout.horizon,
        episode_lengths=tuple(episode_lengths),
        action_chunk=config.env.positive("action_chunk") or 1,
        learned=learned,
        epochs=config.policy_gradient.epochs,
        global_batch_size=config.actor.global_batch_size,
        imitated=0.0 if (own := config.policy_gradient.self_imitation) is None else own.share,
        micro_batch_size=config.actor.micro_batch_size,
        learns=learns,
        workers=config.env.positive("workers"),
    )
