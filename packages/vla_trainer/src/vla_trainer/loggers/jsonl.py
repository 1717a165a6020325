"""`metrics.jsonl`: one JSON object an iteration, in order, each iteration once.

JSON has no number for what is not finite: NaN and the infinities are written as null, which pandas reads as NaN.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path


class JsonlLogger:
    """Appends. What an interrupted run wrote of iterations that are run again goes when the first of them comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end: int | None = None
        """Bytes up to here are whole lines; None: not looked yet."""

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        row = {"iteration": iteration, **{name: _finite(value) for name, value in metrics.items()}}
        line = json.dumps(row, allow_nan=False).encode() + b"\n"
        if self._end is None:
            self._end = _end_of(self._path, before=iteration)
        with self._path.open("ab") as file:
            file.truncate(self._end)  # also of half a line, where the last write failed
            file.write(line)
            file.flush()
            # on the disk before the checkpoint of this iteration is, so that no iteration is missing after a power cut
            os.fsync(file.fileno())
        self._end += len(line)

    def close(self) -> None:
        """Nothing is left."""


def _end_of(path: Path, before: int) -> int:
    """Bytes of the whole lines at the beginning of a file that are of iterations before `before`."""
    end = 0
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else ():
        if not line.endswith(b"\n"):
            break
        try:
            iteration = json.loads(line)["iteration"]
        except (ValueError, KeyError, TypeError):
            break
        if iteration >= before:
            break
        end += len(line)
    return end


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
