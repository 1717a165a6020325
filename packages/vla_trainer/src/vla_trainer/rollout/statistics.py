"""What a rollout says about itself, as metrics."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from vla_trainer.metrics import ROLLOUT_PER_TASK
from vla_trainer.types import Batch, Episode, Rollout

WINDOW = 100
"""Episodes of `env/success_rate`."""


def rollout_metrics(rollout: Rollout, batch: Batch, recent_successes: deque[bool]) -> dict[str, float]:
    """`rollout/*` and `env/*` of one iteration; `recent_successes`, the last `WINDOW` over iterations, is added to.

    Metrics of finished episodes are left out where none finished, and success where the environment does not report it.
    """
    taken = int(rollout.mask.sum())
    metrics = {
        "rollout/useful_step_fraction": taken / max(rollout.slots, 1),
        "rollout/batch_fraction": len(batch) / max(taken, 1),
        "rollout/episodes": float(len(rollout.episodes)),
        "env/step_reward": float(rollout.rewards[rollout.mask].sum()) / max(rollout.env_steps, 1),
    }
    if batch.informative_groups is not None:
        metrics["rollout/informative_groups"] = batch.informative_groups
        metrics["rollout/resampled_groups"] = float(rollout.resampled_groups)
    if len(batch) > 1:
        metrics["rollout/advantage_std"] = float(batch.advantages.std())
    if batch.values is not None:
        metrics["rollout/value_mean"] = float(batch.values.mean())
    episodes = [rollout.episodes[number] for number in sorted(rollout.episodes)]
    if not episodes:
        return metrics
    # what began in the middle of an episode is easier, and says nothing of the task
    from_starts = [episode for episode in episodes if episode.initial_state.saved is None]
    saved = [bool(episode.success) for episode in episodes if episode.initial_state.saved is not None]
    if saved:
        metrics["rollout/saved_start_fraction"] = len(saved) / len(episodes)
        metrics["rollout/saved_start_success_rate"] = float(np.mean(saved))
    if from_starts:
        returns = np.array([episode.episode_return for episode in from_starts])
        metrics |= {"rollout/reward_mean": float(returns.mean()), "rollout/reward_std": float(returns.std())}
    metrics |= {
        "rollout/episode_length": float(np.mean([episode.env_steps for episode in episodes])),
        "env/termination_rate": float(np.mean([episode.terminated for episode in episodes])),
    }
    successes = [episode.success for episode in from_starts if episode.success is not None]
    recent_successes.extend(successes)
    if successes:
        metrics["rollout/success_rate"] = float(np.mean(successes))
        metrics["env/success_rate"] = float(np.mean(recent_successes))
    known = [episode for episode in episodes if episode.success is not None]
    if len(known) > 1:
        pairs = np.array([(float(bool(episode.success)), episode.episode_return) for episode in known]).T
        # undefined where all succeed or fail, or all returns are equal
        if np.ptp(pairs[0]) > 0 and np.ptp(pairs[1]) > 0:
            metrics["rollout/success_return_correlation"] = float(np.corrcoef(pairs)[0, 1])
    return metrics | _by_task(from_starts)


def _by_task(episodes: Sequence[Episode]) -> dict[str, float]:
    """Success rate of each task that had an episode; nothing where all are of one."""
    successes: dict[str, list[bool]] = {}
    for episode in episodes:
        if episode.task_name is not None and episode.success is not None:
            successes.setdefault(episode.task_name, []).append(episode.success)
    if len(successes) < 2:
        return {}
    return {f"{ROLLOUT_PER_TASK}{task}": float(np.mean(successes[task])) for task in sorted(successes)}
