"""Loggers of metrics: `LOGGERS` has one for each key of `trainer.logger`."""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from vla_trainer import metrics as table
from vla_trainer.config.trainer import Logger as LoggerConfig
from vla_trainer.run_folder import METRICS_FILE


class Logger(Protocol):
    """A destination of metrics."""

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an iteration; iterations count from 1."""

    def close(self) -> None:
        """Write what is left, and release files and connections."""


@dataclass(frozen=True)
class Run:
    """The run that a logger logs."""

    folder: Path
    name: str
    iterations: int
    config_yaml: str
    config: LoggerConfig
    first: int = 1
    """The iteration that comes first."""
    say: Callable[[str], None] | None = None
    """Takes lines for the user."""


def _console(run: Run) -> Logger:
    from vla_trainer.loggers.console import ConsoleLogger

    return ConsoleLogger(run.iterations, run.first)


def _jsonl(run: Run) -> Logger:
    from vla_trainer.loggers.jsonl import JsonlLogger

    return JsonlLogger(run.folder / METRICS_FILE, run.first, run.say)


def _tensorboard(run: Run) -> Logger:
    from vla_trainer.loggers.tensorboard import TensorboardLogger

    return TensorboardLogger(run.folder / "tensorboard")


def _wandb(run: Run) -> Logger:
    from vla_trainer.loggers.wandb import WandbLogger

    settings = run.config.wandb
    name = settings.experiment_name if settings.experiment_name is not None else run.name
    return WandbLogger(run.folder, settings.project_name, name, settings.mode, run.config_yaml)


LOGGERS: dict[str, Callable[[Run], Logger]] = {
    "console": _console,
    "jsonl": _jsonl,
    "tensorboard": _tensorboard,
    "wandb": _wandb,
}


def check(config: LoggerConfig) -> None:
    """Check within seconds that the loggers can work; write nothing.

    Raises:
        LoggerError: Weights & Biases has no account here or does not answer.
        MissingExtraError: it is not installed.
    """
    if config.wandb.enable:
        from vla_trainer.loggers import wandb

        wandb.check(config.wandb.mode)


class Loggers:
    """Several loggers as one; a metric that the table does not know is an error.

    A logger that fails, because the disk is full or the network is down, disturbs neither the others nor the run: a
    warning is printed once, and the rows that it has not taken are offered again in the next iterations and at the end.
    """

    def __init__(self, run: Run, say: Callable[[str], None]) -> None:
        """
        Args:
            run: what the loggers log.
            say: takes warnings about a logger that fails.

        Raises:
            LoggerError, MissingExtraError: one cannot begin; the others are closed then.
        """
        self._say = say
        self._loggers: dict[str, Logger] = {}
        self._waiting: dict[str, deque[tuple[int, Mapping[str, float]]]] = {}
        self._failing: set[str] = set()
        try:
            for name, make in LOGGERS.items():
                if getattr(run.config, name).enable:
                    self._loggers[name] = make(replace(run, say=say))
                    self._waiting[name] = deque()
        except BaseException:
            self.close()
            raise

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Pass on the metrics of an iteration.

        Raises:
            UnknownMetricError: a name that is not in `metrics.METRICS`.
        """
        table.check(metrics)
        for name in self._loggers:
            self._waiting[name].append((iteration, metrics))
            self._pass_on(name)

    def close(self) -> None:
        """Close all loggers, even if some fail."""
        with ExitStack() as stack:
            for name in reversed(self._loggers):
                stack.callback(self._close, name)

    def _pass_on(self, name: str) -> None:
        waiting = self._waiting[name]
        try:
            while waiting:
                self._loggers[name].log(*waiting[0])
                waiting.popleft()
        except Exception as error:
            if name not in self._failing:
                self._failing.add(name)
                self._say(f"warning: logger {name} fails from iteration {waiting[0][0]} on: {_one_line(error)}")
            return
        if name in self._failing:
            self._failing.remove(name)
            self._say(f"note: logger {name} works again; nothing is missing")

    def _close(self, name: str) -> None:
        self._pass_on(name)
        if waiting := self._waiting[name]:
            self._say(f"warning: logger {name} lacks iterations {waiting[0][0]} to {waiting[-1][0]}")
        try:
            self._loggers[name].close()
        except Exception as error:
            self._say(f"warning: logger {name} could not be closed: {_one_line(error)}")


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
