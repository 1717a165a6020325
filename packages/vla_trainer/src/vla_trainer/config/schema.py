"""Define the sections of a config, their keys and defaults; docs/config.md is made from the docstrings here."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from vla_trainer.algorithms import SFT, Algorithm, PolicyGradient
from vla_trainer.config.cluster import Cluster
from vla_trainer.config.environment import class_metadata, takes_split
from vla_trainer.config.plan import Plan
from vla_trainer.config.trainer import Trainer
from vla_trainer.errors import did_you_mean
from vla_trainer.metrics import METRICS, is_score
from vla_trainer.named_object import PATTERN
from vla_trainer.section import Ascending, Decay, NotBoolean, Section, Temperature


class Env(Section):
    """The environment: these keys, and whatever keyword arguments it takes, as `task` or `image_size`.

    Null stands for the environment's own default. `python -m vla_trainer.config.reference ID` lists the arguments of an
    environment.
    """

    model_config = ConfigDict(extra="allow")

    id: str
    """What `gymnasium.make_vec` takes, e.g. Pendulum-v1; "module:id" imports the module that registers it."""
    num_envs: PositiveInt = 8
    """N, environments that step together."""
    max_episode_steps: PositiveInt | None = None
    """Environment steps until the time limit; null: as registered."""

    @property
    def name(self) -> str:
        """The id without its module."""
        return self.id.rpartition(":")[2]

    def get(self, argument: str) -> Any:
        """Return the value of a keyword argument of the environment; None where the config gives none."""
        return (self.model_extra or {}).get(argument)

    def positive(self, argument: str) -> int | None:
        """Return a keyword argument that is a positive integer; None where it is not, or is not given."""
        value = self.get(argument)
        return value if type(value) is int and value > 0 else None

    def make_kwargs(self) -> dict[str, Any]:
        """Return what is passed to `gymnasium.make_vec` by name."""
        given = {"max_episode_steps": self.max_episode_steps, **(self.model_extra or {})}
        return {name: value for name, value in given.items() if value is not None}


class Lora(Section):
    """Low-rank adapters."""

    rank: PositiveInt = 32
    """Rank of each adapter."""
    alpha: PositiveInt | None = None
    """Scale times rank; null: the policy's default."""


class PolicyConfig(Section):
    """The policy."""

    factory: Annotated[str, Field(pattern=PATTERN)]
    """module:attribute of a callable (observation_space, action_space, **kwargs) -> policy; spaces of one env."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """What else the factory is called with."""
    checkpoint: str | None = None
    """A folder run/checkpoints/step_NNNNNN of this trainer, whose weights are loaded into the policy that `factory` has
    made. Not a published model: what that is made from is an argument of the factory, e.g. `policy.kwargs.path`."""
    lora: Lora | None = None
    """Train low-rank adapters and freeze the rest, where the policy takes `lora`; null: train everything."""
    gradient_checkpointing: bool | Literal["selective"] = False
    """Compute activations again in the backward pass instead of keeping them; needs a policy that can. selective: only
    what is cheap to compute; outputs of matrix products and of attention are kept."""
    compile: Literal["blocks"] | None = None
    """blocks: compile transformer blocks one by one with torch.compile, which takes a minute at the first iteration;
    needs a policy that can, and a C compiler on machines with GPUs. null: nothing is compiled."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: compute under autocast, both when acting and when learning; in several processes also with a network's
    blocks in bfloat16. Weights that learn and the optimizer stay as they are."""
    export_dtype: Literal["fp32", "bf16"] | None = None
    """The type that checkpoints hold the policy in as others load it, where its `save_pretrained` takes `dtype`; null:
    that of its weights. A resume reads the exact weights beside it."""
    device: str = "auto"
    """Where the policy computes: auto (a GPU if there is one), cpu, cuda, cuda:1."""
    threads: PositiveInt = 1
    """Threads of a process that share the observations of a policy step and the micro-batches of an update among
    themselves, with `trainer.threads=1`; where the policy is on a GPU, one. Torch's own threads divide single matrix
    products and stall where another program uses a core. Gradients do not depend on it, samples only by rounding."""


class RolloutConfig(Section):
    """How much is collected for one iteration."""

    horizon: PositiveInt | None = None
    """PPO: T, policy steps of each environment; episodes go on from one iteration to the next."""
    episodes: PositiveInt | None = None
    """GRPO: episodes in all; a multiple of `algorithm.group_size`."""
    resample_groups: NonNegativeInt = 0
    """GRPO, dynamic sampling (DAPO): at most this many further groups an iteration, each in the place of one without
    signal; 0: an iteration learns from the groups that have one."""
    task_sampling: Literal["uniform", "prioritized"] = "uniform"
    """uniform draws the task of each group (PPO: episode) by itself; prioritized draws a task in proportion to 1 - its
    success rate among its last 64 episodes (Kimi k1.5), at least 0.2, and deals the groups out evenly; for environments
    that list their tasks and report success."""
    starts: Literal["uniform", "prioritized", "curriculum", "branching"] = "uniform"
    """uniform draws an initial state of the task by itself; prioritized draws one in proportion to p (1 - p), the
    variance of success in it so far, so that groups end differently more often. The others begin a share of the groups
    (PPO: episodes) in the middle of earlier episodes, where the environment can save its state. Those of curriculum lie
    along own successes, near their ends at first, and move to the true start as success rises. Those of branching lie
    anywhere in the episodes of the iteration before, so that a group continues one state in G ways (VinePPO)."""
    saved_start_share: Annotated[float, Field(gt=0, le=1)] | None = None
    """curriculum, branching: share of the groups (PPO: episodes) that begin in the middle of earlier episodes; null:
    half."""
    temperature: Temperature = 1.0
    """Divides the logits, both when actions are sampled and when they are scored."""
    temperature_final: Temperature | None = None
    """What the temperature moves to on a line, iteration by iteration, by the end of the last one; null: it stays."""
    chunk_correlation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Correlation of the sampled noise of two actions of a chunk: what is tried then lasts for the whole chunk, while
    independent noise mostly cancels out. Each action's own distribution stays as it is; 0: independent."""
    pipeline_stage_num: Annotated[Literal[1, 2], NotBoolean] = 1
    """2: the environments are two halves; one steps while the policy looks at the other."""
    max_staleness: Annotated[Literal[0, 1], NotBoolean] = 0
    """1: while an iteration is learned from, the next is collected already, with the weights of before ("one step
    off-policy"); for actor processes that do not act. 0: what is learned from was sampled with the present weights."""
    importance_cap: Annotated[float, Field(ge=1)] | None = None
    """With `max_staleness=1`: what older weights sampled counts by its probability under the weights that an update
    begins with over that under the older ones, at most this much; null: 2."""

    @model_validator(mode="after")
    def _share_of_saved_starts(self) -> "RolloutConfig":
        if self.saved_start_share is not None and not self.saves_states:
            raise ValueError(
                f"saved_start_share={self.saved_start_share:g} is read with starts=curriculum or branching alone; "
                f"starts={self.starts} begins no episode at a saved state"
            )
        return self

    @property
    def saves_states(self) -> bool:
        """Whether episodes keep the states that others may begin in."""
        return self.starts in ("curriculum", "branching")


class Actor(Section):
    """The optimizer (AdamW) and how a batch is cut."""

    lr: PositiveFloat = 1e-5
    """Learning rate."""
    lr_schedule: Literal["constant", "linear", "cosine", "adaptive"] = "constant"
    """How both learning rates fall, iteration by iteration, towards `lr_final_fraction` after the last one; adaptive:
    they rise and fall so that updates move the policy by `update_kl`."""
    update_kl: PositiveFloat | None = None
    """With lr_schedule=adaptive: KL of the policy after an iteration's update from the one that acted, as
    `actor/update_kl` measures it. Some 0.005 to 0.06."""
    undo_above: Annotated[float, Field(gt=1)] | None = None
    """With lr_schedule=adaptive: an update that moves the policy by more than so many times `update_kl` is undone, and
    the rates halved; keeps a copy of what is trained. null: none is."""
    lr_final_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """What a falling schedule goes towards, as a fraction of the learning rate; null: 0."""
    lr_warmup_iterations: NonNegativeInt = 0
    """Iterations over which both learning rates rise linearly."""
    critic_lr: PositiveFloat | None = None
    """PPO: learning rate of the parameters that the policy calls "critic"; null: `lr`."""
    betas: Annotated[tuple[Decay, Decay], Field(strict=False), Ascending] = (0.9, 0.999)
    """AdamW's decays of the first and second moment."""
    eps: PositiveFloat = 1e-8
    """AdamW's."""
    weight_decay: NonNegativeFloat = 0.0
    """AdamW's."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are scaled down to this norm."""
    max_skipped_steps: PositiveInt = 5
    """End the run after this many optimizer steps in a row, over iterations, that were skipped: a step is where its
    gradient norm or its loss is not finite."""
    global_batch_size: PositiveInt | None = None
    """Policy steps of one optimizer step, at most; a batch is cut into equal parts. null: the whole batch."""
    batch_order: Literal["shuffled", "groups"] = "shuffled"
    """groups: the first epoch takes whole groups one after the other, a step as soon as they have `global_batch_size`
    policy steps. So actor processes that do not act begin while other groups are still running. For grpo."""
    micro_batch_size: PositiveInt = 64
    """Policy steps that are in memory together; does not change the result. On several ranks, of each."""
    gradient_sync: Literal["micro_batch", "step"] = "micro_batch"
    """When several actor processes sum their gradients: after each micro-batch, or once an optimizer step. step sends
    less, but each process then holds the gradients of all trained weights, 4 bytes each: little with `policy.lora`."""
    keep_gathered: bool = False
    """Several actor processes: keep weights gathered over the micro-batches of an optimizer step, not gather each block
    twice a micro-batch. Each process then holds the whole network as it is computed, 2 bytes a weight in bf16."""
    shard_over: Literal["all", "node"] = "all"
    """What several actor processes spread weights and moments over: all of them; or those of a node, so that each node
    has a copy (hybrid sharding). node gathers within nodes alone and sums gradients between nodes once a step; it
    needs as many actor processes on each node."""
    offload: bool = False
    """Keep weights, gradients and AdamW's moments in the host's memory, and step there: slower, for policies that GPUs
    cannot hold; needs a backend that shards. Nothing changes where the policy computes on processors."""


class Eval(Section):
    """Evaluation, in environments of its own: those of `env`, but for the keyword arguments that stand here, too.

    Null stands for the environment's own default, whatever `env` says.
    """

    model_config = ConfigDict(extra="allow")

    episodes: PositiveInt | None = None
    """Episodes; null: none while training, and for `vla-eval` every initial state of `eval.split` once."""
    split: str | None = None
    """Which initial states, where the environment takes `split`; null: eval, the published ones."""
    num_envs: PositiveInt | None = None
    """Environments that step together; null: `env.num_envs`."""
    deterministic: bool = True
    """Take the most probable action, or what else the policy takes for certain; false: sample."""
    temperature: Temperature = 1.0
    """Divides the logits, where actions are sampled."""
    max_episode_steps: PositiveInt | None = None
    """Environment steps until the time limit; null: `env.max_episode_steps`."""


class VideoConfig(Section):
    """Videos of episodes."""

    save_video: bool = True
    """Write mp4 files."""
    info_on_video: bool = True
    """Write instruction, step, reward and success under the image."""
    video_base_dir: str | None = None
    """Folder for train/ and eval/; null: video/ in the run's folder."""
    beside: str | None = None
    """Folder of another run, e.g. of the SFT that this one begins with: videos of evaluations from the same initial
    state are written once more in beside/, that run's at the left. null: none are."""
    every: PositiveInt = 10
    """Iterations from one video of training to the next."""
    episodes: PositiveInt = 1
    """Episodes that are recorded each time."""
    failures: NonNegativeInt = 4
    """Failed episodes of an evaluation that are recorded, as far as there are any."""
    layout: Literal["single", "tiled"] = "single"
    """A video for each episode, or all of them side by side in one."""
    max_frames: PositiveInt = 2000
    """Images of an episode that are kept; a longer one is recorded to there."""


class Config(Section):
    """A run."""

    algorithm: Algorithm
    env: Env
    policy: PolicyConfig
    rollout: RolloutConfig = RolloutConfig()
    actor: Actor = Actor()
    trainer: Trainer = Trainer()
    eval: Eval = Eval()
    video_cfg: VideoConfig = VideoConfig()
    cluster: Cluster = Cluster()
    plan: Plan = Plan()
    output_dir: str | None = None
    """The run's folder; null: logs/<recipe>/<time>."""
    notice: str | None = None
    """Printed at the start of a run and written into its results, besides the trainer's own notices."""

    @model_validator(mode="after")
    def _every_key_is_read(self) -> "Config":
        """A key that the chosen algorithm does not read is an error."""
        self.algorithm.check(self)
        self._check_overlap()
        for key in ("offload", "keep_gathered", "shard_over"):
            default = Actor.model_fields[key].default
            if getattr(self.actor, key) != default and self.cluster.backend == "local":
                raise ValueError(f'actor.{key} is not read by cluster.backend="local", which does not shard the policy')
        if self.policy.threads > 1 and self.trainer.threads != 1:
            raise ValueError(
                f"policy.threads={self.policy.threads} needs trainer.threads=1: torch's own threads would be on the "
                "same cores"
            )
        if self.env.num_envs % self.rollout.pipeline_stage_num:
            raise ValueError(
                f"env.num_envs={self.env.num_envs} is not a multiple of "
                f"rollout.pipeline_stage_num={self.rollout.pipeline_stage_num}"
            )
        if self.actor.lr_warmup_iterations >= self.trainer.iterations and self.actor.lr_warmup_iterations > 0:
            raise ValueError(
                f"actor.lr_warmup_iterations={self.actor.lr_warmup_iterations} leaves nothing of "
                f"trainer.iterations={self.trainer.iterations}"
            )
        adaptive = self.actor.lr_schedule == "adaptive"
        if adaptive and self.actor.update_kl is None:
            raise ValueError('actor.lr_schedule="adaptive" needs actor.update_kl, some 0.005 to 0.06')
        if adaptive and not self.algorithm.uses_rollouts:
            raise ValueError(f'actor.lr_schedule="adaptive" is not read by {self.algorithm.name}, which has no KL')
        for key in ("update_kl", "undo_above"):
            if not adaptive and getattr(self.actor, key) is not None:
                raise ValueError(f'actor.{key} is not read by lr_schedule="{self.actor.lr_schedule}"')
        if adaptive and self.actor.lr_final_fraction is not None:
            raise ValueError('actor.lr_final_fraction is not read by lr_schedule="adaptive"')
        if self.actor.lr_schedule == "constant" and self.actor.lr_final_fraction is not None:
            raise ValueError('actor.lr_final_fraction is not read by lr_schedule="constant"')
        if self.eval.deterministic and self.eval.temperature != 1.0:
            raise ValueError(
                f"eval.temperature={self.eval.temperature:g} is not read by eval.deterministic=true, which takes the "
                "most probable action"
            )
        if self.trainer.eval_every is not None and self.eval.episodes is None:
            raise ValueError("trainer.eval_every needs eval.episodes")
        if not is_score(metric := self.trainer.best_metric):
            raise ValueError(f'trainer.best_metric="{metric}"{did_you_mean(metric, filter(is_score, METRICS))}')
        return self

    def _check_overlap(self) -> None:
        """Of collecting and learning."""
        if self.actor.batch_order == "groups":
            if ":" in self.algorithm.name:
                raise ValueError(
                    f'actor.batch_order="groups" is not read by {self.algorithm.name}: grpo alone makes a batch of the '
                    "groups that have ended"
                )
            if not self.algorithm.has_groups:
                raise ValueError(
                    f'actor.batch_order="groups" is not read by {self.algorithm.name}, which has no groups'
                )
            if self.actor.global_batch_size is None:
                raise ValueError(
                    'actor.batch_order="groups" needs actor.global_batch_size: a step of all waits for all'
                )
            if self.policy_gradient.self_imitation is not None:
                raise ValueError(
                    'actor.batch_order="groups" takes steps before it is known which episodes succeeded; '
                    "with algorithm.self_imitation allowed: shuffled"
                )
        if self.rollout.importance_cap is not None and not self.rollout.max_staleness:
            raise ValueError("rollout.importance_cap is not read by rollout.max_staleness=0, where no sample is older")
        if not self.rollout.max_staleness:
            return
        if self.cluster.backend == "local":
            raise ValueError(
                'rollout.max_staleness=1 is not read by cluster.backend="local", which acts and learns in one process'
            )
        if self.actor.batch_order == "groups":
            raise ValueError(
                'rollout.max_staleness=1 with actor.batch_order="groups": when an update begins, all groups are there; '
                "give one of the two"
            )

    @property
    def policy_gradient(self) -> PolicyGradient:
        """The algorithm's section, of one that learns from rollouts."""
        assert isinstance(self.algorithm, PolicyGradient)
        return self.algorithm

    @property
    def sft(self) -> SFT:
        """The algorithm's section, of supervised fine-tuning."""
        assert isinstance(self.algorithm, SFT)
        return self.algorithm

    def evaluated(self, argument: str) -> Any:
        """Return the value of a keyword argument of the environment in evaluations; None where none is given."""
        return (self.eval.model_extra or {}).get(argument, self.env.get(argument))

    def notices(self) -> list[str]:
        """Return what has to be said with every result of this run."""
        notices = [self.notice] if self.notice else []
        for argument, sentences in class_metadata(self.env.id).get("notices", {}).items():
            notices += [sentence for value, sentence in sentences.items() if value == self.env.get(argument)]
        if self.rollout.saves_states:
            notices.append(
                f"training began episodes at states that the simulator had saved in earlier ones "
                f"(rollout.starts={self.rollout.starts}); a robot cannot"
            )
        split = self.env.get("split")
        if not self.algorithm.uses_rollouts:
            notices.append(f"demonstrations: {self.sft.dataset}")
        elif split is not None or takes_split(self.env.id):
            trained, evaluated = split or "train", self.eval.split or "eval"
            apart = {trained, evaluated} == {"train", "eval"}
            notices.append(
                f'initial states: "{trained}" for training, "{evaluated}" for evaluation'
                + (", which have none in common." if apart else ": evaluation uses states that training uses.")
            )
        return notices

    def evaluation_notices(self) -> list[str]:
        """Return what has to be said with an evaluation, besides `notices`: in what it is not that of all tasks."""
        notices = []
        if (task := self.evaluated("task")) is not None:
            key = "eval" if "task" in (self.eval.model_extra or {}) else "env"
            notices.append(f"tasks: {key}.task={task}, not all of the suite")
        key = "env" if self.eval.max_episode_steps is None else "eval"
        limit = self.eval.max_episode_steps or self.env.max_episode_steps
        if limit is not None:
            notices.append(f"time limit: {limit} steps, from {key}.max_episode_steps; null is the environment's own")
        return notices
