"""Rows of the GPU smoke test's table: a figure, its bound, and whether it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

Status = Literal["ok", "failed", "skipped", "measured"]
STYLES = {"ok": "green", "failed": "bold red", "skipped": "dim", "measured": ""}


@dataclass(frozen=True)
class Settings:
    """What all sections are told."""

    device: Literal["cuda", "cpu"]
    size: Literal["full", "tiny"]
    folder: Path
    """For what a section writes; empty."""

    @property
    def full(self) -> bool:
        """Whether sizes are the published ones."""
        return self.size == "full"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    section: str
    figure: str
    measured: float | str
    unit: str = ""
    bound: str = ""
    status: Status = "measured"
    """"measured" has no bound."""

    def write(self, file: Path) -> None:
        """Append it to a file, a line of JSON."""
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(self)) + "\n")


def at_least(section: str, figure: str, value: float, bound: float | None, unit: str = "") -> Row:
    """A row whose value must reach a bound; None: it is only measured."""
    if bound is None:
        return Row(section, figure, value, unit)
    return Row(section, figure, value, unit, f">= {bound:g}", "ok" if value >= bound else "failed")


def at_most(section: str, figure: str, value: float, bound: float | None, unit: str = "") -> Row:
    """A row whose value must stay below a bound; None: it is only measured."""
    if bound is None:
        return Row(section, figure, value, unit)
    return Row(section, figure, value, unit, f"<= {bound:g}", "ok" if value <= bound else "failed")


def holds(section: str, figure: str, condition: bool, found: str, bound: str) -> Row:
    """A row whose condition must hold."""
    return Row(section, figure, found, "", bound, "ok" if condition else "failed")


def skipped(section: str, figure: str, reason: str) -> Row:
    """A row that needs what is not here."""
    return Row(section, figure, reason, status="skipped")


def read(file: Path) -> list[Row]:
    """Return the rows that `Row.write` has written to a file."""
    if not file.is_file():
        return []
    return [Row(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def report(rows: Iterable[Row], console: Console, title: str) -> None:
    """Print the table."""
    table = Table("section", "figure", "measured", "bound", "", title=title)
    for row in rows:
        value = row.measured if isinstance(row.measured, str) else f"{row.measured:.4g}"
        text = f"{value} {row.unit}".strip()
        table.add_row(row.section, row.figure, text, row.bound, Text(row.status, STYLES[row.status]))
    console.print(table)
