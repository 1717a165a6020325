"""What a run's folder says: not begun, to go on, or at its end; and what was recorded there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vla_trainer import checkpoint, run
from vla_trainer.ablation.plan import PlannedRun, plain
from vla_trainer.errors import AblationError, ComparisonError, DamagedRunError, TrainerError
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.run_folder import CONFIG_FILE, EVALUATION_FILE, METRICS_FILE

LOG_FILE = "vla-train.log"
"""In a run's folder: what its processes printed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    begun: bool
    iteration: int
    """Of the newest checkpoint; 0: none."""
    iterations: int
    """Of the whole run."""

    @property
    def ended(self) -> bool:
        """Return whether the run is at its end."""
        # the last checkpoint is published when metrics and evaluation of its iteration are on the disk
        return self.begun and self.iteration >= self.iterations

    def __str__(self) -> str:
        if self.ended:
            return "done before"
        return (
            f"goes on from iteration {self.iteration} of {self.iterations}"
            if self.begun
            else f"new, {self.iterations} iterations"
        )


@dataclass(frozen=True)
class Row:
    """An iteration of a run, and what the run had spent at its end."""

    iteration: int
    metrics: dict[str, float]
    """Those with a finite value."""
    episodes: int
    """Finished episodes since the run began."""
    env_steps: int
    """Environment steps collected since the run began."""
    minutes: float
    """Of the iterations, evaluations and checkpoints included; not of making the environments."""


@dataclass(frozen=True)
class Record:
    """What a run that is at its end left."""

    rows: list[Row]
    evaluation: Evaluation | None
    """Of the last iteration; None where none was asked for, or another one has taken its place."""
    notices: list[str]
    """What is wrong with the files."""


def progress_of(planned: PlannedRun) -> Progress:
    """Return how far a run is.

    Raises:
        AblationError: the run in the folder is of another config, or its files are damaged.
    """
    iterations = planned.config.trainer.iterations
    if not (planned.folder / CONFIG_FILE).is_file():
        return Progress(False, 0, iterations)
    try:
        found = run.resumed_run(planned.folder, None, [])
    except TrainerError as error:
        raise AblationError(f"{planned.name}: {error}; remove {planned.folder}, and it is run again") from error
    for key, then, now in differences(plain(found.config), plain(planned.config)):
        raise AblationError(
            f"{planned.folder} holds a run of another config: {key} is {json.dumps(then)} there and "
            f"{json.dumps(now)} here; choose another folder with --out, or remove it"
        )
    reached = 0 if found.checkpoint is None else checkpoint.step_of(found.checkpoint)
    return Progress(True, reached, iterations)


def read_record(folder: Path) -> Record:
    """Read what a run that is at its end left in its folder."""
    rows, notices = read_rows(folder / METRICS_FILE), []
    evaluation = None
    if rows and "eval/reward_mean" in (last := rows[-1].metrics):
        try:
            evaluation = Evaluation.read(folder / EVALUATION_FILE)
        except ComparisonError as error:
            notices.append(f"no pairs of episodes: {error}")
        else:
            if any(last.get(name) != value for name, value in evaluation.metrics().items()):
                notices.append(f"no pairs of episodes: {folder / EVALUATION_FILE} is not the one that ended the run")
                evaluation = None
    return Record(rows, evaluation, notices)


def read_rows(file: Path, *, strict: bool = False) -> list[Row]:
    """Read a run's metrics.jsonl; no rows where there is no file.

    Args:
        file: a JSON object an iteration.
        strict: raise where a line is no row, instead of leaving it out. A last line without an end stays left out: the
            run is writing it, or was killed.

    Raises:
        DamagedRunError: with `strict`; it names file and line.
    """
    rows: list[Row] = []
    episodes = env_steps = 0
    seconds = 0.0
    lines = file.read_bytes().splitlines(keepends=True) if file.is_file() else []
    for number, line in enumerate(lines, 1):
        try:
            tree = json.loads(line, parse_constant=_refuse)
            iteration = int(tree.pop("iteration"))
            metrics = {name: float(value) for name, value in tree.items() if value is not None}
            if strict and rows and iteration <= rows[-1].iteration:
                raise ValueError(f"iteration {iteration} follows iteration {rows[-1].iteration}")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if strict and line.endswith(b"\n"):
                raise DamagedRunError(f"{file}: line {number} is no row of metrics: {_reason(error)}") from error
            continue
        episodes += round(metrics.get("rollout/episodes", 0.0))
        # steps / seconds * seconds, whole but for rounding
        env_steps += round(metrics.get("throughput/env_steps_per_second", 0.0) * metrics.get("time/rollout", 0.0))
        seconds += metrics.get("time/iteration", 0.0)
        rows.append(Row(iteration, metrics, episodes, env_steps, seconds / 60))
    return rows


def _refuse(constant: str) -> float:
    """Raise for NaN and the infinities, which JSON has no numbers for: they are written as null."""
    raise ValueError(f"{constant} is no number of JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error) if isinstance(error, ValueError) else "it is no object of numbers"


def differences(then: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value, value) of what differs in two trees, a dotted key for each value."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*now, *then]):
            yield from differences(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif then != now:
        yield path, then, now
