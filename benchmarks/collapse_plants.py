"""Twelve ways in which training goes wrong, planted by replacing the part of the trainer in which the mistake would be.

Each takes the run's backend before its first iteration. What is planted is real: the trainer then computes with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from vla_policy.action_stats import identity_stats
from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.rollout.stage import Stage
from vla_trainer.trainer import RLTrainer
from vla_trainer.types import Batch, Rollout


@dataclass(frozen=True)
class Plant:
    """One of them."""

    name: str
    what: str
    prefix: str | None
    """The good run that it goes on from, in its sixth iteration; None: it is there from the first iteration on."""
    overrides: tuple[str, ...] = ()
    begin: Callable[[RLTrainer], None] | None = None


def wrong_statistics(backend: RLTrainer) -> None:
    """Actions are unnormalized by another dataset's ranges, -1 to 1."""
    policy: Any = backend.runtime.policy
    policy.use_statistics("another_dataset", identity_stats(policy.model.config.action_dim))
    policy.stats = policy._read_statistics("another_dataset")


def stale_weights(backend: RLTrainer) -> None:
    """What acts is a copy that never gets the weights of an update."""
    backend.runtime._sampler._policy = copy.deepcopy(backend.runtime.policy)


def reward_sign(backend: RLTrainer) -> None:
    """A success costs what it should give."""
    wait = Stage.wait

    def negated(stage: Stage) -> Any:
        rewards, terminated, truncated, infos = wait(stage)
        if "chunk_rewards" in infos:
            infos = {**infos, "chunk_rewards": -infos["chunk_rewards"]}
        return -rewards, terminated, truncated, infos

    Stage.wait = negated  # type: ignore[method-assign]


def of_batch(change: Callable[[Batch, Rollout], Batch]) -> Callable[[RLTrainer], None]:
    """Plants a change of what the update gets."""

    def begin(backend: RLTrainer) -> None:
        for section in (PPO, GRPO):
            make = section.batch
            section.batch = lambda self, rollout, make=make: change(make(self, rollout), rollout)  # type: ignore

    return begin


def padding_counted(batch: Batch, rollout: Rollout) -> Batch:
    """Episodes are padded to the longest with zeros, as padded tensors are, and the padding is learned from."""
    if not len(batch):
        return batch
    counts = torch.bincount(batch.episode)
    last = {int(episode): row for row, episode in enumerate(batch.episode)}
    rows = [row for episode, row in last.items() for _ in range(int(counts.max() - counts[episode]))]
    padding, zeros = torch.tensor(rows, dtype=torch.int64), torch.zeros(len(rows), batch.log_probs.shape[1])
    first_id = torch.full_like(batch.tokens[padding], int(batch.tokens.min()))
    return replace(
        batch,
        inputs={
            key: torch.cat([value[torch.arange(len(batch))], value[padding]]) for key, value in batch.inputs.items()
        },
        tokens=torch.cat([batch.tokens, first_id]),
        log_probs=torch.cat([batch.log_probs, zeros]),
        advantages=torch.cat([batch.advantages, batch.advantages[padding]]),
        episode=torch.cat([batch.episode, batch.episode[padding]]),
        lengths=torch.cat([batch.lengths, torch.full_like(batch.lengths[padding], int(batch.lengths.max()))]),
    )


def temperature(backend: RLTrainer) -> None:
    """Acts at temperature 1, which somebody forgot to pass, and scores at the recipe's 0.9."""
    sampler = backend.runtime._sampler
    sampler.__class__ = type("Forgetful", (type(sampler),), {"temperature": property(lambda _: 1.0, lambda *_: None)})


def advantage_scale(batch: Batch, rollout: Rollout) -> Batch:
    """Advantages are not normalized."""
    return replace(batch, advantages=100.0 * batch.advantages)


def wrong_log_probs(batch: Batch, rollout: Rollout) -> Batch:
    """The log-probabilities of the policy step before."""
    return replace(batch, log_probs=batch.log_probs.roll(1, dims=0))


def nan_gradients(backend: RLTrainer) -> None:
    """A backward pass that divides 0 by 0."""
    policy: Any = backend.runtime.policy
    weight = next(weight for weight in policy.parameters() if weight.requires_grad)
    weight.register_hook(lambda gradient: gradient * torch.nan)


PLANTS = (
    Plant("lr_30", "learning rate x 30", "prefix_grpo", ("actor.lr=2.4e-2",)),
    Plant("wrong_statistics", "action statistics of another dataset", None, begin=wrong_statistics),
    Plant("stale_weights", "weights that act are never updated", "prefix_grpo", begin=stale_weights),
    Plant("reward_sign", "reward with the wrong sign", None, begin=reward_sign),
    Plant("padding_counted", "masked tokens counted", None, begin=of_batch(padding_counted)),
    Plant("temperature", "acting at temperature 1, scoring at 0.9", None, begin=temperature),
    Plant("advantage_scale", "advantages x 100", "prefix_grpo", begin=of_batch(advantage_scale)),
    Plant(
        "wrong_log_probs", "old log-probabilities of other policy steps", "prefix_grpo", begin=of_batch(wrong_log_probs)
    ),
    Plant(
        "no_clip",
        "no clipping, 8 epochs",
        "prefix_grpo",
        ("algorithm.clip_low=1", "algorithm.clip_high=1000", "algorithm.dual_clip=null", "algorithm.epochs=8"),
    ),
    Plant("entropy_bonus", "entropy bonus of 1", "prefix_grpo", ("algorithm.entropy_coef=1",)),
    Plant("nan_gradients", "NaN gradients", "prefix_grpo", begin=nan_gradients),
    Plant("critic_lr_1000", "critic's learning rate x 1000", "ppo_0", ("actor.critic_lr=1",)),
)
