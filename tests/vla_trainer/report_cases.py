"""Folders of runs with chosen numbers, in the format that vla-train writes."""

import json
from collections.abc import Sequence
from pathlib import Path

import ablation_cases

from vla_trainer.config.load import load_config, to_yaml
from vla_trainer.provenance import Provenance
from vla_trainer.report.folders import RunData, read_folders

RECIPE = "pendulum_ppo"
EPISODES = 4
"""Of an iteration."""


def metrics(iteration: int, rate: float, **others: float) -> dict[str, float]:
    """A row of 4 episodes, 100 environment steps in a second, and half a minute; "_" in a name stands for "/"."""
    row = {
        "rollout/episodes": float(EPISODES),
        "rollout/success_rate": rate,
        "rollout/reward_mean": 2 * rate,
        "actor/approx_kl": 0.01 / iteration,
        "actor/lr": 0.001,
        "throughput/env_steps_per_second": 100.0,
        "trainer/collapse_signs": 0.0,
        "time/rollout": 1.0,
        "time/iteration": 30.0,
    }
    return {"iteration": iteration, **row, **{name.replace("_", "/", 1): value for name, value in others.items()}}


def write_run(
    folder: Path,
    rates: Sequence[float] = (0.25, 0.5, 0.5, 0.75, 0.75, 1.0),
    *,
    overrides: Sequence[str] = (),
    rows: Sequence[dict[str, float]] | None = None,
    evaluated: bool = True,
) -> Path:
    """A run of RECIPE with these success rates in training, or with these rows; and 3 successes of 4 in evaluation."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(f"# recipe: {RECIPE}\n{to_yaml(load_config(RECIPE, overrides))}")
    lines = rows if rows is not None else [metrics(number, rate) for number, rate in enumerate(rates, 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if evaluated:
        ablation_cases.evaluation([True, True, True, False], seed=0).write(folder / "eval.json")
    step = folder / "checkpoints" / "step_000006"
    step.mkdir(parents=True)
    (step / "trainer_state.pt").write_bytes(b"")
    Provenance("toy/Reach-v0", "toy assets", "1", ("its <walls> are soft",), "a renderer").write(step)
    return folder


def write_video(run: Path, name: str, size: int) -> Path:
    """A file of `size` bytes in the place of a video."""
    path = run / "video" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def read_run(folder: Path) -> RunData:
    return read_folders([folder]).runs[0]
