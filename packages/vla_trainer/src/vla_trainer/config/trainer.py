"""The section `trainer` of a config: how long, how often, where metrics go, and what is done about a collapse."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from vla_trainer.section import Section


class Toggle(Section):
    """One place that metrics go to."""

    enable: bool = True
    """Whether they go there."""


class Wandb(Section):
    """Weights & Biases; needs the extra `wandb`."""

    enable: bool = False
    """Whether metrics go there."""
    project_name: str = "vla-trainer"
    """The project that the run belongs to."""
    experiment_name: str | None = None
    """The run's name; null: recipe and time."""
    mode: Literal["online", "offline"] | None = None
    """offline: write files that `wandb sync` uploads later; null: as WANDB_MODE says, else online."""


class Logger(Section):
    """Where metrics go."""

    console: Toggle = Toggle()
    """A progress bar or a line an iteration, and a table at the end."""
    jsonl: Toggle = Toggle()
    """metrics.jsonl in the run's folder."""
    tensorboard: Toggle = Toggle()
    """tensorboard/ in the run's folder."""
    wandb: Wandb = Wandb()
    """Weights & Biases."""


class Trainer(Section):
    """How long, how often, where to."""

    iterations: PositiveInt = 100
    """Iterations in all, those before a resume included."""
    seed: NonNegativeInt = 0
    """Of weights, initial states and samples; the same seed on the same machine repeats."""
    average_last: PositiveInt | None = None
    """The policy that a run ends with is the mean of the weights after so many last iterations, which has less of the
    noise of single updates. Training and earlier evaluations are as without it. null: the last weights."""
    save_every: PositiveInt | None = None
    """Iterations between checkpoints; the last iteration is always saved."""
    keep_checkpoints: PositiveInt | None = None
    """Newest checkpoints that are kept, besides the best one; null: all."""
    export: Literal["every", "best"] = "every"
    """Which checkpoints also hold the policy as others load it: every one, or the best at its time and the last. All
    hold what a resume and `vla-eval` read."""
    best_metric: str = "eval/success_rate"
    """The metric of the iteration of a save, larger being better, that says which checkpoint is the best."""
    on_collapse: Literal["warn", "stop", "rollback"] = "warn"
    """What is done when a metric leaves its range, see docs/collapse.md. warn prints a line; stop ends the run with
    exit code 1; rollback goes on from the best checkpoint with a smaller learning rate."""
    rollback_lr_factor: Annotated[float, Field(gt=0, lt=1)] | None = None
    """With `on_collapse=rollback`: what each rollback multiplies the learning rates by; null: 0.3."""
    max_rollbacks: PositiveInt | None = None
    """With `on_collapse=rollback`: how many there are before a collapse ends the run; null: 3."""
    baseline_success: Annotated[float, Field(gt=0, le=1)] | None = None
    """Success rate of the policy that training begins with, as an evaluation measured it: the first iterations are
    compared with it; null: only with what the run itself reaches."""
    eval_every: PositiveInt | None = None
    """Iterations between evaluations; null: only at the end, if `eval.episodes` asks for one."""
    logger: Logger = Logger()
    """Where metrics go."""
    threads: PositiveInt | None = None
    """Threads that torch uses; null: torch's own choice."""

    @model_validator(mode="after")
    def _rollback(self) -> "Trainer":
        if self.on_collapse == "rollback":
            if self.save_every is None:
                raise ValueError("on_collapse=rollback needs save_every: else there is no checkpoint to go back to")
            return self
        for key in ("rollback_lr_factor", "max_rollbacks"):
            if getattr(self, key) is not None:
                raise ValueError(f'{key} is not read by on_collapse="{self.on_collapse}"; it is for rollback')
        return self
