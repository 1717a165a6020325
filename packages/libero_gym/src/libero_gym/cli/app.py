"""The command `libero-gym`: its subcommands, and how it reports errors."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import click

from libero_gym.cli.assets import assets
from libero_gym.cli.bundle import bundle
from libero_gym.cli.demos import demos
from libero_gym.cli.doctor import doctor
from libero_gym.cli.help import Group
from libero_gym.cli.play import play
from libero_gym.cli.shifts import shifts
from libero_gym.cli.snapshot import snapshot
from libero_gym.cli.tasks import tasks
from libero_gym.errors import LiberoGymError


def _show_version(context: click.Context, option: click.Parameter, requested: bool) -> None:
    if requested:
        packages = ("libero-gym", "gymnasium", "mujoco", "numpy")
        click.echo(f"{', '.join(f'{name} {version(name)}' for name in packages)}, Python {platform.python_version()}")
        context.exit()


@click.group(cls=Group, context_settings={"show_default": True, "max_content_width": 120})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions of the packages and exit.",
)
@click.pass_context
def app(context: click.Context) -> None:
    """Inspect, check, play and record LIBERO's 130 robot-manipulation tasks.

    In Python the tasks are Gymnasium environments, e.g. gymnasium.make("libero_gym:libero/Spatial-v0", task=0).
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


for command in (doctor, bundle, snapshot, play, tasks, shifts, assets, demos):
    app.add_command(command)


def main() -> None:
    """Run the console script `libero-gym`; print a user's error as a line on standard error and exit with code 2."""
    with _errors_as_lines():
        app(prog_name="libero-gym")


@contextmanager
def _errors_as_lines() -> Iterator[None]:
    try:
        yield
    except LiberoGymError as error:
        click.echo(f"{type(error).__name__}: {' '.join(str(error).split())}", err=True)
        raise SystemExit(2) from error
