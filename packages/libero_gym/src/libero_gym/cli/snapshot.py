"""`libero-gym snapshot`: render tasks onto a contact sheet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from libero_gym.cli.help import examples
from libero_gym.cli.task_options import (
    assets_option,
    chosen_tasks,
    compilers_option,
    init_state_option,
    quality_option,
    required_suites_option,
    tasks_option,
)
from libero_gym.errors import LiberoGymError, OptionError, unknown
from libero_gym.tasks.suites import Task

if TYPE_CHECKING:
    from libero_gym.render.contact_sheet import Tile

FORMATS = (".png", ".jpg", ".jpeg")
#: On JPEG's scale: nearly lossless to the eye, at a fifth of the size of a PNG.
JPEG_QUALITY = 82


@click.command(
    short_help="Render tasks onto a contact sheet.",
    epilog=examples(
        "libero-gym snapshot --suite spatial --out spatial.png",
        "libero-gym snapshot --suite goal --task 3 --task 7 --assets official --size 256 --columns 2 --out goal.jpg",
    ),
)
@required_suites_option
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    required=True,
    help="Image to write: .png, or .jpg, a fifth of the size.",
)
@tasks_option
@assets_option
@click.option("--size", type=click.IntRange(16, 1024), default=128, help="Height and width of each view, pixels.")
@click.option("--columns", type=click.IntRange(min=1), default=5, help="Number of tasks in a row.")
@quality_option
@init_state_option
@compilers_option
def snapshot(
    suites: tuple[str, ...],
    out: Path,
    names: tuple[str, ...],
    assets: str,
    size: int,
    columns: int,
    quality: str,
    init_state: int,
    workers: int | None,
) -> None:
    """Render tasks onto a contact sheet: agentview and wrist camera, upright, after settling, with the instruction.

    Scenes that are not in the cache are compiled first: 0.2 s each on the built-in assets, 10 s on LIBERO's own.
    """
    from libero_gym.cli.compile_scenes import compile_scenes
    from libero_gym.cli.progress import progress_bar
    from libero_gym.render.contact_sheet import contact_sheet
    from libero_gym.render.renderer import QUALITIES
    from libero_gym.scene.source import scene_source

    if quality not in QUALITIES:
        raise unknown(OptionError, "--quality", quality, QUALITIES)
    if out.suffix.lower() not in FORMATS:
        raise OptionError(f"--out {out} ends in {out.suffix!r}; allowed: {', '.join(FORMATS)}")
    scenes = scene_source(assets)
    tasks = chosen_tasks(suites, names, scenes)
    scenes.select(scenes.suite(tasks[0].suite), tasks[0].index)  # fails early if there is no such asset set
    compile_scenes(scenes, tasks, workers or os.cpu_count() or 1)
    tiles, several = [], len({chosen.suite for chosen in tasks}) > 1
    with progress_bar(len(tasks), "rendering") as advance:
        for chosen in tasks:
            tiles.append(_tile(chosen, assets, size, quality, init_state, several))
            advance(chosen)
    sheet = contact_sheet(tiles, columns)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(out, **({"optimize": True} if out.suffix.lower() == ".png" else {"quality": JPEG_QUALITY}))
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({error.strerror})") from error
    shape = f"{sheet.width} x {sheet.height} pixels, {out.stat().st_size / 1000:.0f} KB"
    click.echo(f"written: {out} ({len(tasks)} tasks of {scenes.name}, {shape})")


def _tile(task: Task, assets: str, size: int, quality: str, init_state: int, with_suite: bool) -> Tile:
    from libero_gym.env import LiberoEnv
    from libero_gym.render.contact_sheet import Tile

    env = LiberoEnv(
        task.suite,
        task=task.index,
        assets=assets,
        image_size=size,
        render_quality=quality,  # type: ignore[arg-type]  # it was checked
        image_orientation="upright",
    )
    try:
        observation, _ = env.reset(seed=0, options={"init_state": init_state})
    finally:
        env.close()
    place = f"{task.suite} {task.index}" if with_suite else f"{task.index}"
    return Tile((observation["image"], observation["wrist_image"]), f"{place}: {task.instruction}")
