"""SFT: supervised fine-tuning on demonstrations."""

import warnings
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, field_validator

from vla_trainer.algorithms.algorithm import AlgorithmSection
from vla_trainer.section import Section

if TYPE_CHECKING:
    from vla_trainer.config.schema import Config


class Augmentation(Section):
    """How images of demonstrations are changed, anew each time they are seen; the published amounts of OpenVLA. The
    cameras of one policy step are changed independently."""

    crop_area: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Move images as a random crop of this share of the area does, edges repeated: a policy that then crops the
    centre, as OpenVLA does, sees exactly a random crop. 1: off."""
    brightness: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Add a random share of full brightness, at most this."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Multiply the distance from the image's mean by 1 - this to 1 + this."""
    saturation: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Multiply the distance from the pixel's grey by 1 - this to 1 + this."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Turn the hue by at most this share of the circle."""


class SFT(AlgorithmSection):
    """Supervised fine-tuning on demonstrations: a Minari dataset of the environment without action chunks."""

    name: Literal["sft"] = "sft"
    """Chooses SFT."""
    dataset: str
    """A Minari id, looked for under MINARI_DATASETS_PATH or ~/.minari/datasets, or a dataset's folder."""
    recorded_by: str | None = None
    """The command that records the dataset; printed where it is missing."""
    episodes_per_task: PositiveInt | None = None
    """Use only the first of each task, where episodes say their task, else of all; null: all."""
    loss: Literal["cross_entropy", "l1"] = "cross_entropy"
    """cross_entropy: of the demonstrated action tokens, mean over them; l1: distance of an L1 head's numbers from the
    demonstrated, in normalized units."""
    optimizer_steps: PositiveInt = 100
    """Optimizer steps of one iteration; batches have `actor.global_batch_size` policy steps."""
    noop_threshold: PositiveFloat | None = None
    """Leave out steps that move nothing: the norm of the action's numbers but the last, the gripper's, is below this,
    and the last is the step's before. OpenVLA: 1e-4, for human demonstrations. null: keep all."""
    imitate: Literal["executed", "intended"] = "executed"
    """executed: the actions as executed. intended: where a dataset has infos["intended_action"], the expert's actions
    without the noise and disturbances that were added. The actions of a chunk that come after a disturbance are left
    out, because nothing that is seen foretells it. Better with many demonstrations of a task, worse with one."""
    target_noise: NonNegativeFloat = 0.0
    """Deviation of noise on demonstrated actions, sampled anew each time they are learned, in units of half the
    distance from the 1% to the 99% quantile of each number. What the policy then samples is that far apart, which
    reinforcement learning learns from."""
    augmentation: Augmentation | None = None
    """Change images; null: show them as they are."""
    loader_threads: PositiveInt = 2
    """Threads that prepare batches ahead of the trainer; does not change the result."""

    uses_rollouts: ClassVar[bool] = False

    @field_validator("imitate", mode="before")
    @classmethod
    def _rename_meant(cls, value: object) -> object:
        if value != "meant":
            return value
        warnings.warn("algorithm.imitate=meant is now algorithm.imitate=intended", FutureWarning, stacklevel=2)
        return "intended"

    def check(self, config: "Config") -> None:
        for name, field in type(config.rollout).model_fields.items():
            if getattr(config.rollout, name) != field.default:
                raise ValueError(f"rollout.{name} is not read by sft, which collects nothing")
        if config.actor.critic_lr is not None:
            raise ValueError("actor.critic_lr is not read by sft, which trains no critic")
        if config.actor.global_batch_size is None:
            raise ValueError(
                "actor.global_batch_size is missing: sft takes an optimizer step on that many policy steps"
            )
        if config.env.get("split") is not None:
            raise ValueError("env.split is not read by sft, whose initial states are the dataset's; see eval.split")
        if config.cluster.backend != "local":
            raise ValueError(f'cluster.backend="{config.cluster.backend}" is not there for sft; allowed: local')

    def policy_steps(self, config: "Config", episode_length: int | None) -> int | None:
        return self.optimizer_steps * (config.actor.global_batch_size or 0)
