"""What `algorithm` may say: each algorithm has its own keys, and a key of the other one is an error."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from vla_trainer.config.section import Ascending, Section

Level = Literal["token_level", "action_level", "chunk_level"]
"""What a quantity is about: one token, one action (A tokens) or one policy step (K = C A tokens)."""


class PolicyGradient(Section):
    """What PPO and GRPO share."""

    clip_low: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The ratio's trust interval begins at 1 - clip_low."""
    clip_high: PositiveFloat = 0.28
    """The ratio's trust interval ends at 1 + clip_high ("clip-higher", DAPO)."""
    dual_clip: Annotated[float, Field(gt=1)] | None = 3.0
    """For a negative advantage the loss is at most -dual_clip times it; null: off."""
    logprob_type: Level = "token_level"
    """What one probability ratio spans: a token, the A tokens of one action, or all K tokens of a chunk."""
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


class PPO(PolicyGradient):
    """Proximal policy optimization with a value head."""

    name: Literal["ppo"] = "ppo"
    """Chooses PPO."""
    reward_type: Literal["action_level", "chunk_level"] = "chunk_level"
    """What `gamma` counts: policy steps, a chunk's reward being a plain sum; or actions, also inside a chunk, and
    tokens of actions that were not carried out, because the episode ended before them, are left out."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.99
    """Discount per policy step, or per action where `reward_type` is action_level."""
    lam: Annotated[float, Field(ge=0, le=1)] = 0.95
    """GAE's lambda."""
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


class GRPO(PolicyGradient):
    """Group-relative policy optimization: no value head; an episode is compared with those of the same start."""

    name: Literal["grpo"] = "grpo"
    """Chooses GRPO."""
    reward_type: Literal["action_level", "chunk_level"] = "action_level"
    """action_level leaves out the tokens of actions that were not carried out, because the episode ended before them;
    chunk_level lets a policy step's tokens count whole."""
    group_size: Annotated[int, Field(ge=2)] = 8
    """G, episodes of one start."""
    keep_mean_return: Annotated[tuple[float, float], Field(strict=False), Ascending] | None = None
    """Drop groups whose mean return is outside [low, high], besides those without any difference; null: keep."""


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


class SFT(Section):
    """Supervised fine-tuning on demonstrations: a Minari dataset of the environment without action chunks."""

    name: Literal["sft"] = "sft"
    """Chooses SFT."""
    dataset: str
    """A Minari id, looked for under MINARI_DATASETS_PATH or ~/.minari/datasets, or a dataset's folder."""
    recorded_by: str | None = None
    """The command that records the dataset; said where it is missing."""
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
    imitate: Literal["executed", "meant"] = "executed"
    """executed: what was done. meant: where a dataset has infos["meant_action"], what its expert meant to do, without
    the disturbances that were added; the actions of a chunk that come after a disturbance are left out, as nobody could
    foresee it. Better with many demonstrations of a task, worse with one."""
    target_noise: NonNegativeFloat = 0.0
    """Deviation of noise on demonstrated actions, drawn anew each time they are learned, in units of half the distance
    from the 1% to the 99% quantile of each number. What the policy then samples is that far apart, which reinforcement
    learning learns from."""
    augmentation: Augmentation | None = None
    """Change images; null: show them as they are."""
    loader_threads: PositiveInt = 2
    """Threads that prepare batches ahead of the trainer; does not change the result."""


RL = PPO | GRPO
"""Algorithms that learn from rollouts."""

Algorithm = Annotated[PPO | GRPO | SFT, Field(discriminator="name")]
