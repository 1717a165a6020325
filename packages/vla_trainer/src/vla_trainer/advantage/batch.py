"""A rollout to a batch: the advantage of each decision that was taken, without those that carry no signal.

Axes: T decisions, N environments, B decisions that were taken, M episodes.
"""

from collections.abc import Callable

import numpy as np
import torch

from vla_trainer.advantage.gae import gae
from vla_trainer.advantage.grpo import grpo
from vla_trainer.config.algorithm import GRPO, PPO, PolicyGradient
from vla_trainer.records import Batch, Rollout


def ppo_batch(rollout: Rollout, algorithm: PolicyGradient) -> Batch:
    """GAE over the (T, N) grid; every decision that was taken is kept."""
    assert isinstance(algorithm, PPO)
    assert rollout.values is not None
    assert rollout.next_values is not None
    advantages, returns = gae(
        rollout.rewards,
        rollout.values,
        rollout.next_values,
        rollout.terminated,
        rollout.truncated,
        algorithm.gamma,
        algorithm.lam,
    )
    mask = rollout.mask
    return Batch(
        inputs=rollout.inputs,
        tokens=rollout.tokens,
        log_probs=rollout.log_probs,
        advantages=torch.from_numpy(advantages[mask]).float(),
        episode=torch.from_numpy(rollout.episode[mask]),
        values=torch.from_numpy(rollout.values[mask]).float(),
        returns=torch.from_numpy(returns[mask]).float(),
    )


def grpo_batch(rollout: Rollout, algorithm: PolicyGradient) -> Batch:
    """An episode's advantage over its group for each of its decisions; groups without a signal are left out.

    Episode i belongs to group i // group_size, as `draw_groups` orders them.
    """
    assert isinstance(algorithm, GRPO)
    episodes = [rollout.episodes[number] for number in range(len(rollout.episodes))]
    returns = np.array([episode.episode_return for episode in episodes])
    group = np.arange(len(episodes)) // algorithm.group_size
    advantages, informative = grpo(returns, group)
    if algorithm.keep_mean_return is not None:
        low, high = algorithm.keep_mean_return
        means = np.array([returns[group == each].mean() for each in group])
        informative = informative & (means >= low) & (means <= high)
    episode = rollout.episode[rollout.mask]
    keep = torch.from_numpy(np.flatnonzero(informative[episode]))
    kept_episode = episode[keep.numpy()]
    return Batch(
        inputs={key: value[keep] for key, value in rollout.inputs.items()},
        tokens=rollout.tokens[keep],
        log_probs=rollout.log_probs[keep],
        advantages=torch.from_numpy(advantages[kept_episode]).float(),
        episode=torch.from_numpy(kept_episode),
        informative_groups=float(informative.mean()),
    )


BATCHES: dict[str, Callable[[Rollout, PolicyGradient], Batch]] = {"ppo": ppo_batch, "grpo": grpo_batch}
"""From `algorithm.name` to how its batch is made."""
