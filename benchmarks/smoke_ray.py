"""Section "ray" of the GPU smoke test: a collocated run of the tiny policy on one GPU, and its continuation."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smoke_rows import Row, Settings, at_most, holds

SECTION = "ray"
#: Of the first optimizer step: acting and learning compute alike.
RATIO_ERROR = 0.05


def overrides(settings: Settings, gpus: int, placement: str) -> list[str]:
    """Return what makes `tiny_spatial_grpo` a run of some seconds an iteration."""
    sizes = ["env.num_envs=4", "rollout.episodes=8", "algorithm.group_size=4", "env.max_episode_steps=32"]
    if settings.full:
        sizes = ["env.num_envs=16", "rollout.episodes=32"]
    return [
        *sizes,
        "eval.episodes=null",
        "video_cfg.save_video=false",
        f"policy.device={settings.device}",
        "cluster.backend=ray",
        f"cluster.gpus_per_node={gpus}",
        f"cluster.component_placement={placement}",
    ]


def vla_train(*arguments: str) -> None:
    """Run the command; its words go to this process's.

    Raises:
        CalledProcessError: it failed.
    """
    command = str(Path(sys.executable).with_name("vla-train"))
    subprocess.run([command, *arguments], check=True)


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Return a run's rows, one an iteration."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def run(settings: Settings) -> Iterator[Row]:
    """Two iterations of an env process and a policy process on one GPU, then a third with --resume."""
    folder = settings.folder / "run"
    placement = '{"env,rollout,actor": all}'
    iterations = ["trainer.iterations=2", "trainer.save_every=2", f"output_dir={folder}"]
    vla_train("tiny_spatial_grpo", *overrides(settings, 1, placement), *iterations)
    first = metrics(folder)
    yield holds(SECTION, "iterations", len(first) == 2, str(len(first)), "2")
    yield Row(SECTION, "an iteration", first[-1]["time/iteration"], "s")
    yield Row(SECTION, "environment steps a second", first[-1]["throughput/env_steps_per_second"])
    losses = [row["actor/loss"] for row in first]
    is_finite = all(loss is not None and math.isfinite(loss) for loss in losses)
    yield holds(SECTION, "losses", is_finite, ", ".join(f"{loss:.3g}" for loss in losses), "finite")
    error = max(row["actor/initial_ratio_error"] for row in first)
    yield at_most(SECTION, "error of the first ratio", error, RATIO_ERROR)
    vla_train("--resume", str(folder), "trainer.iterations=3")
    steps = [row["iteration"] if "iteration" in row else index + 1 for index, row in enumerate(metrics(folder))]
    yield holds(SECTION, "iterations after --resume", steps == [1, 2, 3], str(steps), "[1, 2, 3]")
