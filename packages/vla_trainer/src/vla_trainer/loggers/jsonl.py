"""`metrics.jsonl`: one JSON object an iteration."""

import json
from collections.abc import Mapping
from pathlib import Path


class JsonlLogger:
    """Appends; lines of iterations that are run again after a resume are dropped when the first of them comes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = False

    def log(self, iteration: int, metrics: Mapping[str, float]) -> None:
        if not self._started:
            self._drop_from(iteration)
            self._started = True
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"iteration": iteration, **metrics}) + "\n")

    def close(self) -> None:
        """Nothing is left."""

    def _drop_from(self, iteration: int) -> None:
        if not self._path.exists():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["iteration"] < iteration]
        self._path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
