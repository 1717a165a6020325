"""What can be wrong with what a user gave: each error names the value and what is allowed."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TrainerError(ValueError):
    """Base of the errors of this package; commands print one as a single line and leave with its exit code.

    Way out: catch it to catch all of the package's errors; each message names the value and what is allowed.
    """

    exit_code = 2
    """What the user gave is at fault."""


class ConfigError(TrainerError):
    """A key or a value of a recipe or an override is not allowed.

    Way out: take the key or value that the message suggests; docs/config.md lists all.
    """


class UnknownRecipeError(TrainerError):
    """No recipe has this name, and no file has this path.

    Way out: `vla-train --help` lists the recipes; a path to your own ends in `.yaml`.
    """


class EnvError(TrainerError):
    """The environment cannot be made, or lacks something that the trainer needs.

    Way out: install or import what registers `env.id`; `python -m vla_trainer.config.reference ID` lists its keys.
    """


class PolicyError(TrainerError):
    """The policy cannot be made, or lacks something that the algorithm needs.

    Way out: correct `policy.factory` or `policy.kwargs`; `vla_trainer.protocols.Policy` says what a policy has.
    """


class PolicyNumbersError(PolicyError, FloatingPointError):
    """What a policy computed is not finite. Other policies may raise any FloatingPointError for it.

    Way out: lower the learning rate, or go back to a checkpoint from before.
    """


class ShapeError(TrainerError):
    """Arrays that belong together differ in shape.

    Way out: give arrays of the shapes that the message names.
    """


class UnknownMetricError(TrainerError):
    """A metric is not in the table of `metrics.py`.

    Way out: take a metric of docs/metrics.md.
    """


class CheckpointError(TrainerError):
    """A run or a checkpoint cannot be found or does not fit.

    Way out: give the folder of a run or of a checkpoint; where it is damaged, resume the older one that is named.
    """


class RunFolderError(TrainerError):
    """A run's folder is in use, cannot be made, cannot be written, or the disk is full.

    Way out: end the other process, free the disk, or choose another `output_dir`.
    """


class RunLostError(TrainerError):
    """While a run was going on, its folder was removed or could not be written any more.

    Way out: do not move or remove a run's folder while it goes on; `--resume` goes on from what is left.
    """

    exit_code = 1
    """Nothing that the user typed is at fault."""


class DamagedRunError(TrainerError):
    """A file that a run wrote is damaged; names the file and the line.

    Way out: remove the line that is named, or the folder of that run, which is then run again.
    """


class ReportError(TrainerError):
    """A report cannot be written: a folder holds no run, or the report does not fit its limit.

    Way out: give folders of runs; raise `--max-mb` or leave videos out.
    """


class LoggerError(TrainerError):
    """A place that metrics should go to cannot be opened.

    Way out: switch that logger off, or do what the message says; `trainer.logger.wandb.mode=offline` needs no
    network.
    """


class ComparisonError(TrainerError):
    """Two results are not of the same episodes.

    Way out: evaluate both on the same tasks, states and seeds: the same `eval` keys.
    """


class SweepError(TrainerError):
    """A sweep cannot go on where another one was, or what it has done already is damaged.

    Way out: give another `output_dir`, or the same values and weights as before.
    """


class AblationError(TrainerError):
    """An ablation cannot go on: a run in its folder is of another config, or damaged.

    Way out: give another `output_dir`, or the same points and seeds as before.
    """


class BackendError(TrainerError):
    """The backend is unknown or not available here.

    Way out: install the extra that is named; allowed are `local` and `ray`.
    """


class ProcessLostError(BackendError):
    """A process of the `ray` backend has died; what it was doing is lost, checkpoints are not.

    Way out: `vla-train --resume RUN`; read the message for the machine and the usual causes, memory first.
    """

    run: "Path | None" = None
    """The folder of the run that was broken off, once there is one."""


class TrainingDivergedError(TrainerError):
    """Training has gone wrong: numbers that are not finite, or a collapse that the run was told to stop at.

    Way out: resume the checkpoint that is named with a lower `actor.lr`; check rewards for NaN.
    """

    exit_code = 1
    """Nothing that the user typed is at fault."""


class CollapseError(TrainingDivergedError):
    """The run has left the range of its beginning, and `trainer.on_collapse` ends it; names the checkpoint to use.

    Way out: read the line about the metric first, then resume the checkpoint that is named with a change.
    """


class PlacementError(TrainerError):
    """A `component_placement` does not follow the grammar or does not fit the machines.

    Way out: the message names the segment and what is allowed; docs/placement.md has the grammar.
    """


class MeasurementError(TrainerError):
    """Measured times are missing, damaged, or not enough to predict from.

    Way out: measure again, or leave `plan.times` out, so that the recipe's own speeds are taken.
    """


class DatasetError(TrainerError):
    """A dataset of demonstrations is missing, damaged, or of something else than the environment.

    Way out: record the dataset: the message has the command; or choose the environment that it is of.
    """


class MissingExtraError(TrainerError):
    """An optional dependency is not installed.

    Way out: run the `pip install` line of the message.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; install it with: pip install "vla-trainer[{extra}]"')


def did_you_mean(value: str, allowed: Iterable[str], known: Sequence[str] = ()) -> str:
    """`; did you mean "x"? allowed: a, b, x`, for the end of an error message.

    Args:
        value: what was given.
        allowed: what may be given.
        known: what `value` stands for, if that is known; else the most similar of `allowed` is suggested, if one is.
    """
    names = sorted(allowed)
    close = list(known) or get_close_matches(value, names, n=1, cutoff=0.5)
    quoted = " or ".join(f'"{name}"' for name in close)
    guess = f"; did you mean {quoted}?" if close else ";"
    return f"{guess} allowed: {', '.join(names)}"
