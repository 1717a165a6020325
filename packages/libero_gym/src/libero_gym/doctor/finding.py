"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "failed", "note", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    check: str
    """What was looked at, e.g. "mujoco"."""
    status: Status
    """A "note" is worth knowing and no failure."""
    found: str
    mend: str | None = None
    """What to type; of a failure always there."""
