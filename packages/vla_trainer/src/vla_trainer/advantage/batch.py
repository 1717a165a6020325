"""A rollout to a batch: the advantage of each policy step that was taken, without those that carry no signal.

Axes: T policy steps, N environments, C actions a chunk, B policy steps that were taken, M episodes, G episodes of a
    group.
"""

from collections.abc import Callable

import numpy as np
import torch

from vla_trainer.advantage.gae import gae
from vla_trainer.advantage.grpo import grpo, has_variance
from vla_trainer.config.algorithm import GRPO, PPO, PolicyGradient
from vla_trainer.types import Batch, Rollout


def ppo_batch(rollout: Rollout, algorithm: PolicyGradient) -> Batch:
    """GAE over the (T, N) grid; every policy step that was taken is kept.

    With `reward_type` action_level a policy step is as many steps as it carried out actions: its reward is the sum of
    gamma^i r_i over them, and what follows is discounted by gamma to their number. Without `bootstrap_time_limit`
    nothing follows an episode that the time limit broke off.
    """
    assert isinstance(algorithm, PPO)
    assert rollout.values is not None
    assert rollout.next_values is not None
    by_action = algorithm.reward_type == "action_level"
    rewards, gamma = rollout.rewards, np.full(rollout.rewards.shape, algorithm.gamma)
    if by_action:
        rewards = rollout.action_rewards @ algorithm.gamma ** np.arange(rollout.action_rewards.shape[-1])
        gamma = algorithm.gamma ** rollout.lengths.astype(float)
    terminated, truncated = rollout.terminated, rollout.truncated
    if not algorithm.bootstrap_time_limit:
        terminated, truncated = terminated | truncated, np.zeros_like(truncated)
    advantages, returns = gae(
        rewards,
        rollout.values,
        rollout.next_values,
        terminated,
        truncated,
        gamma,
        algorithm.lam,
    )
    mask = rollout.mask
    return Batch(
        inputs=rollout.inputs,
        tokens=rollout.tokens,
        log_probs=rollout.log_probs,
        advantages=torch.from_numpy(advantages[mask]).float(),
        episode=torch.from_numpy(rollout.episode[mask]),
        lengths=_lengths(rollout, algorithm),
        values=torch.from_numpy(rollout.values[mask]).float(),
        returns=torch.from_numpy(returns[mask]).float(),
    )


def grpo_batch(rollout: Rollout, algorithm: PolicyGradient) -> Batch:
    """An episode's advantage over its group for each of its policy steps; groups without a signal are left out.

    Episode i belongs to group i // G, as `vla_trainer.rollout.queue.Groups` numbers them. The batch is in the order of
    these numbers, each episode's policy steps in the order in which they were taken: which environment it ran in, and
    beside what, changes nothing.
    """
    assert isinstance(algorithm, GRPO)
    episodes = [rollout.episodes[number] for number in range(len(rollout.episodes))]
    returns = np.array([episode.episode_return for episode in episodes])
    group = np.arange(len(episodes)) // algorithm.group_size
    advantages, informative = grpo(returns, group)
    keep_mean = algorithm.keep_mean_return
    informative &= np.array([has_variance(returns[group == each], keep_mean) for each in group], dtype=bool)
    episode = rollout.episode[rollout.mask]
    in_order = np.argsort(episode, kind="stable")  # rows come in the order of time
    keep = torch.from_numpy(in_order[informative[episode[in_order]]])
    kept_episode = episode[keep.numpy()]
    return Batch(
        inputs={key: value[keep] for key, value in rollout.inputs.items()},
        tokens=rollout.tokens[keep],
        log_probs=rollout.log_probs[keep],
        advantages=torch.from_numpy(advantages[kept_episode]).float(),
        episode=torch.from_numpy(kept_episode),
        lengths=_lengths(rollout, algorithm)[keep],
        informative_groups=float(informative.mean()),
    )


def _lengths(rollout: Rollout, algorithm: PPO | GRPO) -> torch.Tensor:
    """(B,): the actions of each chunk that count: those carried out, or all of them."""
    lengths = torch.from_numpy(rollout.lengths[rollout.mask])
    if algorithm.reward_type == "chunk_level":
        return torch.full_like(lengths, rollout.action_rewards.shape[-1])
    return lengths


BATCHES: dict[str, Callable[[Rollout, PolicyGradient], Batch]] = {"ppo": ppo_batch, "grpo": grpo_batch}
"""From `algorithm.name` to how its batch is made."""
