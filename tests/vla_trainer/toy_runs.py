"""Whole runs of toys in this process, and the rows that they log."""

import json
from pathlib import Path
from typing import Any

from vla_trainer import run
from vla_trainer.trainer import Trainer, make_trainer


def finish(spec: run.RunSpec) -> Trainer:
    """Run to the end; the trainer is closed."""
    trainer = make_trainer(spec.config)
    try:
        run.run_training(spec, trainer, lambda _: None)
    finally:
        trainer.close()
    return trainer


def train(folder: Path, recipe: str, *overrides: str) -> tuple[Trainer, list[dict[str, Any]]]:
    """Train a recipe's text in `folder / "run"`, where `overrides` name no other one; return its rows, too."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe)
    trainer = finish(run.new_run(str(folder / "recipe.yaml"), [f"output_dir={folder / 'run'}", *overrides]))
    return trainer, rows_of(folder / "run")


def go_on(folder: Path, *overrides: str) -> None:
    """Resume a run in its folder."""
    finish(run.resumed_run(folder, None, list(overrides)))


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Metrics but for clocks."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith(("time/", "throughput/"))} for row in rows]
