"""The command `libero-gym`. Nothing heavy is imported before it is needed: help comes at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.errors import LiberoGymError, OptionError
from libero_gym.tasks.suites import Task, load_suite

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="LIBERO's 130 robot-manipulation tasks as Gymnasium environments.",
)


@app.callback()
def _commands() -> None:
    """Makes subcommands of the functions below, even while there is only one."""


@app.command(
    epilog="Example: libero-gym bundle --suite spatial --task 0 --task 3 --out spatial-bundle, and on the other "
    'machine gymnasium.make("libero/Spatial-v0", task=0, assets="spatial-bundle")'
)
def bundle(
    suite: Annotated[
        list[str],
        typer.Option("--suite", help="spatial, object, goal, 10 or 90; may be given more than once."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The bundle's folder: a new or an empty one.")],
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="INDEX|NAME",
            help="A task of the suite; may be given more than once. All of them where it is not given.",
            show_default=False,
        ),
    ] = None,
    assets: Annotated[
        str, typer.Option("--assets", metavar="auto|official|builtin|FOLDER", help="What the scenes are made from.")
    ] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Scenes compiled at once, about 1 GB each; one a processor.", show_default=False
        ),
    ] = None,
) -> None:
    """Compile scenes into a folder that runs where only mujoco, numba, numpy and gymnasium are.

    There, pass the folder as assets= or in LIBERO_GYM_ASSETS. The version of MuJoCo must be the same.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from libero_gym.assets.source import resolve_assets
    from libero_gym.scene.bundle_writer import check_free, write_bundle

    tasks = _chosen(suite, task)
    check_free(out)
    asset_set = resolve_assets(assets)
    for chosen in tasks:
        asset_set.check_covers(chosen)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("compiling scenes", total=len(tasks))
        sizes = write_bundle(
            tasks,
            asset_set,
            out,
            workers=min(workers or os.cpu_count() or 1, len(tasks)),
            done=lambda _: progress.advance(bar),
        )
    Console().print(_summary(sizes, asset_set.name))
    typer.echo(f"written: {out}")


def main() -> None:
    """The console script `libero-gym`: what a user can mend becomes one line on standard error and exit code 2."""
    with _one_line():
        app(prog_name="libero-gym")


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except LiberoGymError as error:
        typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise SystemExit(2) from error


def _chosen(suites: list[str], names: list[str] | None) -> list[Task]:
    """The tasks of a command line, each once, in the order of the suites.

    Raises:
        OptionError: an unknown suite or task, or tasks of more than one suite.
    """
    loaded = list(dict.fromkeys(load_suite(name) for name in suites))
    if names and len(loaded) > 1:
        raise OptionError(f"--task {names[0]} with {len(loaded)} suites; name one suite, or leave --task out")
    tasks = {task for suite in loaded for task in suite.select(names or None)}
    return sorted(tasks, key=lambda task: ([suite.name for suite in loaded].index(task.suite), task.index))


def _summary(sizes: dict[Task, int], assets: str) -> Table:
    from rich.table import Table

    table = Table("suite", "task", "name", title=f"scenes of {assets}", caption="What tasks share is counted once.")
    table.add_column("MB", justify="right")
    for task, size in sizes.items():
        table.add_row(task.suite, str(task.index), task.name, f"{size / 1e6:.1f}")
    table.add_section()
    table.add_row("total", str(len(sizes)), "", f"{sum(sizes.values()) / 1e6:.1f}")
    return table
