"""`libero-gym shifts`: list the axes, show a task's variants on a contact sheet, have the expert solve them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from libero_gym.cli.help import Group, examples
from libero_gym.cli.task_options import assets_option, chosen_tasks, json_option, suite_option, tasks_option
from libero_gym.errors import LiberoGymError, OptionError, unknown

if TYPE_CHECKING:
    from libero_gym.render.contact_sheet import Tile
    from libero_gym.shifts.catalog import Axis
    from libero_gym.tasks.suites import Task

FORMATS = (".png", ".jpg", ".jpeg")
JPEG_QUALITY = 85
#: Share of variants that the expert has to solve.
ENOUGH = 0.9

_axes = click.option(
    "--axis", "axes", metavar="NAME", multiple=True, help="Axis or swap; repeat for several. See `libero-gym shifts`."
)
_levels = click.option(
    "--level", "levels", type=click.IntRange(1, 5), multiple=True, help="Level; repeat for several. All by default."
)


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="List distribution shifts; show and check a task's variants.",
    epilog=examples(
        "libero-gym shifts",
        "libero-gym shifts show --suite spatial --task 0 --axis camera --out camera.png",
        "libero-gym shifts check --suite goal --task 3 --axis layout --variants 5",
    ),
)
@json_option
@click.pass_context
def shifts(context: click.Context, as_json: bool) -> None:
    """List the distribution shifts of `shift=`: seven axes in five levels, and four swaps."""
    from libero_gym.shifts.catalog import CATALOG

    if context.invoked_subcommand is not None:
        if as_json:
            raise OptionError(f"--json before {context.invoked_subcommand!r} has no effect; put it after it")
        return
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(axis) for axis in CATALOG], indent=2))
        return
    from libero_gym.cli.tables import print_table

    print_table(
        ["shift", "levels", "what changes", "how much"],
        [[axis.name, f"1-{axis.levels}" if axis.levels > 1 else "1", axis.changes, axis.most] for axis in CATALOG],
        wrapped=2,
    )
    click.echo('\ngymnasium.make("libero_gym:libero/Spatial-v0", shift="camera:2")        # an axis at a level')
    click.echo('gymnasium.make("libero_gym:libero/Spatial-v0", shift="camera:2:17")     # one variant of it')
    click.echo('gymnasium.make("libero_gym:libero/Spatial-v0", shift="random:0-3")      # all axes, for training')


@shifts.command(
    "show",
    short_help="Render variants of a task onto a contact sheet.",
    epilog=examples(
        "libero-gym shifts show --suite spatial --task 0 --axis layout --level 4 --level 5 --out layout.png"
    ),
)
@suite_option
@tasks_option
@_axes
@_levels
@click.option("--variants", type=click.IntRange(1, 50), default=4, help="Number of variants of each level.")
@click.option("--size", type=click.IntRange(16, 1024), default=160, help="Height and width of an image, pixels.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="Image: .png or .jpg.")
@assets_option
def show(
    suite: str | None,
    names: tuple[str, ...],
    axes: tuple[str, ...],
    levels: tuple[int, ...],
    variants: int,
    size: int,
    out: Path,
    assets: str,
) -> None:
    """Render the agentview of some variants of each level, a row for each level; all axes and swaps without --axis.

    Variant 0 is shown in initial state 0, variant 1 in initial state 1, as an evaluation has them. With --variants 1
    the five levels of an axis are a row.
    """
    from libero_gym.cli.progress import progress_bar
    from libero_gym.render.contact_sheet import contact_sheet

    if out.suffix.lower() not in FORMATS:
        raise OptionError(f"--out {out} ends in {out.suffix!r}; allowed: {', '.join(FORMATS)}")
    tasks, wanted = _tasks(suite, names), _wanted(axes, levels)
    tiles: list[Tile] = []
    with progress_bar(len(tasks) * len(wanted), "rendering") as advance:
        for task in tasks:
            for axis, level in wanted:
                tiles += _row(task, f"{axis.name}:{level}", variants, size, assets)
                advance(axis)
    sheet = contact_sheet(tiles, variants if variants > 1 else 5)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(out, **({"optimize": True} if out.suffix.lower() == ".png" else {"quality": JPEG_QUALITY}))
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({error.strerror})") from error
    kilobytes = out.stat().st_size / 1000
    click.echo(f"written: {out} ({len(tiles)} variants, {sheet.width} x {sheet.height} pixels, {kilobytes:.0f} KB)")


@shifts.command(
    "check",
    short_help="Have the scripted expert solve variants of a task.",
    epilog=examples("libero-gym shifts check --suite goal --task 3 --axis layout --level 5 --variants 10"),
)
@suite_option
@tasks_option
@_axes
@_levels
@click.option("--variants", type=click.IntRange(1, 50), default=5, help="Number of variants of each level.")
@assets_option
@json_option
def check(
    suite: str | None,
    names: tuple[str, ...],
    axes: tuple[str, ...],
    levels: tuple[int, ...],
    variants: int,
    assets: str,
    as_json: bool,
) -> None:
    """Have the scripted expert solve variants, to show that they can be solved; some 3 s a variant.

    Without --axis all that change the first state or the goal. Exit code 1 where fewer than 90% of any row are solved.
    """
    from libero_gym.cli.progress import progress_bar
    from libero_gym.shift_check import check_variants
    from libero_gym.shifts.catalog import CATALOG

    tasks = _tasks(suite, names)
    wanted = _wanted(axes or tuple(axis.name for axis in CATALOG if axis.moves), levels)
    rows: list[dict[str, Any]] = []
    with progress_bar(len(tasks) * len(wanted) * variants, "variants") as advance:
        for task in tasks:
            for axis, level in wanted:
                results = check_variants(task, axis.name, level, range(variants), assets, advance)
                solved = [result.steps for result in results.values() if result.success]
                rows.append(
                    {
                        "suite": task.suite,
                        "task": task.index,
                        "shift": f"{axis.name}:{level}",
                        "solved": len(solved),
                        "tried": len(results),
                        "median_steps": median(solved) if solved else None,
                        "unsolved": [name for name, result in results.items() if not result.success],
                    }
                )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        _print(rows)
    if any(row["solved"] < ENOUGH * row["tried"] for row in rows):
        raise SystemExit(1)


def _print(rows: list[dict[str, Any]]) -> None:
    from libero_gym.cli.tables import print_table

    print_table(
        ["task", "shift", "solved", "median steps", "not solved"],
        [
            [
                f"{row['suite']} {row['task']}",
                row["shift"],
                f"{row['solved']}/{row['tried']}",
                "" if row["median_steps"] is None else f"{row['median_steps']:.0f}",
                ", ".join(row["unsolved"]),
            ]
            for row in rows
        ],
        right=[2, 3],
    )


def _tasks(suite: str | None, names: tuple[str, ...]) -> list[Task]:
    if suite is None:
        raise OptionError("--suite is missing; allowed: spatial, object, goal, 10, 90, 130")
    return chosen_tasks([suite], names)


def _wanted(axes: tuple[str, ...], levels: tuple[int, ...]) -> list[tuple[Axis, int]]:
    """Return axes with their levels."""
    from libero_gym.shifts.catalog import CATALOG

    known = {axis.name: axis for axis in CATALOG}
    for name in axes:
        if name not in known:
            raise unknown(OptionError, "--axis", name, known)
    chosen = [known[name] for name in dict.fromkeys(axes)] or list(CATALOG)
    return [(axis, level) for axis in chosen for level in range(1, axis.levels + 1) if level in (levels or (level,))]


def _row(task: Task, shift: str, variants: int, size: int, assets: str) -> list[Tile]:
    from libero_gym.env import LiberoEnv
    from libero_gym.render.contact_sheet import Tile

    env = LiberoEnv(
        task.suite,
        task=task.index,
        assets=assets,
        cameras=["agentview"],
        image_size=size,
        image_orientation="upright",
        shift=shift,
    )
    tiles = []
    try:
        for state in range(variants):
            observation, info = env.reset(seed=state, options={"init_state": state})
            changed = info["instruction"] != task.instruction
            caption = info["shift"] + (f": {info['instruction']}" if changed else "")
            tiles.append(Tile((observation["image"],), caption))
    finally:
        env.close()
    return tiles
