"""Measured times of the stages of an iteration, and their JSON file."""

import json
from collections.abc import Iterable
from dataclasses import asdict, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeFloat, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vla_trainer import atomic_files
from vla_trainer.errors import MeasurementError, did_you_mean
from vla_trainer.planner.costs import STRICT, Line, Transfer


@dataclass(frozen=True, config=STRICT)
class StageTimes:
    """Times measured with one process of each component; `simulate` and `predict` compute the rest."""

    env_step: Line
    """A policy step (a chunk of steps, and its images) of n environments on one thread; more threads divide the part
    of each environment, but for `env_serial`."""
    act: Line
    """The policy acting in n environments, in one rollout process."""
    update: Line
    """Forward and backward pass of a micro-batch of n policy steps, in one actor process."""
    env_serial: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of `env_step.each` that threads do not divide, as in Amdahl's law."""
    env_reset: Line = field(default_factory=Line)
    """Beginning an episode in n environments on one thread."""
    request: Line = field(default_factory=Line)
    """The rest of a policy step of n environments: messages to a rollout process, recording. Threads do not divide
    it."""
    episode: NonNegativeFloat = 0.0
    """Seconds that an env process takes to get an episode from the queue and to report its end."""
    collect: Line = field(default_factory=Line)
    """Beginning a rollout, and merging the n policy steps of all env processes."""
    batch: Line = field(default_factory=Line)
    """Sending n policy steps to the actor processes, once an iteration."""
    optimizer_step: NonNegativeFloat = 0.0
    """Seconds of one optimizer step without its micro-batches."""
    all_reduce: Transfer = field(default_factory=Transfer)
    """The gradients that actor processes sum once an optimizer step."""
    exchange: Transfer = field(default_factory=Transfer)
    """The weights that actor processes gather and the gradients that they scatter in one micro-batch."""
    sync: Transfer = field(default_factory=Transfer)
    """The new weights, to rollout processes that are not one with an actor process."""
    offload: NonNegativeFloat = 0.0
    """Seconds an iteration of moving to host memory what does not fit on a GPU that components share."""
    load: NonNegativeFloat = 0.0
    """Seconds an iteration of moving it back."""
    act_cores: NonNegativeFloat = 1.0
    """Cores that acting keeps busy on a machine without GPUs."""
    update_cores: NonNegativeFloat = 1.0
    """Cores that an actor process keeps busy on a machine without GPUs."""
    act_slowdown: float = Field(default=1.0, ge=1.0)
    """How many times longer acting takes while environments on the same GPU step, as they render there."""
    measured_on: str = ""
    """The machine and the sizes, in words."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "StageTimes":
        """Read a JSON file; keys with a default may be left out.

        Raises:
            MeasurementError: the file is not there or not JSON, a key is unknown or missing, a value is not allowed.
        """
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MeasurementError(f"{path}: cannot be read as measured times: {error}") from error
        if not isinstance(tree, dict):
            raise MeasurementError(f"{path}: expected keys and values at the top, got {tree!r:.60}")
        if unknown := list(_unknown(cls, tree)):
            raise MeasurementError("; ".join(f"{path}: {problem}" for problem in unknown))
        try:
            return TypeAdapter(cls).validate_python(tree)
        except ValidationError as error:
            raise MeasurementError("; ".join(f"{path}: {_one_line(detail)}" for detail in error.errors())) from error


def _unknown(kind: Any, tree: dict[str, Any], parent: str = "") -> Iterable[str]:
    allowed = {entry.name: entry.type for entry in fields(kind)}
    for name, value in tree.items():
        if name not in allowed:
            yield f'unknown key "{parent}{name}"{did_you_mean(name, allowed)}'
        elif is_dataclass(allowed[name]) and isinstance(value, dict):
            yield from _unknown(allowed[name], value, f"{parent}{name}.")


def _one_line(detail: Any) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] == "missing":
        return f'missing key "{name}"'
    return f"{name}={detail['input']!r}: {detail['msg']}"
