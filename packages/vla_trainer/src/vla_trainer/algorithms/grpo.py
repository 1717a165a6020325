"""GRPO: group-relative policy optimization (Shao et al. 2024, arXiv:2402.03300).

Axes: M episodes, G episodes of a group, B policy steps that were taken.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from vla_trainer.algorithms.algorithm import PolicyGradient
from vla_trainer.section import Ascending

if TYPE_CHECKING:
    import numpy as np

    from vla_trainer.algorithms.queues import GroupOrder
    from vla_trainer.config.schema import Config
    from vla_trainer.rollout.priorities import TaskSampler
    from vla_trainer.types import Batch, Rollout


class GRPO(PolicyGradient):
    """Group-relative policy optimization: no value head; an episode is compared with those of the same start."""

    name: Literal["grpo"] = "grpo"
    """Chooses GRPO."""
    reward_type: Literal["action_level", "chunk_level"] = "action_level"
    """action_level leaves out the tokens of actions that were not carried out, because the episode ended before them;
    chunk_level lets a policy step's tokens count whole."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """G, episodes of one start."""
    group_advantage: Literal["grpo", "dr_grpo", "rloo"] = "grpo"
    """How an episode is compared with its group: grpo, (S - mean) / std; dr_grpo, S - mean; rloo, S - mean of the
    others."""
    keep_mean_return: Annotated[tuple[float, float], Field(strict=False), Ascending] | None = None
    """Drop groups whose mean return is outside [low, high], besides those without any difference; null: keep."""

    has_groups: ClassVar[bool] = True

    def check(self, config: "Config") -> None:
        rollout = config.rollout
        if rollout.episodes is None:
            raise ValueError("rollout.episodes is missing: grpo collects that many episodes")
        if rollout.horizon is not None:
            raise ValueError("rollout.horizon is not read by grpo; use rollout.episodes")
        if rollout.episodes % self.group_size:
            raise ValueError(
                f"rollout.episodes={rollout.episodes} is not a multiple of algorithm.group_size={self.group_size}"
            )
        if config.actor.critic_lr is not None:
            raise ValueError("actor.critic_lr is not read by grpo, which has no critic")
        self._check_kept_groups(config)

    def _check_kept_groups(self, config: "Config") -> None:
        """A group that has variance succeeds sometimes: where success alone counts its mean is in (0, reward_scale)."""
        kept, scale = self.keep_mean_return, config.env.get("reward_scale")
        if kept is None or not isinstance(scale, (int, float)) or config.env.get("reward") not in (None, "sparse"):
            return
        if kept[0] >= scale or kept[1] <= 0:
            raise ValueError(
                f"algorithm.keep_mean_return=[{kept[0]:g}, {kept[1]:g}] keeps no group: with "
                f"env.reward_scale={scale:g} mean returns are between 0 and {scale:g}"
            )

    def policy_steps(self, config: "Config", episode_length: int | None) -> int | None:
        if config.rollout.episodes is None or episode_length is None:
            return None
        return (config.rollout.episodes + config.rollout.resample_groups * self.group_size) * episode_length

    def describe_rollout(self, config: "Config") -> list[str]:
        episodes, more = config.rollout.episodes or 0, config.rollout.resample_groups
        parts = [f"{episodes} episodes ({episodes // self.group_size} groups of {self.group_size})"]
        return [*parts, f"at most {more} more groups in place of groups without variance"] if more else parts

    def explain_no_variance(self, config: "Config") -> tuple[str, str]:
        kept = "" if self.keep_mean_return is None else " whose mean is inside algorithm.keep_mean_return"
        return (
            f"no group{kept} has variance",
            f"episodes of one initial state must end differently: raise algorithm.group_size (now {self.group_size}), "
            f"rollout.temperature ({config.rollout.temperature:g}) or "
            f"rollout.resample_groups ({config.rollout.resample_groups}), or begin with a policy that succeeds "
            "sometimes",
        )

    def order(self, config: "Config", tasks: "TaskSampler", rng: "np.random.Generator") -> "GroupOrder":
        from vla_trainer.algorithms.queues import GroupOrder

        assert config.rollout.episodes is not None
        groups = config.rollout.episodes // self.group_size
        return GroupOrder(
            tasks.draw(rng, groups, config.rollout.resample_groups),
            groups=groups,
            group_size=self.group_size,
            seed=int(rng.integers(2**31)),
            keep_mean_return=self.keep_mean_return,
            reward_type=self.reward_type,
            group_advantage=self.group_advantage,
        )

    def batch(self, rollout: "Rollout") -> "Batch":
        """An episode's advantage over its group for each of its policy steps; groups without variance are left out.

        The batch is in the order of the episodes' numbers, each episode's policy steps in the order in which they were
        taken: which environment it ran in, and beside what, changes nothing.
        """
        import numpy as np
        import torch

        from vla_trainer.advantage.grpo import GROUP_ADVANTAGES, has_variance
        from vla_trainer.types import Batch

        episodes = [rollout.episodes[number] for number in range(len(rollout.episodes))]
        returns = np.array([episode.episode_return for episode in episodes])
        group = np.array([episode.group for episode in episodes], dtype=np.int64)
        advantages, informative = GROUP_ADVANTAGES[self.group_advantage](returns, group)
        keep_mean = self.keep_mean_return
        informative &= np.array([has_variance(returns[group == number], keep_mean) for number in group], dtype=bool)
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
            group=torch.from_numpy(group[kept_episode]),
            lengths=rollout.counted_lengths(self.reward_type)[keep],
            informative_groups=float(informative.mean()),
        )
