"""Does the collapse guard notice twelve planted collapses, and nothing in ten good runs?

    demonstration --> SFT --> 5 good iterations --> up to 3 iterations with each of benchmarks/collapse_plants.py
                          --> 10 good runs: GRPO and PPO from SFT, from nothing, other tasks and seeds, a pendulum

    LIBERO_GYM_ASSETS=builtin python benchmarks/collapse.py --json benchmarks/results/collapse_guard.json

One run after the other, each in a process of its own, which leaves OUT/NAME.json; one that is there is not repeated.
`--names` runs only some, `--offline` runs nothing and lets the guard look again at the metrics that the runs left.
The bar: at least 11 of 12 flagged within 3 iterations, none of the good runs.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collapse_plants import PLANTS, Plant
from compact_json import write_json
from rich.console import Console
from rich.table import Table

from vla_trainer import run
from vla_trainer.collapse import CollapseGuard
from vla_trainer.config.load import parse_config
from vla_trainer.errors import TrainerError
from vla_trainer.trainer import make_trainer

WITHIN = 3
"""Iterations."""
PREFIX = 5
"""Good iterations before a plant."""
BAR = 11
SEED, TASK, STATES = 0, 3, 8
QUIET = (
    "trainer.logger={console: {enable: false}, tensorboard: {enable: false}}",
    "video_cfg.save_video=false",
    "eval.episodes=null",
    "trainer.threads=1",
)
#: The demo's recipe with half its environments and episodes, and constant rates: the falling ones would make a short
#: run's steps smaller than those of a whole one.
FROM_SFT = (
    f"env.task={TASK}",
    "env.max_episode_steps=136",
    "eval.max_episode_steps=220",
    "env.num_envs=16",
    "actor.lr_schedule=constant",
    "actor.lr_final_fraction=null",
    "actor.lr_warmup_iterations=2",
    "actor.global_batch_size=128",
)
GRPO = (*FROM_SFT, "rollout.episodes=32", "rollout.temperature_final=null")
PPO = (*FROM_SFT, "rollout.horizon=32")
BASELINE = "baseline"
"""Among overrides: say how often the policy after SFT succeeds."""


@dataclass(frozen=True)
class Good:
    """A run that nothing is wrong with."""

    name: str
    recipe: str
    iterations: int
    overrides: tuple[str, ...] = ()


GOODS = (
    Good("grpo_from_sft_1", "tiny_spatial_grpo_from_sft", 8, (*GRPO, "trainer.seed=1", BASELINE)),
    Good("grpo_from_sft_2", "tiny_spatial_grpo_from_sft", 8, (*GRPO, "trainer.seed=2", BASELINE)),
    Good("ppo_from_sft_1", "tiny_spatial_ppo_from_sft", 8, (*PPO, "trainer.seed=1", BASELINE)),
    Good("grpo_0", "tiny_spatial_grpo", 12),
    Good("grpo_task5_1", "tiny_spatial_grpo", 12, ("env.task=5", "trainer.seed=1")),
    Good("grpo_task2_2", "tiny_spatial_grpo", 12, ("env.task=2", "trainer.seed=2")),
    Good("ppo_0", "tiny_spatial_ppo", 12),
    Good("ppo_task7_1", "tiny_spatial_ppo", 12, ("env.task=7", "trainer.seed=1")),
    Good("pendulum_0", "pendulum_ppo", 25),
    Good("pendulum_1", "pendulum_ppo", 25, ("trainer.seed=1",)),
)
PREFIXES = (Good("prefix_grpo", "tiny_spatial_grpo_from_sft", PREFIX, GRPO),)
"""What plants go on from besides good runs."""


def start(out: Path) -> None:
    """One demonstration, SFT, and how often the policy then succeeds; by benchmarks/learning.py."""
    command = [
        *(sys.executable, str(Path(__file__).with_name("learning.py")), "spatial", "--task", str(TASK), "--alone"),
        *("--seed", str(SEED), "--sft", "trainer.iterations=2", "trainer.threads=1", "--algorithm", "none"),
        *("--states", str(STATES), "--out", str(out / "start")),
    ]
    subprocess.run(command, check=True)


def overrides_of(good: Good, out: Path) -> list[str]:
    """What the recipe is run with."""
    given = [*QUIET, f"trainer.iterations={good.iterations}", f"trainer.save_every={PREFIX}"]
    if good.recipe.endswith("_from_sft"):
        newest = max((out / "start/sft/checkpoints").glob("step_*"))
        given.append(f"policy.checkpoint={newest}")
    success = json.loads((out / "start/sft/eval.json").read_text())["success_rate"]
    return [*given, *(f"trainer.baseline_success={success}" if one == BASELINE else one for one in good.overrides)]


def spec_of(name: str, out: Path) -> tuple[run.RunSpec, Plant | None, int]:
    """What is run, what is planted in it, and from which iteration on."""
    folder = out / "runs" / name
    plant = next((plant for plant in PLANTS if plant.name == name), None)
    # what is flagged has been found; a good run goes on
    stop = ["trainer.on_collapse=stop"] if plant else []
    if plant is None or plant.prefix is None:
        good = next((good for good in (*GOODS, *PREFIXES) if good.name == name), None)
        good = good or Good(name, "tiny_spatial_grpo_from_sft", WITHIN, (*GRPO, BASELINE))
        shutil.rmtree(folder, ignore_errors=True)
        return run.new_run(good.recipe, [*overrides_of(good, out), *stop, f"output_dir={folder}"]), plant, 1
    if name != plant.prefix:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(out / "runs" / plant.prefix, folder, symlinks=True)
    changed = [*plant.overrides, *stop, f"trainer.iterations={PREFIX + WITHIN}", f"output_dir={folder}"]
    return run.resumed_run(folder / f"checkpoints/step_{PREFIX:06d}", None, changed), plant, PREFIX + 1


def carry_out(name: str, out: Path) -> None:
    """One run, in this process; leaves its JSON."""
    spec, plant, first = spec_of(name, out)
    began, said, error = time.perf_counter(), list[str](), None
    backend: Any = make_trainer(spec.config)
    try:
        with _planted(plant, backend):
            run.run_training(spec, backend, said.append)
    except (TrainerError, ValueError, FloatingPointError) as caught:
        error = f"{type(caught).__name__}: {caught}"
    finally:
        backend.close()
    folder = out / "runs" / name
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    result = {
        "name": name,
        "recipe": spec.recipe,
        "what": plant.what if plant else "good",
        "planted": first if plant else None,
        "seconds": time.perf_counter() - began,
        "error": error,
        "said": [line for line in said if line.startswith("warning: iteration")],
        "config": (folder / "config.yaml").read_text(),
        "metrics": [{key: value for key, value in line.items() if not key.startswith("time/")} for line in lines],
    }
    (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _planted(plant: Plant | None, backend: Any) -> Iterator[None]:
    """After the backend has loaded what it goes on from."""
    if plant is None or plant.begin is None:
        yield
        return
    load, begin = backend.load, plant.begin
    if plant.prefix is None:
        begin(backend)
        yield
        return

    def planting(path: Path) -> Any:
        loaded = load(path)
        begin(backend)
        return loaded

    backend.load = planting
    yield


def judge(result: dict[str, Any], again: bool) -> dict[str, Any]:
    """When the run was flagged, and by what; with `again`, by the present guard instead of the one that ran."""
    signs: dict[int, list[str]] = {}
    guard = CollapseGuard.of(parse_config(result["config"], [], source=result["name"]), None)
    for metrics in result["metrics"]:
        numbers = {key: math.nan if value is None else value for key, value in metrics.items()}
        found = guard.look(int(metrics["iteration"]), numbers) if again else []
        if found or (not again and metrics.get("trainer/collapse_signs", 0)):
            signs[int(metrics["iteration"])] = [sign.metric for sign in found]
    first = result["planted"]
    flagged = [number for number in signs if first is None or number >= first]
    after = None if not flagged else flagged[0] - (first or 1) + 1
    if first is not None and not flagged and result["error"] is not None:
        after = len(result["metrics"]) - first + 2  # the iteration that ended in an error left no metrics
    before = [number for number in signs if first is not None and number < first]
    names = [line.split(": ")[2].split(" is ")[0] for line in result["said"]]
    by = (sorted({name for number in flagged[:1] for name in signs[number]}) if again else names) or names
    return {
        "name": result["name"],
        "what": result["what"],
        "recipe": result["recipe"],
        "iterations": len(result["metrics"]) - (first or 1) + 1,
        "flagged_after": after,
        "flagged_before": before,
        "by": by or ([result["error"]] if result["error"] else []),
        "lines": result["said"],
        "seconds": round(result["seconds"]),
    }


def report(out: Path, again: bool) -> dict[str, Any]:
    """The figures of all runs that are there, and a table."""
    rows = {file.stem: judge(json.loads(file.read_text()), again) for file in sorted(out.glob("*.json"))}
    planted = [rows[plant.name] for plant in PLANTS if plant.name in rows]
    good = [rows[good.name] for good in GOODS if good.name in rows]
    table = Table("run", "recipe", "iterations", "flagged after", "by")
    for row in [*planted, *good]:
        after = "-" if row["flagged_after"] is None else str(row["flagged_after"])
        table.add_row(
            row["what"] if row in planted else row["name"],
            row["recipe"],
            str(row["iterations"]),
            after,
            ", ".join(row["by"]),
        )
    Console(width=160).print(table)
    in_time = sum(row["flagged_after"] is not None and row["flagged_after"] <= WITHIN for row in planted)
    false = sum(row["flagged_after"] is not None for row in good)
    print(
        f"planted: {in_time} of {len(planted)} flagged within {WITHIN} iterations; good: {false} of {len(good)} flagged"
    )
    bar = in_time >= BAR and len(planted) == len(PLANTS) and len(good) == len(GOODS) and not false
    return {"within": WITHIN, "planted": planted, "good": good, "in_time": in_time, "false": false, "at_level": bar}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/collapse"), help="folder of the runs; goes on there")
    parser.add_argument("--names", nargs="*", help="only these runs")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--offline", action="store_true", help="only let the guard look again at what runs left")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    out = args.out.resolve()
    if args.one:
        carry_out(args.one, out)
        return
    names = [entry.name for entry in (*PREFIXES, *GOODS, *PLANTS)]
    if unknown := set(args.names or ()) - set(names):
        parser.error(f"--names: {', '.join(sorted(unknown))}; allowed: {', '.join(names)}")
    if not args.offline:
        out.mkdir(parents=True, exist_ok=True)
        start(out)
        for name in args.names or names:
            if not (out / f"{name}.json").exists():
                print(f"{name} ...", flush=True)
                command = [sys.executable, __file__, "--out", str(out), "--one", name]
                if subprocess.run(command).returncode:
                    sys.exit(f"{name} ended in an error; the same command goes on from here")
    result = report(out, args.offline)
    if args.json is not None:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
