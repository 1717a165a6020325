"""`libero-gym demos`: record, replay and describe demonstrations; export and import LIBERO's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from libero_gym.cli.task_options import AssetsOption, JsonOption, SuiteOption, TasksOption
from libero_gym.errors import OptionError

if TYPE_CHECKING:
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.record import TaskReport
    from libero_gym.demos.replay import ReplayResult

app = typer.Typer(no_args_is_help=False, rich_markup_mode="rich")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="Dataset: a Minari id or a folder.")
]
OutOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="NAME",
        show_default=False,
        help="Dataset to write: a Minari id such as libero/spatial-builtin-v0, or a folder, which begins with / or ./",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Number of worker processes; one per processor by default.", show_default=False
    ),
]


@app.callback(
    invoke_without_command=True,
    epilog="Examples: [bold]libero-gym demos --suite spatial --per-task 5 --split train --out "
    "libero/spatial-builtin-v0[/bold], [bold]libero-gym demos replay libero/spatial-builtin-v0[/bold]",
)
def demos(
    context: typer.Context,
    suite: SuiteOption = None,
    out: OutOption = None,
    task: TasksOption = None,
    per_task: Annotated[int, typer.Option("--per-task", min=1, help="Number of episodes per task.")] = 10,
    split: Annotated[
        str,
        typer.Option(
            "--split", metavar="train|eval|all", help="Which initial states to use; keep eval for evaluation."
        ),
    ] = "train",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera",
            metavar="agentview|wrist",
            help="Camera to record; repeat for several. Both by default.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Height and width of the images, pixels.")] = 128,
    orientation: Annotated[
        str,
        typer.Option(
            "--orientation",
            metavar="rot180|upright",
            help="Orientation of the images; published policies expect rot180.",
        ),
    ] = "rot180",
    quality: Annotated[
        str, typer.Option("--quality", metavar="reference|fast", help="Render as LIBERO does, or coarser and faster.")
    ] = "reference",
    assets: AssetsOption = "auto",
    keep_failures: Annotated[
        bool, typer.Option("--all", help="Also record failed episodes; they count towards --per-task.")
    ] = False,
    max_steps: Annotated[
        int | None,
        typer.Option("--max-steps", help="Time limit in control steps; the suite's by default.", show_default=False),
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(
            "--max-attempts", min=1, help="Maximum attempts per task; 3 x per-task + 10 by default.", show_default=False
        ),
    ] = None,
    expert: Annotated[
        str | None,
        typer.Option(
            "--expert",
            metavar="MODULE:ATTRIBUTE",
            show_default=False,
            help="Expert: called with (world, rng), has actions(). The scripted expert by default.",
        ),
    ] = None,
    workers: WorkersOption = None,
) -> None:
    """Record demonstrations as a Minari dataset; replay, inspect, export and import datasets with the subcommands.

    Run the same command again to continue an interrupted recording.
    The exit code is 1 if a task has fewer than --per-task episodes.
    """
    if context.invoked_subcommand is not None:
        if suite or out:
            raise OptionError(f"options before {context.invoked_subcommand!r} have no effect; put them after it")
        return
    if suite is None or out is None:
        raise OptionError("--suite and --out are required to record; see libero-gym demos --help")
    from libero_gym.cli.compile_scenes import compile_scenes
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.location import locate
    from libero_gym.demos.record import open_or_create, record
    from libero_gym.demos.schedule import EXPERT, DemoSchedule
    from libero_gym.scene.source import scene_source

    location = locate(out)
    scenes = scene_source(assets)
    chosen = scenes.suite(suite)
    tasks = scenes.select(chosen, task or None)
    schedule = DemoSchedule(
        suite=chosen.name,
        tasks=tuple(selected.id for selected in tasks),
        per_task=per_task,
        split=split,
        seed=seed,
        cameras=tuple(camera) if camera else ("agentview", "wrist"),
        image_size=size,
        image_orientation=orientation,
        render_quality=quality,
        assets=assets,
        max_episode_steps=max_steps,
        keep_failures=keep_failures,
        max_attempts=max_attempts,
        expert=expert or EXPERT,
    )
    processes = workers or _processors()
    dataset = open_or_create(schedule, location)
    compile_scenes(scenes, tasks, processes)
    with progress_bar(per_task * len(tasks), "recording") as advance:
        reports = record(schedule, dataset, min(processes, per_task * len(tasks)), advance)
    _print_reports(reports)
    _print_written(dataset)
    if any(report.kept < report.wanted for report in reports):
        raise SystemExit(1)


@app.command(
    "replay",
    epilog="Examples: libero-gym demos replay libero/spatial-builtin-v0, libero-gym demos replay ./demos --json",
)
def replay_demos(
    name: NameArgument, assets: AssetsOption = "auto", workers: WorkersOption = None, as_json: JsonOption = False
) -> None:
    """Replay the actions of a dataset from the same initial states. Exit code 1 if a success is no longer one."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate
    from libero_gym.demos.replay import replay

    dataset = DemoDataset.open(locate(name))
    with progress_bar(len(dataset.records), "replaying") as advance:
        episodes = replay(dataset, assets, min(workers or _processors(), max(1, len(dataset.records))), advance)
    lost = [episode.id for episode in episodes if episode.recorded_success and not episode.success]
    if as_json:
        tree = {
            "dataset": dataset.location.dataset_id,
            "ok": not lost,
            "episodes": [episode.to_json() for episode in episodes],
        }
        typer.echo(json.dumps(tree, indent=2))
    else:
        _print_replay(episodes)
        exact = sum(episode.difference == 0 for episode in episodes)
        successes = sum(episode.success for episode in episodes)
        summary = f"{successes} of {len(episodes)} succeed, {exact} repeat to the last bit"
        typer.echo(f"{summary}; no longer: {', '.join(map(str, lost))}" if lost else summary)
    if lost:
        raise SystemExit(1)


@app.command("info", epilog="Example: libero-gym demos info libero/spatial-builtin-v0")
def show_info(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show a dataset's environment and asset set, its episodes per task and their lengths, and its statistics."""
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate

    tree = describe(DemoDataset.open(locate(name)))
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
    else:
        _print_info(tree)


@app.command(
    "export", epilog="Example: libero-gym demos export libero/spatial-builtin-v0 --hdf5 datasets/libero_spatial"
)
def export_demos(
    name: NameArgument,
    hdf5: Annotated[Path, typer.Option("--hdf5", metavar="DIR", help="Folder for the files.", show_default=False)],
) -> None:
    """Export a dataset to LIBERO's own HDF5 layout, a TASK_demo.hdf5 for each task."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.libero_export import export_files
    from libero_gym.demos.location import locate

    dataset = DemoDataset.open(locate(name))
    with progress_bar(len(dataset.records), "writing") as advance:
        files = export_files(dataset, hdf5, advance)
    typer.echo(f"written: {hdf5} ({len(files)} files, {len(dataset.records)} episodes)")


@app.command("import", epilog="Example: libero-gym demos import datasets/libero_spatial --out libero/spatial-human-v0")
def import_demos(
    hdf5: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|DIR", show_default=False, help="A *_demo.hdf5 file, or a folder of them, of one suite."
        ),
    ],
    out: Annotated[str, typer.Option("--out", metavar="NAME", show_default=False, help="Dataset to write.")],
    suite: Annotated[
        str | None,
        typer.Option("--suite", help="Suite of the tasks; taken from the files by default.", show_default=False),
    ] = None,
    orientation: Annotated[
        str, typer.Option("--orientation", metavar="rot180|upright", help="Orientation of the dataset's images.")
    ] = "rot180",
) -> None:
    """Import files in LIBERO's own HDF5 layout as a Minari dataset."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.libero_import import find_files, import_files
    from libero_gym.demos.location import locate

    files = find_files(hdf5)
    with progress_bar(len(files), "reading") as advance:
        dataset = import_files(files, locate(out), suite, orientation, advance)
    _print_written(dataset)


def describe(dataset: DemoDataset) -> dict[str, Any]:
    """Return a description of a dataset as plain data."""
    from dataclasses import asdict

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


def _print_written(dataset: DemoDataset) -> None:
    steps = sum(record.steps for record in dataset.records)
    typer.echo(f"written: {dataset.location.folder} ({len(dataset.records)} episodes, {steps} control steps)")


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _print_reports(reports: list[TaskReport]) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    table = Table("task", "episodes", "attempts", "failed", box=None, pad_edge=False, header_style="bold")
    table.add_column("instruction and failures", overflow="fold", ratio=1)
    for report in reports:
        lines = [report.task.instruction]
        if report.impossible:
            lines.append(f"no expert: {report.impossible}")
        reasons = Counter(failure.reason for failure in report.failures)
        lines += [f"{count} x {reason}" for reason, count in reasons.most_common(3)]
        counts = (f"{report.kept} of {report.wanted}", str(report.attempts), str(len(report.failures)))
        table.add_row(str(report.task.id), *counts, "\n".join(lines))
    Console(highlight=False).print(table, markup=False)


def _print_replay(episodes: list[ReplayResult]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "task", "episodes", "recorded successes", "successes now", "largest difference", box=None, pad_edge=False
    )
    table.add_column("instruction", overflow="fold", ratio=1, style="dim")
    for task in sorted({episode.task_id for episode in episodes}):
        of_task = [episode for episode in episodes if episode.task_id == task]
        table.add_row(
            str(task),
            str(len(of_task)),
            str(sum(episode.recorded_success for episode in of_task)),
            str(sum(episode.success for episode in of_task)),
            f"{max(episode.difference for episode in of_task):.2g}",
            of_task[0].instruction,
        )
    Console(highlight=False).print(table)


def _print_info(tree: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in tree.items():
        if name not in ("tasks", "statistics"):
            facts.add_row(name, ", ".join(value) if isinstance(value, list) else str(value))
    console.print(facts, markup=False)
    tasks = Table("task", "episodes", "successes", "steps (min, mean, max)", box=None, pad_edge=False)
    tasks.add_column("instruction", overflow="fold", ratio=1)
    for row in tree["tasks"]:
        steps = row["steps"]
        lengths = f"{min(steps)}, {sum(steps) / len(steps):.0f}, {max(steps)}"
        tasks.add_row(str(row["task"]), str(len(steps)), str(row["successes"]), lengths, row["instruction"])
    console.print(tasks)
    if not tree["tasks"]:
        return
    for kind in ("action", "proprio"):
        table = Table(kind, box=None, pad_edge=False)
        found = tree["statistics"][tree["suite"]][kind]
        for column in range(len(found["mean"])):
            table.add_column(str(column), justify="right")
        for name in ("mean", "std", "min", "q01", "q99", "max"):
            table.add_row(name, *(f"{value:.3f}" for value in found[name]))
        console.print(table)
