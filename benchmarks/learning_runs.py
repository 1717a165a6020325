"""Files of the runs of benchmarks/learning.py: a run, or `{name: run}`, with a line for each column of a curve."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compact_json import write_json

Run = dict[str, Any]
"""What `learning.figures` returns; its `curve` is a list of iterations, each with `by_task`: task -> success rate."""


def pack(run: Run) -> Run:
    """Return the run with its curve as columns: floats to 6 digits, null where an iteration has no value."""
    if "curve" not in run:
        return run
    curve = run["curve"]
    columns: dict[str, Any] = {name: [_short(row[name]) for row in curve] for name in curve[0] if name != "by_task"}
    tasks = sorted({task for row in curve for task in row.get("by_task", {})})
    if tasks:
        columns["by_task"] = {task: [_short(row["by_task"].get(task)) for row in curve] for task in tasks}
    return {**run, "curve": columns}


def unpack(run: Run) -> Run:
    """Return the run with its curve as a list of iterations, whichever form it has."""
    columns = run.get("curve")
    if not isinstance(columns, dict):
        return run
    by_task = columns.get("by_task", {})
    names = [name for name in columns if name != "by_task"]
    curve = []
    for index in range(len(columns["iteration"])):
        row = {name: math.nan if columns[name][index] is None else columns[name][index] for name in names}
        rates = {task: values[index] for task, values in by_task.items() if values[index] is not None}
        curve.append({**row, "by_task": rates})
    return {**run, "curve": curve}


def read(files: Sequence[Path]) -> dict[str, Run]:
    """Return the runs of all files by name; a run that has a file of its own is named after it."""
    runs: dict[str, Run] = {}
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        several = {file.stem: content} if "suite" in content else content
        runs |= {name: unpack(run) for name, run in several.items()}
    return runs


def save(file: Path, runs: dict[str, Run]) -> None:
    """Write runs by name into one file, or a single one as it is."""
    packed = {name: pack(run) for name, run in runs.items()}
    write_json(file, packed if len(packed) > 1 else next(iter(packed.values())))


def _short(value: float | None) -> float | None:
    if value is None or math.isnan(value):
        return None
    return int(value) if value == int(value) else float(f"{value:.6g}")
