"""The command `libero-gym`: its subcommands, and how it reports errors."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated

import typer

from libero_gym.cli import assets, demos, tasks
from libero_gym.cli.bundle import bundle
from libero_gym.cli.doctor import doctor
from libero_gym.cli.play import play
from libero_gym.cli.snapshot import snapshot
from libero_gym.errors import LiberoGymError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(requested: bool) -> None:
    if requested:
        packages = ("libero-gym", "gymnasium", "mujoco", "numpy")
        typer.echo(f"{', '.join(f'{name} {version(name)}' for name in packages)}, Python {platform.python_version()}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the versions of the packages and exit."
        ),
    ] = False,
) -> None:
    """Inspect, check, play and record LIBERO's 130 robot-manipulation tasks.

    In Python the tasks are Gymnasium environments, e.g. gymnasium.make("libero_gym:libero/Spatial-v0", task=0).
    """


app.command(epilog="Examples: libero-gym doctor, LIBERO_GYM_ASSETS=my-assets libero-gym doctor --json")(doctor)
app.add_typer(tasks.app, name="tasks")
app.add_typer(assets.app, name="assets")
app.add_typer(demos.app, name="demos")
app.command(
    epilog="Example: libero-gym bundle --suite spatial --task 0 --task 3 --out spatial-bundle, and on the other "
    'machine: gymnasium.make("libero_gym:libero/Spatial-v0", task=0, assets="spatial-bundle")'
)(bundle)

app.command(
    epilog="Examples: libero-gym snapshot --suite spatial --out spatial.png, libero-gym snapshot --suite goal --task 3 "
    "--task 7 --assets official --size 256 --columns 2 --out goal.jpg"
)(snapshot)

app.command(
    epilog="Examples: libero-gym play --suite spatial --task 0 --record episode.npz, "
    "libero-gym play episode.npz, libero-gym play episode.npz --out episode.mp4"
)(play)


def main() -> None:
    """Run the console script `libero-gym`; print a user's error as a line on standard error and exit with code 2."""
    with _errors_as_lines():
        app(prog_name="libero-gym")


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    try:
        yield
    except LiberoGymError as error:
        typer.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise SystemExit(2) from error
