"""`libero-gym demos`: record demonstrations, execute them again, say what a dataset is, exchange LIBERO's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from libero_gym.cli.task_options import AssetsOption, TasksOption
from libero_gym.errors import OptionError

if TYPE_CHECKING:
    from libero_gym.demos.record import TaskReport
    from libero_gym.demos.replay import Replayed

app = typer.Typer(no_args_is_help=False, rich_markup_mode="rich")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="A dataset: a Minari id, or a folder.")
]
OutOption = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="NAME",
        show_default=False,
        help="The dataset: a Minari id such as libero/spatial-builtin-v0, or a folder, which begins with / or ./",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON on standard output.")]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; one a processor.", show_default=False)
]


@app.callback(
    invoke_without_command=True,
    epilog="Examples: [bold]libero-gym demos --suite spatial --per-task 5 --split train --out "
    "libero/spatial-builtin-v0[/bold], [bold]libero-gym demos replay libero/spatial-builtin-v0[/bold]",
)
def demos(
    context: typer.Context,
    suite: Annotated[
        str | None, typer.Option("--suite", help="spatial, object, goal, 10, 90 or 130.", show_default=False)
    ] = None,
    out: OutOption = None,
    task: TasksOption = None,
    per_task: Annotated[int, typer.Option("--per-task", min=1, help="Episodes of each task.")] = 10,
    split: Annotated[
        str, typer.Option("--split", metavar="train|eval|all", help="Initial states; eval is for evaluation.")
    ] = "train",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of everything random.")] = 0,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera", metavar="agentview|wrist", help="May be given more than once; both.", show_default=False
        ),
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Height and width of a picture, pixels.")] = 128,
    orientation: Annotated[
        str,
        typer.Option("--orientation", metavar="rot180|upright", help="rot180 is the published policies' convention."),
    ] = "rot180",
    quality: Annotated[
        str, typer.Option("--quality", metavar="reference|fast", help="As LIBERO draws, or coarser and faster.")
    ] = "reference",
    assets: AssetsOption = "auto",
    keep_failures: Annotated[
        bool, typer.Option("--all", help="Record episodes without success too; they count for --per-task.")
    ] = False,
    max_steps: Annotated[
        int | None, typer.Option("--max-steps", help="Time limit, control steps; the suite's.", show_default=False)
    ] = None,
    max_attempts: Annotated[
        int | None,
        typer.Option("--max-attempts", min=1, help="At a task; 3 x per-task + 10.", show_default=False),
    ] = None,
    expert: Annotated[
        str | None,
        typer.Option(
            "--expert",
            metavar="MODULE:ATTRIBUTE",
            show_default=False,
            help="Who acts: called with (world, rng), has actions(). The scripted expert where it is not given.",
        ),
    ] = None,
    workers: WorkersOption = None,
) -> None:
    """Record demonstrations as a Minari dataset. The same command goes on where it was broken off.

    Exit code 1 if a task has fewer episodes than asked for.
    """
    if context.invoked_subcommand is not None:
        if suite or out:
            raise OptionError(f"options before {context.invoked_subcommand!r} have no effect; put them after it")
        return
    if suite is None or out is None:
        raise OptionError("what is to be recorded, and where? Name --suite and --out, or see libero-gym demos --help")
    from libero_gym.cli.compile_scenes import compile_scenes
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.location import locate
    from libero_gym.demos.plan import EXPERT, Plan
    from libero_gym.demos.record import open_or_create, record
    from libero_gym.scene.source import scene_source

    location = locate(out)
    scenes = scene_source(assets)
    chosen = scenes.suite(suite)
    tasks = scenes.select(chosen, task or None)
    plan = Plan(
        suite=chosen.name,
        tasks=tuple(one.id for one in tasks),
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
    dataset = open_or_create(plan, location)
    compile_scenes(scenes, tasks, processes)
    with progress_bar(per_task * len(tasks), "recording") as done:
        reports = record(plan, dataset, min(processes, per_task * len(tasks)), done)
    _print_reports(reports)
    steps = sum(one.steps for one in dataset.records)
    typer.echo(f"written: {dataset.location.folder} ({len(dataset.records)} episodes, {steps} control steps)")
    if any(report.kept < report.wanted for report in reports):
        raise SystemExit(1)


@app.command(
    "replay",
    epilog="Examples: libero-gym demos replay libero/spatial-builtin-v0, libero-gym demos replay ./demos --json",
)
def replay_demos(
    name: NameArgument, assets: AssetsOption = "auto", workers: WorkersOption = None, as_json: JsonOption = False
) -> None:
    """Execute a dataset's actions again from the same starts. Exit code 1 if a success is no longer one."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate
    from libero_gym.demos.replay import replay

    dataset = DemoDataset.open(locate(name))
    with progress_bar(len(dataset.records), "executing") as done:
        episodes = replay(dataset, assets, min(workers or _processors(), max(1, len(dataset.records))), done)
    lost = [one.id for one in episodes if one.recorded_success and not one.success]
    if as_json:
        tree = {"dataset": dataset.location.dataset_id, "ok": not lost, "episodes": [one.to_json() for one in episodes]}
        typer.echo(json.dumps(tree, indent=2))
    else:
        _print_replayed(episodes)
        exact = sum(one.difference == 0 for one in episodes)
        still = f"{sum(one.success for one in episodes)} of {len(episodes)} succeed, {exact} repeat to the last bit"
        typer.echo(f"{still}; no longer: {', '.join(map(str, lost))}" if lost else still)
    if lost:
        raise SystemExit(1)


@app.command("info", epilog="Example: libero-gym demos info libero/spatial-builtin-v0")
def show_info(name: NameArgument, as_json: JsonOption = False) -> None:
    """What a dataset is: its environment and asset set, episodes of each task, lengths, statistics."""
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
    hdf5: Annotated[Path, typer.Option("--hdf5", metavar="DIR", help="Receives one file a task.", show_default=False)],
) -> None:
    """Write LIBERO's own layout: TASK_demo.hdf5 for each task."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.libero_export import export_files
    from libero_gym.demos.location import locate

    dataset = DemoDataset.open(locate(name))
    with progress_bar(len(dataset.records), "writing") as done:
        files = export_files(dataset, hdf5, done)
    typer.echo(f"written: {hdf5} ({len(files)} files, {len(dataset.records)} episodes)")


@app.command("import", epilog="Example: libero-gym demos import datasets/libero_spatial --out libero/spatial-human-v0")
def import_demos(
    hdf5: Annotated[Path, typer.Argument(metavar="FILE|DIR", show_default=False, help="*_demo.hdf5, of one suite.")],
    out: Annotated[str, typer.Option("--out", metavar="NAME", show_default=False, help="The dataset to make.")],
    suite: Annotated[
        str | None,
        typer.Option("--suite", help="Of the tasks; what the files say where it is not given.", show_default=False),
    ] = None,
    orientation: Annotated[
        str, typer.Option("--orientation", metavar="rot180|upright", help="How the pictures are to be turned.")
    ] = "rot180",
) -> None:
    """Make a Minari dataset of files in LIBERO's own layout."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.libero_import import find_files, import_files
    from libero_gym.demos.location import locate

    files = find_files(hdf5)
    with progress_bar(len(files), "reading") as done:
        dataset = import_files(files, locate(out), suite, orientation, done)
    steps = sum(one.steps for one in dataset.records)
    typer.echo(f"written: {dataset.location.folder} ({len(dataset.records)} episodes, {steps} control steps)")


def describe(dataset: Any) -> dict[str, Any]:
    """A dataset as plain data."""
    from dataclasses import asdict

    tasks: dict[int, dict[str, Any]] = {}
    for record in dataset.records:
        known = record.attributes
        row = tasks.setdefault(
            int(known["task_id"]),
            {"task": int(known["task_id"]), "instruction": str(known["instruction"]), "successes": 0, "steps": []},
        )
        row["successes"] += bool(known["success"])
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


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _print_reports(reports: list[TaskReport]) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    table = Table("task", "episodes", "attempts", "failed", box=None, pad_edge=False, header_style="bold")
    table.add_column("instruction, and what failed", overflow="fold", ratio=1)
    for report in reports:
        said = [report.task.instruction]
        if report.impossible:
            said.append(f"no expert: {report.impossible}")
        said += [
            f"{count} x {reason}" for reason, count in Counter(one.reason for one in report.failures).most_common(3)
        ]
        counts = (f"{report.kept} of {report.wanted}", str(report.attempts), str(len(report.failures)))
        table.add_row(str(report.task.id), *counts, "\n".join(said))
    Console(highlight=False).print(table, markup=False)


def _print_replayed(episodes: list[Replayed]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("task", "episodes", "were successes", "succeed now", "largest difference", box=None, pad_edge=False)
    table.add_column("instruction", overflow="fold", ratio=1, style="dim")
    for task in sorted({one.task_id for one in episodes}):
        some = [one for one in episodes if one.task_id == task]
        table.add_row(
            str(task),
            str(len(some)),
            str(sum(one.recorded_success for one in some)),
            str(sum(one.success for one in some)),
            f"{max(one.difference for one in some):.2g}",
            some[0].instruction,
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
    for what in ("action", "proprio"):
        table = Table(what, box=None, pad_edge=False)
        found = tree["statistics"][tree["suite"]][what]
        for column in range(len(found["mean"])):
            table.add_column(str(column), justify="right")
        for name in ("mean", "std", "min", "q01", "q99", "max"):
            table.add_row(name, *(f"{value:.3f}" for value in found[name]))
        console.print(table)
