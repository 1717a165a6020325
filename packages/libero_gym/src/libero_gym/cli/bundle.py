"""`libero-gym bundle`: compiled scenes for machines that have neither LIBERO nor assets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.cli.task_options import SUITES_HELP, AssetsOption, TasksOption, WorkersOption, chosen_tasks
from libero_gym.tasks.suites import Task

if TYPE_CHECKING:
    from rich.table import Table


def bundle(
    suite: Annotated[list[str], typer.Option("--suite", help=SUITES_HELP)],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the bundle, new or empty.")],
    task: TasksOption = None,
    assets: AssetsOption = "auto",
    workers: WorkersOption = None,
) -> None:
    """Compile scenes into a folder for machines that have only mujoco, llvmlite, numpy and gymnasium.

    There, pass the folder as assets= or in LIBERO_GYM_ASSETS. The version of MuJoCo must be the same.
    The command libero-gym needs typer and rich there, too.
    """
    from rich.console import Console

    from libero_gym.assets.source import resolve_assets
    from libero_gym.cli.progress import progress_bar
    from libero_gym.scene.bundle_writer import check_free, write_bundle

    tasks = chosen_tasks(suite, task)
    check_free(out)
    asset_set = resolve_assets(assets)
    with progress_bar(len(tasks)) as advance:
        count = min(workers or os.cpu_count() or 1, len(tasks))
        sizes = write_bundle(tasks, asset_set, out, workers=count, done=advance)
    Console().print(_summary(sizes, asset_set.name))
    typer.echo(f"written: {out}")


def _summary(sizes: dict[Task, int], assets: str) -> Table:
    from rich.table import Table

    table = Table(
        "suite", "task", "name", title=f"scenes of {assets}", caption="Files that tasks share are counted once."
    )
    table.add_column("MB", justify="right")
    for task, size in sizes.items():
        table.add_row(task.suite, str(task.index), task.name, f"{size / 1e6:.1f}")
    table.add_section()
    table.add_row("total", str(len(sizes)), "", f"{sum(sizes.values()) / 1e6:.1f}")
    return table
