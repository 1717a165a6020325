"""`metrics.jsonl`: one JSON object an iteration, in order, each iteration once.

JSON has no number for what is not finite: NaN and the infinities are written as null, which pandas reads as NaN.
"""

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from vla_trainer import atomic_files
from vla_trainer.run_folder import spans


class JsonlLogger:
    """Appends rows. When a resumed run logs its first iteration, rows of an interrupted run from there on are removed.

    Of a damaged file every row that can be read stays; a copy of the damaged file is kept.
    """

    def __init__(self, path: Path, first: int = 1, say: Callable[[str], None] | None = None) -> None:
        """
        Args:
            path: appended to, or made.
            first: the iteration that comes first; rows before it should be there.
            say: takes a warning about missing or damaged rows.
        """
        self._path, self._say = path, say
        self._end: int | None = None
        """Bytes of whole lines; None: not read yet."""
        self._fix(first)

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        row = {"iteration": iteration, **{name: _finite(value) for name, value in metrics.items()}}
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        size = self._path.stat().st_size if self._path.exists() else 0
        if self._end is None:
            kept = [text for number, text in _read(self._path).rows.items() if number < iteration]
            self._end = sum(map(len, kept))
        elif size < self._end:
            # truncating to the old end would write zeros
            self._warn(f"{self._path} was removed or cut while the run was going on")
            self._fix(iteration)
            self._end = sum(map(len, _read(self._path).rows.values()))
        with self._path.open("ab") as file:
            file.truncate(self._end)  # also of half a line, where the last write failed
            file.write(line)
            file.flush()
            # on the disk before the checkpoint of this iteration is, so that no iteration is missing after a power cut
            os.fsync(file.fileno())
        self._end += len(line)

    def close(self) -> None:
        """Do nothing: every row is on the disk already."""

    def _fix(self, first: int) -> None:
        """Keep only rows that can be read, in order; warn of missing iterations before `first`."""
        found = _read(self._path)
        missing = sorted(set(range(1, first)) - found.rows.keys())
        lacks = f"; {spans(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else ""
        # a kill leaves half a last line, of an iteration that is run again
        if found.damaged or (found.half and missing):
            lines = [*found.damaged, *([found.lines] if found.half else [])]
            kept = _keep_copy(self._path)
            atomic_files.write_text(self._path, b"".join(found.rows.values()).decode())
            which = ", ".join(map(str, lines[:10])) + (", ..." if len(lines) > 10 else "")
            self._warn(f"{self._path} was damaged at line {which}: it is kept as {kept.name}{lacks}")
            return
        if found.open:
            atomic_files.write_text(self._path, b"".join(found.rows.values()).decode())
        if missing:
            self._warn(f"{self._path} is not complete{lacks}")

    def _warn(self, line: str) -> None:
        if self._say is not None:
            self._say(f"warning: {line}")


@dataclass
class _Found:
    rows: dict[int, bytes] = field(default_factory=dict)
    """Whole lines by iteration, in order; of two for an iteration, the later one."""
    damaged: list[int] = field(default_factory=list)
    """Numbers of lines that are not rows, or out of order."""
    half: bool = False
    """Whether the last line is cut off."""
    open: bool = False
    """Whether the last line is a row that lacks only its newline."""
    lines: int = 0


def _read(path: Path) -> _Found:
    found = _Found()
    latest = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True) if path.exists() else (), 1):
        found.lines = number
        iteration = None
        with suppress(ValueError, KeyError, TypeError, RecursionError):
            iteration = json.loads(line)["iteration"]
        ended = line.endswith(b"\n")
        if type(iteration) is not int or iteration < 1:
            if ended:
                found.damaged.append(number)
            else:
                found.half = True
            continue
        found.open = not ended
        if iteration <= latest:
            found.damaged.append(number)
        latest = max(latest, iteration)
        found.rows[iteration] = line.rstrip(b"\r\n") + b"\n"
    found.rows = dict(sorted(found.rows.items()))
    return found


def _keep_copy(path: Path) -> Path:
    """Copy the file to a free name; return it."""
    place, count = path.with_name(f"{path.name}.damaged"), 1
    while place.exists():
        count += 1
        place = path.with_name(f"{path.name}.damaged_{count}")
    shutil.copyfile(path, place)
    atomic_files.sync(place)
    return place


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
