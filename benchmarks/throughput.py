"""Collect and update: environment steps a second of a training run, one setting against others in the same hour.

    LIBERO_GYM_ASSETS=builtin python benchmarks/throughput.py --checkpoint RUN/checkpoints/step_000002 --json FILE \
        "trainer.threads=2 policy.threads=1" "trainer.threads=1 policy.threads=2"

Settings take turns, a short run of `tiny_spatial_ppo_from_sft` each, `--rounds` times. An iteration's steps are divided
by its seconds, of collecting and updating together; the first iteration, which compiles scenes and shaders, does not
count. The first setting is what the others are compared with, round by round. `--beside N` keeps N processes busy with
nothing meanwhile, as a browser would. `--against CHECKOUT` runs the first setting with another checkout's own `.venv`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from compact_json import write_json
from learning import processor

RECIPE = (
    *("tiny_spatial_ppo_from_sft", "env.task=3", "env.max_episode_steps=168"),
    *("actor.lr_warmup_iterations=1", "trainer.save_every=null", "eval.episodes=null", "video_cfg.save_video=false"),
)
FIRST_COUNTED = 2


def measured(program: Path, overrides: list[str], iterations: int) -> float:
    """Train, and return environment steps a second of collecting and updating."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "run")
        command = [str(program), *RECIPE, f"trainer.iterations={iterations}", f"output_dir={out}", *overrides]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            sys.exit(f"{shlex.join(command)}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    counted = [row for row in rows if row["iteration"] >= FIRST_COUNTED]
    steps = sum(row["throughput/env_steps_per_second"] * row["time/rollout"] for row in counted)
    return steps / sum(row["time/iteration"] for row in counted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "settings", nargs="+", metavar="KEY=VALUE ...", help="overrides of the recipe, in one text each"
    )
    parser.add_argument("--checkpoint", help="a policy to train; without one, one from nothing, which grasps nothing")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=4, help="of each run")
    parser.add_argument("--beside", type=int, default=0, metavar="N", help="processes that are busy meanwhile")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    programs = [Path(sys.executable).with_name("vla-train")] * len(args.settings)
    if args.against is not None:
        programs[0] = args.against / ".venv" / "bin" / "vla-train"
    common = [] if args.checkpoint is None else [f"policy.checkpoint={args.checkpoint}"]
    found: list[list[float]] = [[] for _ in args.settings]
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(args.beside)]
    try:
        for number in range(args.rounds):
            for setting, program, rates in zip(args.settings, programs, found, strict=True):
                rates.append(measured(program, [*common, *shlex.split(setting)], args.iterations))
                print(f"round {number + 1}/{args.rounds}  {setting}: {rates[-1]:.0f} env steps/s", flush=True)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    result: dict[str, Any] = {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "busy_processes": args.beside},
        "settings": [
            {
                "overrides": setting,
                "env_steps_per_second": [round(rate, 1) for rate in rates],
                "median": round(statistics.median(rates), 1),
                "over_the_first": round(
                    statistics.median(rate / first for rate, first in zip(rates, found[0], strict=True)), 3
                ),
            }
            for setting, rates in zip(args.settings, found, strict=True)
        ],
    }
    for row in result["settings"]:
        print(f"{row['median']:>7.0f} env steps/s  {row['over_the_first']:.2f} x  {row['overrides']}")
    if args.json is not None:
        write_json(args.json, result)


if __name__ == "__main__":
    main()
