"""Runs of toys on the ray backend, one process for each component but two with environments, and what is compared."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vla_trainer import run
from vla_trainer.config.load import parse_config
from vla_trainer.config.schema import Config
from vla_trainer.trainer import make_trainer
from vla_trainer.types import Rollout

LAYOUT = "cluster.component_placement={env: 0-1, rollout: 2, actor: 3}"
"""Two env processes, one that acts, one that learns."""


def config(recipe: str, *overrides: str) -> Config:
    return parse_config(recipe, list(overrides), source="test")


def on(cluster: Any, *overrides: str) -> list[str]:
    return [
        "cluster.backend=ray",
        "cluster.num_nodes=2",
        "cluster.gpus_per_node=2",
        f"cluster.address={cluster.address}",
        LAYOUT,
        *overrides,
    ]


def in_the_middle(act: Callable[[], None], seconds: float = 0.15) -> None:
    """Do something while the caller goes on."""
    threading.Timer(seconds, act).start()


def what_happened(rollout: Rollout) -> list[float]:
    """What must not depend on who was killed."""
    found = [float(rollout.env_steps), float(rollout.mask.sum()), float(rollout.rewards.sum())]
    for number in sorted(rollout.episodes):
        episode = rollout.episodes[number]
        found += [number, episode.episode_return, episode.env_steps]
    return found


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    # how long environments wait for the last episode depends on how many processes they are in
    placed = ("time/", "throughput/", "rollout/useful_step_fraction")
    return [{k: v for k, v in row.items() if not k.startswith(placed)} for row in rows]


def train(
    recipe: str,
    folder: Path,
    overrides: list[str],
    hurt: Callable[[Any, str, int], None] | None = None,
    mend: Callable[[], None] = lambda: None,
) -> Any:
    """Run to the end, as `vla-train` does; `hurt` is told of each stage of the first backend, `mend` comes before the
    second is made."""
    made: list[Any] = []
    said: list[str] = []

    def make(of: Config) -> Any:
        if made:
            mend()
        backend = make_trainer(of)
        made.append(backend)
        if hurt is not None and len(made) == 1:
            calls = {"collect": 0, "update": 0}
            for stage in calls:
                whole = getattr(backend, stage)

                def told(*args: Any, _stage: str = stage, _whole: Any = whole) -> Any:
                    calls[_stage] += 1
                    hurt(backend, _stage, calls[_stage])
                    return _whole(*args)

                setattr(backend, stage, told)
        return backend

    spec = run.RunSpec("toy", config(recipe, *overrides, f"output_dir={folder}"))
    run.run_supervised(spec, make, said.append)
    return made, said
