"""What `libero-gym demos` prints of recordings, replays and datasets."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from libero_gym.cli.tables import print_facts, print_table

if TYPE_CHECKING:
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.record import TaskReport
    from libero_gym.demos.replay import ReplayResult


def describe(dataset: DemoDataset) -> dict[str, Any]:
    """Return a description of a dataset as plain data."""
    tasks: dict[int, dict[str, Any]] = {}
    for record in dataset.records:
        attributes = record.attributes
        row = tasks.setdefault(
            int(attributes["task_id"]),
            {
                "task": int(attributes["task_id"]),
                "instruction": str(attributes["instruction"]),
                "successes": 0,
                "steps": [],
            },
        )
        row["successes"] += bool(attributes["success"])
        row["steps"].append(record.steps)
    size = sum(path.stat().st_size for path in dataset.location.data.rglob("*") if path.is_file())
    return {
        "dataset": dataset.location.dataset_id,
        "folder": str(dataset.location.folder),
        "episodes": len(dataset.records),
        "steps": sum(record.steps for record in dataset.records),
        "megabytes": round(size / 1e6, 1),
        **asdict(dataset.header),
        "tasks": [tasks[key] for key in sorted(tasks)],
        "statistics": dataset.statistics(),
    }


def print_reports(reports: list[TaskReport]) -> None:
    """Print how many episodes of each task were recorded, and why attempts failed."""
    rows = []
    for report in reports:
        lines = [report.task.instruction]
        if report.impossible:
            lines.append(f"no expert: {report.impossible}")
        reasons = Counter(failure.reason for failure in report.failures)
        lines += [f"{count} x {reason}" for reason, count in reasons.most_common(3)]
        counts = (f"{report.kept} of {report.wanted}", str(report.attempts), str(len(report.failures)))
        rows.append([str(report.task.id), *counts, "\n".join(lines)])
    print_table(["task", "episodes", "attempts", "failed", "instruction and failures"], rows)


def print_replay(episodes: list[ReplayResult]) -> None:
    """Print how the episodes of each task went, recorded and now."""
    rows = []
    for task in sorted({episode.task_id for episode in episodes}):
        of_task = [episode for episode in episodes if episode.task_id == task]
        rows.append(
            [
                str(task),
                str(len(of_task)),
                str(sum(episode.recorded_success for episode in of_task)),
                str(sum(episode.success for episode in of_task)),
                f"{max(episode.difference for episode in of_task):.2g}",
                of_task[0].instruction,
            ]
        )
    headers = ["task", "episodes", "recorded successes", "successes now", "largest difference", "instruction"]
    print_table(headers, rows)


def print_info(tree: dict[str, Any]) -> None:
    """Print the description of a dataset."""
    facts = {name: value for name, value in tree.items() if name not in ("tasks", "statistics", "task_spec")}
    if not facts["task_sha256"]:
        del facts["task_sha256"]
    print_facts([(name, ", ".join(value) if isinstance(value, list) else str(value)) for name, value in facts.items()])
    rows = []
    for row in tree["tasks"]:
        steps = row["steps"]
        lengths = f"{min(steps)}, {sum(steps) / len(steps):.0f}, {max(steps)}"
        rows.append([str(row["task"]), str(len(steps)), str(row["successes"]), lengths, row["instruction"]])
    print_table(["task", "episodes", "successes", "steps (min, mean, max)", "instruction"], rows)
    for kind in ("action", "proprio") if rows else ():
        found = tree["statistics"][tree["suite"]][kind]
        numbers = range(len(found["mean"]))
        print_table(
            [kind, *map(str, numbers)],
            [
                [name, *(f"{value:.3f}" for value in found[name])]
                for name in ("mean", "std", "min", "q01", "q99", "max")
            ],
            right=[number + 1 for number in numbers],
            wrapped=0,
        )
