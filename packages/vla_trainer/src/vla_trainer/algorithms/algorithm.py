"""What the section `algorithm` of a config offers to the rest of the trainer, whichever algorithm it names.

An algorithm owns its keys, the queue of its episodes and how a rollout becomes a batch. To use one of your own, derive
a class from `PolicyGradient`, `PPO` or `GRPO` in a package of yours and set `algorithm.name` to "module:attribute". To
add one here, write a class beside `PPO` and `GRPO` and name it in `vla_trainer.algorithms.choice`.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from vla_trainer.algorithms.self_imitation import SelfImitationSettings
from vla_trainer.section import Section

if TYPE_CHECKING:
    import numpy as np

    from vla_trainer.algorithms.critic import CriticSettings
    from vla_trainer.algorithms.queues import GroupOrder, HorizonOrder
    from vla_trainer.config.schema import Config
    from vla_trainer.rollout.priorities import TaskSampler
    from vla_trainer.types import Batch, Rollout

Level = Literal["token_level", "action_level", "chunk_level"]
"""What a quantity is about: one token, one action (A tokens) or one policy step (K = C A tokens)."""


class ValueLossSettings(NamedTuple):
    """How an update computes the critic's loss; see `vla_trainer.loss.value_loss`."""

    coef: float
    """Its weight."""
    clip: float | None
    huber_delta: float | None


class AlgorithmSection(Section):
    """What all algorithms share."""

    name: str
    """Chooses the algorithm: ppo, grpo, sft, or module:attribute of a class of your own that derives from
    `vla_trainer.algorithms.PolicyGradient`, `PPO` or `GRPO`."""

    uses_rollouts: ClassVar[bool] = True
    """Whether it learns from rollouts of the policy; if not, from demonstrations."""
    has_critic: ClassVar[bool] = False
    """Whether it trains a value head."""
    has_groups: ClassVar[bool] = False
    """Whether it compares the episodes of a group, which begin in the same state."""

    @property
    def critic_key(self) -> str | None:
        """Key of an observation that the critic alone is given; None where all that is seen is the policy's."""
        return None

    def check(self, config: "Config") -> None:
        """Check the other sections for keys that this algorithm needs or does not read.

        Raises:
            ValueError: one is missing, is not read, or does not fit; the message names it and what is allowed.
        """

    @abstractmethod
    def policy_steps(self, config: "Config", episode_length: int | None) -> int | None:
        """Return the policy steps that an iteration learns from, at most; None if they are not known beforehand.

        Args:
            config: of the run.
            episode_length: policy steps of the longest episode; None if there is no limit.
        """

    def describe_rollout(self, config: "Config") -> list[str]:
        """Return in words which episodes an iteration collects; nothing where it counts policy steps alone."""
        return []

    def explain_no_variance(self, config: "Config") -> tuple[str, str] | None:
        """Return in words why an iteration without informative groups learned nothing, and what to do about it; None
        where there are no groups."""
        return None


class PolicyGradient(AlgorithmSection):
    """What PPO and GRPO share."""

    clip_low: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The ratio's trust interval begins at 1 - clip_low."""
    clip_high: PositiveFloat = 0.28
    """The ratio's trust interval ends at 1 + clip_high ("clip-higher", DAPO)."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """For a negative advantage the loss is at most -dual_clip times it; null: off."""
    logprob_type: Level = "token_level"
    """What one probability ratio spans: a token, the A tokens of one action, or all K tokens of a chunk."""
    ratio: Literal["product", "geometric_mean"] = "product"
    """A ratio of several tokens: the product of theirs, or their geometric mean, as in GSPO, whose clip is far smaller
    (some 3e-4 and 4e-4)."""
    entropy_type: Level = "token_level"
    """What `entropy_coef` weighs the entropy of: a token, an action (its tokens' sum) or a chunk."""
    aggregate: Literal["token-mean", "episode-mean"] = "token-mean"
    """Mean over tokens, or over episodes of each episode's token mean."""
    epochs: PositiveInt = 1
    """Passes over an iteration's batch, each in a new order."""
    target_kl: PositiveFloat | None = None
    """End an iteration's update before the first optimizer step whose approx_kl is above it; null: never."""
    entropy_coef: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the entropy bonus."""
    kl_coef: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the KL divergence from the policy that the run began with, mean over tokens; 0: none is kept."""
    self_imitation: SelfImitationSettings | None = None
    """Imitate the policy's own recent successes beside the policy gradient; null: do not."""

    @model_validator(mode="after")
    def _ratio_of_several_tokens(self) -> "PolicyGradient":
        if self.ratio == "geometric_mean" and self.logprob_type == "token_level":
            raise ValueError(
                "ratio=geometric_mean is that of one token with logprob_type=token_level; "
                "allowed: action_level, chunk_level"
            )
        return self

    @property
    def warmup_iterations(self) -> int:
        """First iterations in which of the policy only the value head learns."""
        return 0

    @property
    def own_critic(self) -> "CriticSettings | None":
        """The keys of a critic of the trainer's own; None where there is none."""
        return None

    @property
    def critic_only_iterations(self) -> int:
        """First iterations in which a critic of the trainer's own learns, and the policy does not."""
        return 0

    @property
    def scales_advantages(self) -> bool:
        """Whether an update shifts and scales the advantages of its whole batch."""
        return False

    @property
    def value_loss(self) -> ValueLossSettings | None:
        """The critic's loss; None without a critic."""
        return None

    @abstractmethod
    def order(self, config: "Config", tasks: "TaskSampler", rng: "np.random.Generator") -> "HorizonOrder | GroupOrder":
        """Return which episodes an iteration collects.

        Args:
            config: of the run.
            tasks: draws tasks and their initial states.
            rng: of the run's initial states.
        """

    @abstractmethod
    def batch(self, rollout: "Rollout") -> "Batch":
        """Return what an update learns from a rollout: each policy step's advantage, and the critic's targets."""
