"""Every metric that a run logs, defined once; `python -m vla_trainer.metrics` prints the table for the docs."""

import sys
from collections.abc import Iterable, Sequence
from math import sqrt

from vla_trainer.errors import UnknownMetricError, did_you_mean

METRICS: dict[str, str] = {
    "actor/loss": "Clipped policy loss alone, or SFT's cross-entropy (nats a token) or L1 distance; mean over the "
    "optimizer steps of the iteration.",
    "actor/value_loss": "Value loss (Huber, clipped), before its coefficient; PPO only.",
    "actor/entropy": "Entropy of a token's distribution, nats; mean over tokens.",
    "actor/grad_norm": "Norm of the gradient of all parameters before clipping.",
    "actor/skipped_steps": "Optimizer steps that were not taken because their gradient norm, loss or value loss was "
    "not finite; means over the optimizer steps are without them.",
    "actor/initial_ratio_error": "Largest |rho - 1| of a token in the iteration's first optimizer step, before any "
    "weight has moved: 0 but for rounding, which in bf16 depends on a row's batch; left out where older weights acted.",
    "actor/lr": "Learning rate of the actor.",
    "actor/critic_lr": "Learning rate of the critic, where the policy names one.",
    "actor/kl": "KL of the present policy from the reference, nats, mean over tokens (k3); with kl_coef only.",
    "actor/explained_variance": "1 - Var(return - value) / Var(return) of the batch, before the update; PPO only.",
    "actor/epochs": "Passes over the batch that were begun; fewer than algorithm.epochs where target_kl stopped them.",
    "actor/approx_kl": "KL of the present policy from the behavior policy, nats; mean of rho - 1 - log rho.",
    "actor/update_kl": "KL of the policy after the update from the behavior policy, nats, on 512 policy steps of the "
    "batch; with lr_schedule=adaptive only.",
    "actor/undone_updates": "1 where the update moved the policy too far and was undone; with undo_above only.",
    "actor/clip_fraction": "Share of the ratios outside [1 - clip_low, 1 + clip_high].",
    "actor/value_clip_fraction": "Share of the values that moved further than value_clip; PPO only.",
    "actor/optimizer_steps": "Optimizer steps of the iteration.",
    "actor/eager_steps": "Those of them that were taken before the last episode of the iteration had ended; with "
    "batch_order=groups only.",
    "actor/importance_weight": "Probability under the proximal policy over that under the behavior policy, "
    "before the cap; mean over ratios; with max_staleness=1 only, where older weights acted.",
    "actor/importance_capped": "Share of these weights above importance_cap.",
    "actor/imitation_loss": "Cross entropy of own successes (nats a token), before its coefficient; with "
    "algorithm.self_imitation only.",
    "critic/loss": "Squared difference of the value from the return, in units of the returns' deviation; mean over the "
    "critic's optimizer steps; with algorithm.critic only.",
    "critic/policy_steps": "Policy steps that the critic was fitted to: those of the iteration and of the ones before.",
    "data/epochs": "Passes over the demonstrations since the run began; SFT only.",
    "rollout/reward_mean": "Undiscounted return, mean over the episodes that finished in the iteration; of those that "
    "began at an initial state, where others began in the middle of an episode.",
    "rollout/reward_std": "Its deviation over the same episodes.",
    "rollout/episode_length": "Environment steps, mean over all episodes that finished in the iteration.",
    "rollout/success_rate": "Share of the episodes of rollout/reward_mean whose environment reported success.",
    "rollout/saved_start_fraction": "Share of all episodes that began in the middle of an earlier one; with "
    "rollout.starts=curriculum or branching.",
    "rollout/saved_start_success_rate": "Share of those that succeeded.",
    "rollout/start_frontier": "Where curriculum begins episodes, as a share of an own success, mean over tasks; 0: at "
    "the initial states.",
    "rollout/episodes": "Number of all episodes that finished.",
    "rollout/useful_step_fraction": "Environment slots that a running episode used over all that were stepped: 1 minus "
    "the share of waiting for others.",
    "rollout/batch_fraction": "Share of the collected policy steps that enter the update.",
    "rollout/informative_groups": "Share of the groups that have variance; GRPO only.",
    "rollout/resampled_groups": "Groups that were collected in place of groups without variance; GRPO only.",
    "rollout/temperature": "Temperature that actions are sampled and scored at; with temperature_final only.",
    "rollout/staleness": "Updates between the weights that acted and those that learn; with max_staleness=1 only.",
    "rollout/value_mean": "Value of the states that were acted in, mean over the batch; PPO only.",
    "rollout/advantage_std": "Deviation of the batch's advantages before they are normalized.",
    "rollout/success_return_correlation": "Correlation of success and return over the same episodes: 1 where success "
    "alone is rewarded; left out where all episodes succeed or fail.",
    "env/success_rate": "Share of successes among the last 100 finished episodes, over iterations.",
    "env/step_reward": "Reward per environment step, mean over the iteration.",
    "env/termination_rate": "Share of the finished episodes that ended by themselves, not by the time limit.",
    "eval/success_rate": "Share of successes in an evaluation.",
    "eval/success_rate_low": "Lower end of its 95% Wilson interval.",
    "eval/success_rate_high": "Upper end of its 95% Wilson interval.",
    "eval/reward_mean": "Undiscounted return, mean over the episodes of an evaluation.",
    "trainer/collapse_signs": "Metrics outside the range in which they are expected, see docs/collapse.md.",
    "time/iteration": "Seconds of the iteration, all stages.",
    "time/rollout": "Seconds of collecting.",
    "time/advantage": "Seconds of making the batch.",
    "time/update": "Seconds of optimizing.",
    "time/critic": "Seconds of fitting the critic; with algorithm.critic only.",
    "time/data": "Seconds that the update waited for batches of demonstrations; SFT only.",
    "time/eval": "Seconds of evaluating.",
    "time/checkpoint": "Seconds of writing a checkpoint.",
    "time/video": "Seconds of handing videos to the thread that encodes them.",
    "throughput/env_steps_per_second": "Environment steps that were recorded over the seconds of collecting.",
    "throughput/policy_steps_per_second": "Policy steps that optimizer steps were taken on over the "
    "seconds of optimizing; SFT only.",
}

PER_TASK = "eval/success_rate/"
"""Prefix of a success rate per task in an evaluation; the task's name follows."""
ROLLOUT_PER_TASK = "rollout/success_rate/"
"""Prefix of a success rate per task among an iteration's episodes; the task's name follows."""


def is_known(name: str) -> bool:
    """Return whether the table defines a metric."""
    prefixes = (PER_TASK, ROLLOUT_PER_TASK)
    return name in METRICS or (name.startswith(prefixes) and name not in prefixes)


def is_score(name: str) -> bool:
    """Return whether checkpoints can be compared by a metric; times are not known when a checkpoint is written."""
    return is_known(name) and not name.startswith(("time/", "throughput/"))


def check(names: Iterable[str]) -> None:
    """Raise UnknownMetricError unless each name is in the table."""
    for name in names:
        if not is_known(name):
            raise UnknownMetricError(f'unknown metric "{name}"{did_you_mean(name, METRICS)}')


def wilson_interval(successes: int, episodes: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate (Wilson 1927); z = 1.96: 95%. Without episodes: (0, 1)."""
    if episodes == 0:
        return 0.0, 1.0
    rate = successes / episodes
    # (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n)
    middle = rate + z**2 / (2 * episodes)
    spread = z * sqrt(rate * (1 - rate) / episodes + z**2 / (4 * episodes**2))
    scale = 1 + z**2 / episodes
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mean(numbers: Sequence[float]) -> float:
    """Return the mean of at least one number."""
    return sum(numbers) / len(numbers)


def table() -> str:
    """Return the table of metrics in Markdown."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in METRICS.items()]
    rows.append(f"| `{PER_TASK}<task>` | Success rate of one task in an evaluation. |")
    rows.append(
        f"| `{ROLLOUT_PER_TASK}<task>` | Success rate of one task among the episodes that finished in the iteration; "
        "where they are of several tasks. |"
    )
    return "\n".join(["| metric | definition |", "|---|---|", *rows])


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
