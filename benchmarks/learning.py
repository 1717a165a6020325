"""The headline in miniature: one demonstration a task, then reinforcement learning, on this machine's cores.

    demonstrations --> SFT on one a task --> published states --> GRPO or PPO on training states --> published states
    of the suite                             (evaluation)         of all tasks or one                (evaluation)

Each stage is a command of the packages in a process of its own. A benchmark that was broken off goes on: what is done
is not repeated, training resumes, under the overrides that are given now. One JSON holds machine, commands, seconds of
each stage, both evaluations and the curve; the plot shows success against episodes and against time, which counts from
the first demonstration on.

    LIBERO_GYM_ASSETS=builtin python benchmarks/learning.py spatial --json runs/learning_spatial.json
    LIBERO_GYM_ASSETS=builtin python benchmarks/learning.py spatial --task 3 --alone --sft trainer.iterations=2 --seed 1

Training episodes end after LIMIT_FACTOR times the steps of their task's demonstration, those of an evaluation at the
suite's own limit: what has not succeeded by then hardly ever does, and would be most of what is simulated and learned
from.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import torch
from learning_report import plot, plot_tasks
from learning_runs import save

from vla_trainer.metrics import ROLLOUT_PER_TASK

SUITES = {"spatial": 220, "object": 280, "goal": 300, "10": 520}
"""Steps of an episode in published evaluations."""
LIMIT_FACTOR = 1.6
DATASET = "libero/learning-{tasks}-{seed}-v0"
STAGES = ("demonstrations", "sft", "start", "rl")


class Stages:
    """Commands that have ended well, and their seconds; kept in a file, so that they are run once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.done: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else {}

    def run(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        """Run a command unless it has been. Seconds of attempts that were broken off count, too."""
        record = self.done.get(name, {"seconds": 0.0, "finished": False})
        if record["finished"]:
            print(f"{name}: done before, in {record['seconds']:.0f} s")
            return
        print(f"{name}: {shlex.join(command)}", flush=True)
        begin = time.perf_counter()
        try:
            variables = {**os.environ, **environment}
            found = shutil.which(command[0], path=variables["PATH"]) or command[0]
            code = subprocess.run([found, *command[1:]], env=variables).returncode
        finally:
            record["seconds"] += time.perf_counter() - begin
            said, commands = shlex.join(command), record.setdefault("commands", [])
            if commands[-1:] != [said]:
                commands.append(said)
            self.done[name] = record
            self._write()
        if code:
            sys.exit(f"{name}: exit code {code}; the same command goes on from here")
        record["finished"] = True
        self._write()

    def _write(self) -> None:
        aside = self._file.with_suffix(".tmp")
        aside.write_text(json.dumps(self.done, indent=2) + "\n")
        aside.replace(self._file)


def train(recipe: str, folder: Path, base: list[str], chosen: list[str], iterations: int | None = None) -> list[str]:
    """The command that trains into `folder`, or goes on with what is there, to the end of `iterations`; None: the
    recipe's, or what the run began with. Overrides that were `chosen` apply to a run that goes on, too."""
    chosen = [*chosen, *([] if iterations is None else [f"trainer.iterations={iterations}"])]
    if (folder / "checkpoints").is_dir() and any((folder / "checkpoints").iterdir()):
        return ["vla-train", "--resume", str(folder), *chosen]
    return ["vla-train", recipe, *base, *chosen, f"output_dir={folder}"]


def newest(run: Path) -> Path:
    """A run's last checkpoint."""
    return max((run / "checkpoints").glob("step_*"))


def training_limits(file: Path, published: int, chunk: int = 8) -> dict[int, int]:
    """Steps of a training episode of each task, whole chunks of them, by the demonstrations in a dataset's
    `main_data.hdf5`."""
    with h5py.File(file) as data:
        steps = sorted((int(group.attrs["task_id"]), int(group.attrs["total_steps"])) for group in data.values())
    return {task: min(math.ceil(LIMIT_FACTOR * count / chunk) * chunk, published) for task, count in steps}


def folder_of(args: argparse.Namespace) -> Path:
    """Where a benchmark's runs are."""
    named = [args.variant.replace(" ", "-")] if args.variant else []
    tasks = "all" if args.task is None else f"{args.task}-alone" if args.alone else str(args.task)
    given: Path | None = args.out
    return given or Path("runs", "learning", "-".join([args.suite, tasks, args.algorithm, *named, str(args.seed)]))


def demonstrate(args: argparse.Namespace, dataset: str) -> list[str]:
    """The command that records one demonstration of each task that is imitated."""
    tasks = ["--task", str(args.task)] if args.alone else []
    images = ["--size", "64", "--quality", "fast", "--camera", "agentview", "--camera", "wrist"]
    told = ["--suite", args.suite, *tasks, "--per-task", "1", *images, "--seed", str(args.seed), "--out", dataset]
    return ["libero-gym", "demos", *told]


def imitate(args: argparse.Namespace, dataset: str) -> list[str]:
    """Overrides that say which demonstrations SFT learns from; the dataset must have all tasks that are named."""
    tasks = [f"env.task={args.task}"] if args.alone else []
    return [*tasks, f"algorithm.dataset={dataset}", "algorithm.episodes_per_task=1"]


def benchmark(args: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Run what has not been, and read the figures."""
    out.mkdir(parents=True, exist_ok=True)
    out = out.resolve()
    stages = Stages(out / "stages.json")
    # the commands that belong to this Python, whether or not its environment is activated
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {"MINARI_DATASETS_PATH": str(out.parent / "datasets"), "PATH": path}
    dataset = DATASET.format(tasks=f"{args.suite}-{args.task}" if args.alone else args.suite, seed=args.seed)
    suite = f"env.id=libero_gym:libero/{args.suite.capitalize()}-v0"
    common = [suite, f"trainer.seed={args.seed}"]
    which = [] if args.task is None else [f"env.task={args.task}"]
    which += [f"eval.episodes={args.states or (500 if args.task is None else 50)}"]
    stages.run("demonstrations", demonstrate(args, dataset), environment)
    told = [*common, *imitate(args, dataset)]
    chosen = [*args.sft, "eval.episodes=null"]  # which states matter is up to `start`
    stages.run("sft", train("tiny_spatial_sft", out / "sft", told, chosen), environment)
    stages.run("start", ["vla-eval", str(out / "sft"), *which], environment)
    if args.algorithm != "none":
        several = "all_" if args.task is None and args.algorithm == "grpo" else ""
        recipe = f"tiny_spatial_{several}{args.algorithm}_from_sft"
        file = Path(environment["MINARI_DATASETS_PATH"], dataset, "data", "main_data.hdf5")
        by_task = training_limits(file, SUITES[args.suite])
        if args.task is None:
            pairs = ", ".join(f"{task}: {steps}" for task, steps in by_task.items())
            limits = [
                f"env.max_episode_steps={max(by_task.values())}",
                f"env.max_steps_by_task={{{pairs}}}",
                "eval.max_steps_by_task=null",
            ]
        else:
            limits = [f"env.max_episode_steps={by_task[args.task]}"]
        limits.append(f"eval.max_episode_steps={SUITES[args.suite]}")
        before = [f"policy.checkpoint={newest(out / 'sft')}", f"video_cfg.beside={out / 'sft'}"]
        told = [*common, *which, *limits, *before]
        stages.run("rl", train(recipe, out / "rl", told, args.rl, args.iterations), environment)
    return figures(args, out, stages)


def figures(args: argparse.Namespace, out: Path, stages: Stages) -> dict[str, Any]:
    """What the runs' files say."""
    seconds = {name: stages.done[name]["seconds"] for name in STAGES if name in stages.done}
    points: list[dict[str, Any]] = []
    if args.algorithm != "none":
        before = sum(seconds.values()) - seconds["rl"]
        points = curve(out / "rl", before)
        # a benchmark that was killed could not write down what it had spent; its iterations could
        seconds["rl"] = max(seconds["rl"], points[-1]["seconds"] - before)
    result: dict[str, Any] = {
        "suite": args.suite,
        "task": args.task,
        "algorithm": args.algorithm,
        "variant": args.variant,
        "seed": args.seed,
        "machine": {"processor": processor(), "cores": os.cpu_count(), "gpu": gpu()},
        "assets": os.environ.get("LIBERO_GYM_ASSETS", "auto"),
        "commands": {
            name: "; then ".join(record["commands"]).replace(str(out), "RUN") for name, record in stages.done.items()
        },
        "seconds": {**seconds, "all": sum(seconds.values())},
        "sft": evaluation(out / "sft"),
    }
    if args.algorithm != "none":
        result["rl"] = evaluation(out / "rl")
        result["gain"] = result["rl"]["success_rate"] - result["sft"]["success_rate"]
        result["curve"] = points
        result["throughput"] = throughput(points)
    return result


def processor() -> str:
    """The machine's, by name where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def gpu() -> str | None:
    """The first one's name."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def evaluation(run: Path) -> dict[str, Any]:
    """Of `eval.json`, without its episodes."""
    read = json.loads((run / "eval.json").read_text())
    kept = ("heading", "episodes", "successes", "success_rate", "interval")
    tasks = {name: [task[name] for task in read["tasks"]] for name in ("task", "successes", "episodes")}
    return {
        **{name: read[name] for name in kept},
        "tasks": tasks["task"],
        "by_task": tasks["successes"],
        "episodes_by_task": tasks["episodes"],
    }


def curve(run: Path, before: float) -> list[dict[str, Any]]:
    """An entry an iteration: success of the episodes that were sampled for it, before the update, in all and of each
    task where they are of several; `before` are the seconds of the stages before."""
    entries, episodes, env_steps, seconds = [], 0.0, 0.0, before
    for line in (run / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        spent = row["time/iteration"] - row.get("time/eval", 0.0)
        seconds += spent
        episodes += row["rollout/episodes"]
        env_steps += row["throughput/env_steps_per_second"] * row["time/rollout"]
        entries.append(
            {
                "iteration": row["iteration"],
                "seconds": seconds,
                "episodes": episodes,
                "env_steps": env_steps,
                "success_rate": row["rollout/success_rate"],
                # that success is of
                "iteration_episodes": row["rollout/episodes"] * (1 - row.get("rollout/saved_start_fraction", 0.0)),
                "iteration_seconds": spent,
                "entropy": row.get("actor/entropy", math.nan),
                "approx_kl": row.get("actor/approx_kl", math.nan),
                "by_task": {
                    name.removeprefix(ROLLOUT_PER_TASK): row[name] for name in row if name.startswith(ROLLOUT_PER_TASK)
                },
            }
        )
    return entries


def throughput(entries: list[dict[str, Any]]) -> dict[str, float]:
    """Environment steps a second of collect and update together."""
    seconds = sum(entry["iteration_seconds"] for entry in entries)
    return {"env_steps_per_second": entries[-1]["env_steps"] / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--task", type=int, help="one task of the suite; all of them by one policy where not given")
    parser.add_argument("--alone", action="store_true", help="with --task: demonstrate and imitate that task alone")
    parser.add_argument(
        "--algorithm", choices=("grpo", "ppo", "ppo_critic", "none"), default="grpo", help="none: only the start"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--iterations", type=int, help="of reinforcement learning; the recipe's")
    parser.add_argument("--states", type=int, help="published states of each evaluation; all where not given")
    parser.add_argument("--sft", nargs="*", default=[], metavar="KEY=VALUE", help="further overrides of the SFT recipe")
    parser.add_argument("--rl", nargs="*", default=[], metavar="KEY=VALUE", help="further overrides of the RL recipe")
    parser.add_argument("--out", type=Path, help="folder of the runs; goes on with what is there")
    parser.add_argument("--variant", default="", help="what is different by --sft and --rl, in words, for the results")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--report", action="store_true", help="write what there is in OUT as one page, OUT/report.html")
    parser.add_argument("--plot", type=Path, help="success against episodes and minutes")
    parser.add_argument("--plot-tasks", type=Path, help="success of each task against episodes, where they are several")
    args = parser.parse_args()
    if args.alone and args.task is None:
        parser.error("--alone is for one task, and --task does not say which")
    out = folder_of(args)
    result = benchmark(args, out)
    if args.json is not None:
        save(args.json, {args.json.stem: result})
    start = result["sft"]
    print(f"after SFT: {start['successes']} of {start['episodes']} published states ({start['success_rate']:.1%})")
    if "rl" in result:
        end = result["rl"]
        print(
            f"after {args.algorithm.upper()}: {end['successes']} of {end['episodes']} ({end['success_rate']:.1%}), "
            f"{result['throughput']['env_steps_per_second']:.0f} env steps/s, {result['seconds']['all'] / 60:.1f} min"
        )
        for video in sorted((out / "rl" / "video" / "beside").glob("*_state00.mp4"))[:1]:
            print(f"published state 0 before and after: {video}")
        if args.report:
            program = str(Path(sys.executable).with_name("vla-report"))
            runs = [str(out / "sft"), str(out / "rl")]
            subprocess.run([program, *runs, "--out", str(out / "report.html")], check=True)
        if args.plot is not None:
            plot([result], args.plot)
        if args.plot_tasks is not None:
            plot_tasks(result, args.plot_tasks)


if __name__ == "__main__":
    main()
