"""JSON that a person can read and a diff can show: a row of figures, however long, stands on one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WIDTH = 120
"""Characters up to which containers of containers share a line, too."""


def compact(value: Any, depth: int = 0) -> str:
    """Return `value` as JSON in which a list or object of plain values is one line, as is all that fits WIDTH."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list):
        return line
    members = list(value.values()) if isinstance(value, dict) else value
    flat = not any(member for member in members if isinstance(member, dict | list))
    if flat or depth + len(line) <= WIDTH:
        return line
    indent = " " * depth
    rows = [f"{indent} {compact(member, depth + 1)}" for member in members]
    if isinstance(value, dict):
        names = [json.dumps(str(name), ensure_ascii=False) for name in value]
        rows = [f"{indent} {name}: {row.lstrip()}" for name, row in zip(names, rows, strict=True)]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return ",\n".join(rows).join((f"{first}\n", f"\n{indent}{last}"))


def write_json(file: Path, value: Any) -> None:
    """Write `value` to `file`: the whole of it, or the file stays what it was."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".part")
    partial.write_text(compact(value) + "\n", encoding="utf-8")
    partial.replace(file)
