"""A recipe on every seed and on other tasks, untouched: each run from its demonstration to its published states.

    LIBERO_GYM_ASSETS=builtin python benchmarks/seeds.py spatial:3 --seeds 5 --json runs/seeds.json
    LIBERO_GYM_ASSETS=builtin python benchmarks/seeds.py spatial:8 object:2 goal:3 --seeds 1

    SUITE:TASK, seed --benchmarks/learning.py--> a row: after SFT, after RL, episodes, minutes
                                                 and of a task's seeds the mean and the least

Runs come one after the other, with both threads, so that their minutes are those of a run alone; `--jobs 2` runs two
beside each other with a thread each. Say the same command again after an interruption: what is done is not repeated.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from learning import SUITES
from learning_report import table
from learning_runs import read, save

ONE_THREAD = ("trainer.threads=1", "policy.threads=1")


def place(text: str) -> tuple[str, int]:
    """Read SUITE:TASK."""
    suite, _, task = text.partition(":")
    if suite not in SUITES or not task.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: SUITE:TASK, SUITE of {', '.join(SUITES)}")
    return suite, int(task)


def summary(runs: list[dict[str, Any]]) -> str:
    """Return what the runs of one task come to."""
    rates = [run["rl"]["success_rate"] for run in runs]
    starts = [run["sft"]["success_rate"] for run in runs]
    minutes = [run["seconds"]["all"] / 60 for run in runs]
    episodes = [run["curve"][-1]["episodes"] for run in runs]
    return (
        f"libero_{runs[0]['suite']} {runs[0]['task']}, {len(runs)} seed(s): {statistics.mean(starts):.1%} to "
        f"{statistics.mean(rates):.1%} on the mean, {min(rates):.1%} at least; at most {max(minutes):.1f} min and "
        f"{max(episodes):,.0f} episodes"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", type=place, metavar="SUITE:TASK")
    parser.add_argument("--seeds", type=int, default=5, help="0, 1, ..., of each task")
    parser.add_argument("--algorithm", choices=("grpo", "ppo", "ppo_critic"), default="ppo_critic")
    parser.add_argument("--rl", nargs="*", default=[], metavar="KEY=VALUE", help="further overrides of the RL recipe")
    parser.add_argument("--variant", default="", help="what is different by --rl, in words, for the results")
    parser.add_argument("--jobs", type=int, default=1, help="runs beside each other")
    parser.add_argument("--out", type=Path, default=Path("runs", "seeds"), help="folder of the runs")
    parser.add_argument("--json", type=Path, help="all runs by name, as benchmarks/results/learning.json has them")
    args = parser.parse_args()
    if args.seeds < 1 or args.jobs < 1:
        parser.error(f"--seeds {args.seeds} --jobs {args.jobs}; allowed: 1 or more")
    args.out.mkdir(parents=True, exist_ok=True)
    threads = ONE_THREAD if args.jobs > 1 else ()

    def run(job: tuple[str, int, int]) -> int:
        suite, task, seed = job
        folder = args.out / f"{suite}_{task}_{args.algorithm}_seed{seed}"
        command = [sys.executable, str(Path(__file__).with_name("learning.py")), suite, "--task", str(task), "--alone"]
        command += ["--algorithm", args.algorithm, "--seed", str(seed), "--variant", args.variant]
        command += ["--sft", "trainer.iterations=2", *threads, "--rl", *args.rl, *threads]
        command += ["--out", str(folder), "--json", str(folder.with_suffix(".json"))]
        with folder.with_suffix(".log").open("a") as log:
            code = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode
        print(f"{folder.name}: " + ("done" if code == 0 else f"exit code {code}, see {log.name}"), flush=True)
        return code

    jobs = [(suite, task, seed) for suite, task in args.tasks for seed in range(args.seeds)]
    with ThreadPoolExecutor(min(args.jobs, os.cpu_count() or 1)) as pool:
        failed = sum(code != 0 for code in pool.map(run, jobs))
    runs = read([file for file in sorted(args.out.glob(f"*_{args.algorithm}_seed*.json")) if file.is_file()])
    if runs:
        print(table(list(runs.values())))
    for suite, task in args.tasks:
        if of_task := [run for run in runs.values() if (run["suite"], run["task"]) == (suite, task)]:
            print(summary(of_task))
    if args.json is not None and runs:
        save(args.json, runs)
    if failed:
        sys.exit(f"{failed} of {len(jobs)} runs failed; the same command goes on with them")


if __name__ == "__main__":
    main()
