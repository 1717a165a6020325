"""PPO: proximal policy optimization with a value head (Schulman et al. 2017, arXiv:1707.06347).

Axes: T policy steps, N environments, B policy steps that were taken.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat

from vla_trainer.algorithms.algorithm import PolicyGradient, ValueLossSettings
from vla_trainer.algorithms.critic import CriticSettings

if TYPE_CHECKING:
    import numpy as np

    from vla_trainer.algorithms.queues import HorizonOrder
    from vla_trainer.config.schema import Config
    from vla_trainer.rollout.priorities import TaskSampler
    from vla_trainer.types import Batch, Rollout

POLICY_STEPS = 4
"""Of an episode so short that each environment begins no more of them than there are starts."""


class PPO(PolicyGradient):
    """Proximal policy optimization with a value head."""

    name: Literal["ppo"] = "ppo"
    """Chooses PPO."""
    reward_type: Literal["action_level", "chunk_level"] = "chunk_level"
    """What `gamma` counts: policy steps, a chunk's reward being a plain sum; or actions, also inside a chunk. Then
    tokens of actions that were not carried out, because the episode ended before them, are left out."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.99
    """Discount per policy step, or per action where `reward_type` is action_level."""
    lam: Annotated[float, Field(ge=0, le=1)] = 0.95
    """GAE's lambda."""
    critic_lam: Annotated[float, Field(ge=0, le=1)] | None = None
    """Lambda of the returns that values are fitted to (decoupled GAE of VC-PPO, Yuan et al. 2025, arXiv:2503.01491): 1
    fits them to what episodes returned, whatever `lam` makes of them for the policy; null: `lam`."""
    bootstrap_time_limit: bool = True
    """true: an episode that the time limit broke off is worth what the value head says of its last observation, as if
    it went on (Pardo et al. 2018, arXiv:1712.00378). false: it has failed, the limit belongs to the task. With `gamma`
    1 and a reward for success alone a failure costs nothing where this is true."""
    normalize_advantages: bool = True
    """Shift and scale advantages to mean 0 and deviation 1 over the whole batch of an iteration."""
    value_coef: PositiveFloat = 1.0
    """Weight of the value loss."""
    value_clip: PositiveFloat | None = 0.2
    """How far a value may move from the one that acted, in units of return; null: any distance."""
    huber_delta: PositiveFloat | None = 10.0
    """Where the value loss turns from a square to a line; null: never."""
    critic_warmup_iterations: NonNegativeInt = 0
    """First iterations in which only the critic learns."""
    critic: CriticSettings | None = None
    """A critic of the trainer's own in place of the policy's value head, whose keys value_coef, value_clip and
    huber_delta are not read then; null: the value head."""

    has_critic: ClassVar[bool] = True

    @property
    def critic_key(self) -> str | None:
        return None if self.critic is None else self.critic.key

    @property
    def warmup_iterations(self) -> int:
        return self.critic_warmup_iterations if self.critic is None else 0

    @property
    def own_critic(self) -> CriticSettings | None:
        return self.critic

    @property
    def critic_only_iterations(self) -> int:
        return 0 if self.critic is None else self.critic_warmup_iterations

    @property
    def scales_advantages(self) -> bool:
        return self.normalize_advantages

    @property
    def value_loss(self) -> ValueLossSettings | None:
        if self.critic is not None:
            return None
        return ValueLossSettings(self.value_coef, self.value_clip, self.huber_delta)

    def check(self, config: "Config") -> None:
        rollout = config.rollout
        if rollout.horizon is None:
            raise ValueError("rollout.horizon is missing: ppo collects that many policy steps of each environment")
        if rollout.episodes is not None:
            raise ValueError("rollout.episodes is not read by ppo; use rollout.horizon")
        if self.critic_warmup_iterations >= config.trainer.iterations:
            raise ValueError(
                f"algorithm.critic_warmup_iterations={self.critic_warmup_iterations} leaves nothing of "
                f"trainer.iterations={config.trainer.iterations} for the actor"
            )
        if rollout.resample_groups:
            raise ValueError("rollout.resample_groups is not read by ppo, which has no groups")

    def policy_steps(self, config: "Config", episode_length: int | None) -> int | None:
        return None if config.rollout.horizon is None else config.rollout.horizon * config.env.num_envs

    def order(self, config: "Config", tasks: "TaskSampler", rng: "np.random.Generator") -> "HorizonOrder":
        from vla_trainer.algorithms.queues import HorizonOrder

        rollout = config.rollout
        assert rollout.horizon is not None
        if rollout.starts == rollout.task_sampling == "uniform":
            return HorizonOrder(rollout.horizon)
        # where episodes are short, some begin twice at one of these
        count = config.env.num_envs * max(rollout.horizon // POLICY_STEPS, 1)
        return HorizonOrder(rollout.horizon, tasks.draw(rng, count, 0))

    def batch(self, rollout: "Rollout") -> "Batch":
        """GAE over the (T, N) grid; every policy step that was taken is kept.

        With `reward_type` action_level a policy step is as many steps as it carried out actions: its reward is the sum
        of gamma^i r_i over them, and what follows is discounted by gamma to their number. Without
        `bootstrap_time_limit` nothing follows an episode that the time limit broke off.
        """
        import numpy as np
        import torch

        from vla_trainer.advantage.gae import gae
        from vla_trainer.types import Batch

        assert rollout.values is not None
        assert rollout.next_values is not None
        rewards, gamma = rollout.rewards, np.full(rollout.rewards.shape, self.gamma)
        if self.reward_type == "action_level":
            rewards = rollout.action_rewards @ self.gamma ** np.arange(rollout.action_rewards.shape[-1])
            gamma = self.gamma ** rollout.lengths.astype(float)
        terminated, truncated = rollout.terminated, rollout.truncated
        if not self.bootstrap_time_limit:
            terminated, truncated = terminated | truncated, np.zeros_like(truncated)
        steps = (rewards, rollout.values, rollout.next_values, terminated, truncated, gamma)
        advantages, returns = gae(*steps, self.lam)
        if self.critic_lam is not None:
            returns = gae(*steps, self.critic_lam)[1]
        mask = rollout.mask
        return Batch(
            inputs=rollout.inputs,
            tokens=rollout.tokens,
            log_probs=rollout.log_probs,
            advantages=torch.from_numpy(advantages[mask]).float(),
            episode=torch.from_numpy(rollout.episode[mask]),
            lengths=rollout.counted_lengths(self.reward_type),
            values=torch.from_numpy(rollout.values[mask]).float(),
            returns=torch.from_numpy(returns[mask]).float(),
        )
