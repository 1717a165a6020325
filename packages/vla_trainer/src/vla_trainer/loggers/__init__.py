"""Where metrics go: `LOGGERS` from a key of `trainer.logger` to a constructor."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vla_trainer import metrics as table
from vla_trainer.config.schema import Logger as LoggerConfig


class Logger(Protocol):
    """One place that metrics go to."""

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Take the metrics of an iteration; iterations count from 1."""

    def close(self) -> None:
        """Write what is left."""


@dataclass(frozen=True)
class Run:
    """What a logger may want to know."""

    folder: Path
    name: str
    iterations: int
    config_yaml: str
    config: LoggerConfig


def _console(run: Run) -> Logger:
    from vla_trainer.loggers.console import ConsoleLogger

    return ConsoleLogger(run.iterations)


def _jsonl(run: Run) -> Logger:
    from vla_trainer.loggers.jsonl import JsonlLogger

    return JsonlLogger(run.folder / "metrics.jsonl")


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


class Loggers:
    """Several loggers as one; a metric that the table does not know is an error."""

    def __init__(self, run: Run) -> None:
        self._loggers = [make(run) for name, make in LOGGERS.items() if getattr(run.config, name).enable]

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Pass on the metrics of an iteration.

        Raises:
            UnknownMetricError: a name that is not in `metrics.METRICS`.
        """
        table.check(metrics)
        for logger in self._loggers:
            logger.log(iteration, metrics)

    def close(self) -> None:
        """Close each."""
        for logger in self._loggers:
            logger.close()
