"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "failed", "note", "skipped"]


@dataclass(frozen=True)
class CheckResult:
    """A line of the report."""

    check: str
    """Name of the check, e.g. "mujoco"."""
    status: Status
    """A "note" is worth knowing and no failure."""
    found: str
    fix: str | None = None
    """What to type; every failure has it."""
