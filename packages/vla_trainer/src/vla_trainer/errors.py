"""What can be wrong with what a user gave: each error names the value and what is allowed."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class TrainerError(ValueError):
    """Base of the errors of this package; commands print one as a single line and leave with its exit code."""

    exit_code = 2
    """What the user gave is at fault."""


class ConfigError(TrainerError):
    """A key or a value of a recipe or an override is not allowed."""


class UnknownRecipeError(TrainerError):
    """No recipe has this name, and no file has this path."""


class EnvError(TrainerError):
    """The environment cannot be made, or lacks something that the trainer needs."""


class PolicyError(TrainerError):
    """The policy cannot be made, or lacks something that the algorithm needs."""


class PolicyNumbersError(PolicyError, FloatingPointError):
    """What a policy computed is not finite. Other policies may raise any FloatingPointError for it."""


class ShapeError(TrainerError):
    """Arrays that belong together differ in shape."""


class UnknownMetricError(TrainerError):
    """A metric is not in the table of `metrics.py`."""


class CheckpointError(TrainerError):
    """A run or a checkpoint cannot be found or does not fit."""


class RunFolderError(TrainerError):
    """A run's folder is in use, cannot be made, cannot be written, or the disk is full."""


class RunLostError(TrainerError):
    """While a run was going on, its folder was removed or could not be written any more."""

    exit_code = 1
    """Nothing that the user typed is at fault."""


class DamagedRunError(TrainerError):
    """A file that a run wrote is damaged; names the file and the line."""


class ReportError(TrainerError):
    """A report cannot be written: a folder holds no run, or the report does not fit its limit."""


class LoggerError(TrainerError):
    """A place that metrics should go to cannot be opened."""


class ComparisonError(TrainerError):
    """Two results are not of the same episodes."""


class SweepError(TrainerError):
    """A sweep cannot go on where another one was, or what it has done already is damaged."""


class AblationError(TrainerError):
    """An ablation cannot go on: a run in its folder is of another config, or damaged."""


class BackendError(TrainerError):
    """The backend is unknown or not available here."""


class ProcessLostError(BackendError):
    """A process of the `ray` backend has died; what it was doing is lost, checkpoints are not."""

    run: "Path | None" = None
    """The folder of the run that was broken off, once there is one."""


class TrainingDivergedError(TrainerError):
    """Training has gone wrong: numbers that are not finite, or a collapse that the run was told to stop at."""

    exit_code = 1
    """Nothing that the user typed is at fault."""


class CollapseError(TrainingDivergedError):
    """The run has left the range of its beginning, and `trainer.on_collapse` ends it; names the checkpoint to use."""


class PlacementError(TrainerError):
    """A `component_placement` does not follow the grammar or does not fit the machines."""


class MeasurementError(TrainerError):
    """Measured times are missing, damaged, or not enough to predict from."""


class DatasetError(TrainerError):
    """A dataset of demonstrations is missing, damaged, or of something else than the environment."""


class MissingExtraError(TrainerError):
    """An optional dependency is not installed."""

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
