"""The result of an evaluation, `eval.json`."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from vla_trainer import atomic_files
from vla_trainer.errors import ComparisonError
from vla_trainer.facts import Fact
from vla_trainer.metrics import PER_TASK, mean
from vla_trainer.provenance import Provenance

Result = TypeVar("Result")


@dataclass(frozen=True)
class TaskCount:
    """Successes of one task."""

    task: str
    episodes: int
    successes: int
    success_rate: float
    interval: tuple[float, float]
    """95% Wilson interval."""
    mean_env_steps: float | None = None
    """Mean length of its episodes; None in older files, which lack it."""


@dataclass(frozen=True)
class Evaluation:
    """The contents of `eval.json`."""

    heading: str | None
    """"not a benchmark result: ..." where the environment gives a reason or only a subset of the initial states was
    run; printed above the table, too."""
    episodes: int
    successes: int
    success_rate: float | None
    """None if the environment does not report success."""
    interval: tuple[float, float]
    """95% Wilson interval."""
    reward_mean: float
    """Mean undiscounted return."""
    tasks: list[TaskCount]
    env_id: str
    split: str | None
    assets: str | None
    """Which asset set the images were rendered from, where the environment names one."""
    assets_version: str | None
    """Version of the asset set."""
    deterministic: bool
    notices: list[str]
    states: list[dict[str, Any]]
    """One entry an episode: task, init state, seed, success, steps, return; its variant where the environment names
    one."""
    available: int | None = None
    """Number of initial states; more than `episodes` where a subset was run; None where they are not listed."""
    renderer: str | None = None
    """What rendered the images, where the environment names it, e.g. OpenGL's name of a GPU."""
    weights: str | None = None
    """Name of the checkpoint, or "untrained"; None while training."""
    facts: list[Fact] = field(default_factory=list)
    """What decides the result, see `vla_trainer.facts`; empty in older files."""

    @property
    def mean_env_steps(self) -> float:
        """Return the mean length of an episode in environment steps."""
        return mean([state["env_steps"] for state in self.states])

    @property
    def asset_set(self) -> str | None:
        """Return name and version of the asset set."""
        return Provenance(self.env_id, self.assets, self.assets_version, ()).asset_set

    def metrics(self) -> dict[str, float]:
        """Return the metrics `eval/*`."""
        metrics = {"eval/reward_mean": self.reward_mean}
        if self.success_rate is not None:
            low, high = self.interval
            metrics |= {
                "eval/success_rate": self.success_rate,
                "eval/success_rate_low": low,
                "eval/success_rate_high": high,
            }
            metrics |= {PER_TASK + task.task: task.success_rate for task in self.tasks}
        return metrics

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Evaluation":
        """Read what `write` wrote.

        Raises:
            ComparisonError: the file does not hold a result.
        """
        return read_result(cls, path, "an eval.json")


def read_result(kind: type[Result], path: Path, name: str) -> Result:
    """Read a file as a dataclass, whose types are checked; `name` is what a message calls it, "an eval.json".

    Raises:
        ComparisonError: the file does not hold one.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ComparisonError(f"{path} is not {name}: {where}{': ' if where else ''}{first['msg']}") from error
    except OSError as error:
        raise ComparisonError(f"{path} is not {name}: {error.strerror or error}") from error
