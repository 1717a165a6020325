"""`libero-gym bundle`: compiled scenes for machines that have neither LIBERO nor assets."""

from __future__ import annotations

import os
from pathlib import Path

import click

from libero_gym.cli.help import examples
from libero_gym.cli.task_options import (
    assets_option,
    chosen_tasks,
    compilers_option,
    required_suites_option,
    tasks_option,
)
from libero_gym.tasks.suites import Task


@click.command(
    short_help="Compile scenes into a folder for machines without assets.",
    epilog=examples(
        "libero-gym bundle --suite spatial --task 0 --task 3 --out spatial-bundle",
        "# on the other machine, in Python:",
        'gymnasium.make("libero_gym:libero/Spatial-v0", task=0, assets="spatial-bundle")',
    ),
)
@required_suites_option
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the bundle, new or empty.",
)
@tasks_option
@assets_option
@compilers_option
def bundle(suites: tuple[str, ...], out: Path, names: tuple[str, ...], assets: str, workers: int | None) -> None:
    """Compile scenes into a folder for machines that have only mujoco, llvmlite, numpy and gymnasium.

    There, pass the folder as assets= or in LIBERO_GYM_ASSETS. The version of MuJoCo must be the same.
    The command libero-gym needs click, tabulate and tqdm there, too.
    """
    from libero_gym.assets.source import resolve_assets
    from libero_gym.cli.progress import progress_bar
    from libero_gym.scene.bundle_writer import check_free, write_bundle

    tasks = chosen_tasks(suites, names)
    check_free(out)
    asset_set = resolve_assets(assets)
    with progress_bar(len(tasks)) as advance:
        count = min(workers or os.cpu_count() or 1, len(tasks))
        sizes = write_bundle(tasks, asset_set, out, workers=count, done=advance)
    _print_sizes(sizes, asset_set.name)
    click.echo(f"written: {out}")


def _print_sizes(sizes: dict[Task, int], assets: str) -> None:
    from libero_gym.cli.tables import print_table

    rows = [[task.suite, str(task.index), f"{size / 1e6:.1f}", task.name] for task, size in sizes.items()]
    rows.append(["total", str(len(sizes)), f"{sum(sizes.values()) / 1e6:.1f}", ""])
    click.echo(f"scenes of {assets}; files that tasks share are counted once")
    print_table(["suite", "task", "MB", "name"], rows, right=(1, 2))
