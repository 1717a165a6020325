"""Results of benchmarks/learning.py as a page shows them: a table of runs, and success against episodes and minutes.

python benchmarks/learning_report.py benchmarks/results/learning.json --only spatial_all --plot docs/images/learning.png
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learning_runs import Run, read, save

WINDOW = 5
"""Iterations that a point of the curve is the mean of."""
HEAD = "| tasks | algorithm | seed | after SFT | after RL | episodes | env steps/s, collect and update | in all |"

Result = Run


def wilson(successes: float, episodes: float) -> tuple[float, float]:
    """95% interval of a rate."""
    z = 1.959964
    rate, scale = successes / episodes, 1 + z**2 / episodes
    middle = (rate + z**2 / (2 * episodes)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / episodes + z**2 / (4 * episodes**2))
    return middle - half, middle + half


def smoothed(entries: Sequence[dict[str, Any]]) -> list[tuple[float, float, float]]:
    """Of a curve, at each iteration: success of the last WINDOW, and its interval as if episodes were independent."""
    points = []
    for index in range(len(entries)):
        window = entries[max(index - WINDOW + 1, 0) : index + 1]
        episodes = sum(entry["iteration_episodes"] for entry in window)
        successes = sum(entry["success_rate"] * entry["iteration_episodes"] for entry in window)
        points.append((successes / episodes, *wilson(successes, episodes)))
    return points


def tasks_of(result: Result) -> str:
    """Suite and task."""
    return f"libero_{result['suite']}" + ("" if result["task"] is None else f" {result['task']}")


def algorithm_of(result: Result) -> str:
    """Algorithm, and what else is different."""
    return str(result["algorithm"]).upper() + (f", {result['variant']}" if result.get("variant") else "")


def table(results: Sequence[Result]) -> str:
    """A row a run, as Markdown."""
    lines = [HEAD, "|---|---|---|---|---|---|---|---|"]
    for one in results:
        counts = [f"{each['successes']} of {each['episodes']}, {each['success_rate']:.1%}" for each in _evaluated(one)]
        cells = [
            tasks_of(one),
            algorithm_of(one),
            str(one["seed"]),
            *counts,
            f"{one['curve'][-1]['episodes']:,.0f}",
            f"{one['throughput']['env_steps_per_second']:.0f}",
            f"{one['seconds']['all'] / 60:.1f} min",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(results: Sequence[Result], file: Path) -> None:
    """Success against episodes and against minutes; runs that differ in the seed alone have one colour."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    names = list(dict.fromkeys((tasks_of(one), algorithm_of(one)) for one in results))
    several = len({tasks for tasks, _ in names}) > 1
    said: set[str] = set()
    for one in results:
        tasks, algorithm = tasks_of(one), algorithm_of(one)
        label = f"{tasks}: {algorithm}" if several else algorithm
        color = f"C{names.index((tasks, algorithm)) % 10}"
        rate, low, high = zip(*smoothed(one["curve"]), strict=True)
        for axis, name, scale in ((axes[0], "episodes", 1), (axes[1], "seconds", 60)):
            places = [entry[name] / scale for entry in one["curve"]]
            axis.fill_between(places, low, high, alpha=0.12, linewidth=0, color=color)
            axis.plot(places, rate, color=color, label=None if label in said else label, linewidth=1.4)
            for each, marker, place in zip(_evaluated(one), "os", (places[0], places[-1]), strict=True):
                at = each["success_rate"]
                # at 0 and 100% the interval ends there, but for rounding
                errors = [[max(at - each["interval"][0], 0.0)], [max(each["interval"][1] - at, 0.0)]]
                axis.errorbar([place], [at], yerr=errors, fmt=marker, capsize=3, color=color)
        said.add(label)
    axes[0].set(xlabel="training episodes", ylabel="success rate", ylim=(-0.02, 1.02))
    axes[1].set(xlabel="minutes since the first demonstration")
    axes[0].legend(loc="lower right", fontsize=8)
    for axis in axes:
        axis.grid(alpha=0.3)
    title = "" if several else f"{names[0][0]}: "
    figure.suptitle(
        f"{title}one demonstration a task, then reinforcement learning on success alone\n"
        f"lines: sampled while training, {WINDOW} iterations; circles and squares: published states before and after",
        fontsize=10,
    )
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def plot_tasks(result: Result, file: Path) -> None:
    """Success of each task against the episodes of all, where a policy has several."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tasks = result["sft"]["tasks"]
    columns = min(len(tasks), 5)
    rows = math.ceil(len(tasks) / columns)
    figure, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(2.6 * columns, 2.4 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    shared = _shared_words(tasks)
    for number, (axis, task) in enumerate(zip(axes.flat, tasks, strict=False)):
        sampled = [(entry["episodes"], entry["by_task"][task]) for entry in result["curve"] if task in entry["by_task"]]
        if sampled:
            places, rates = zip(*sampled, strict=True)
            means = [sum(rates[max(i - WINDOW + 1, 0) : i + 1]) / min(i + 1, WINDOW) for i in range(len(rates))]
            axis.plot(places, means, linewidth=1.2)
        ends = (0, result["curve"][-1]["episodes"])
        for each, marker, place in zip(_evaluated(result), "os", ends, strict=True):
            axis.plot([place], [each["by_task"][number] / each["episodes_by_task"][number]], marker, color="C1")
        axis.set(ylim=(-0.05, 1.05))
        axis.set_title(f"{number}: {_without(task, shared)}", fontsize=8)
        axis.grid(alpha=0.3)
    for axis in list(axes.flat)[len(tasks) :]:
        axis.set_visible(False)
    figure.supxlabel("training episodes of all tasks", fontsize=9)
    figure.supylabel("success rate", fontsize=9)
    figure.suptitle(
        f"{tasks_of(result)}: {algorithm_of(result)}; lines: sampled while training, {WINDOW} iterations; "
        "marks: published states before and after",
        fontsize=9,
    )
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _shared_words(tasks: Sequence[str]) -> tuple[int, int]:
    """How many words all names begin with, and how many they end with."""
    words = [task.split("_") for task in tasks]
    shortest = min(map(len, words))
    first = next((i for i in range(shortest) if len({each[i] for each in words}) > 1), shortest)
    last = next((i for i in range(shortest - first) if len({each[-1 - i] for each in words}) > 1), shortest - first)
    return first, last


def _without(task: str, shared: tuple[int, int]) -> str:
    """A task's name without the words that all have."""
    words = task.split("_")
    return " ".join(words[shared[0] : len(words) - shared[1]]) or task.replace("_", " ")


def _evaluated(result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
    return result["sft"], result["rl"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="JSON files of benchmarks/learning.py")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of a file with several runs these")
    parser.add_argument("--write", type=Path, help="also write the runs into one file")
    parser.add_argument("--plot", type=Path, help="also draw the curves")
    parser.add_argument("--plot-tasks", type=Path, help="also draw the first result's tasks, each by itself")
    args = parser.parse_args()
    runs = read(args.results)
    if unknown := set(args.only or ()) - set(runs):
        parser.error(f"--only: {', '.join(sorted(unknown))}; there are {', '.join(runs)}")
    runs = {name: runs[name] for name in args.only or runs}
    if args.write is not None:
        save(args.write, runs)
    # a run that was stopped has no evaluation at its end, and no row
    results = [run for run in runs.values() if "rl" in run]
    print(table(results))
    if args.plot is not None:
        plot(results, args.plot)
    if args.plot_tasks is not None:
        plot_tasks(results[0], args.plot_tasks)


if __name__ == "__main__":
    main()
