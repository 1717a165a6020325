"""`libero-gym demos`: record, replay and describe demonstrations; export and import LIBERO's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from libero_gym.cli.help import Group, examples
from libero_gym.cli.task_options import (
    assets_option,
    json_option,
    quality_option,
    suite_option,
    task_file_option,
    tasks_option,
)
from libero_gym.errors import OptionError
from libero_gym.tasks.own import OWN_SUITE

if TYPE_CHECKING:
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.scene.source import SceneSource

name_argument = click.argument("name", metavar="NAME", help="Dataset: a Minari id or a folder.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), help="Number of worker processes; one per processor by default."
)


@click.group(
    cls=Group,
    invoke_without_command=True,
    short_help="Record demonstrations; replay, inspect, export and import them.",
    epilog=examples(
        "libero-gym demos --suite spatial --per-task 5 --split train --out libero/spatial-builtin-v0",
        "libero-gym demos --task-file mine.bddl --per-task 5 --out libero/mine-v0",
        "libero-gym demos replay libero/spatial-builtin-v0",
    ),
)
@suite_option
@click.option(
    "--out",
    metavar="NAME",
    help="Dataset to write: a Minari id such as libero/spatial-builtin-v0, or a folder, which begins with / or ./",
)
@tasks_option
@task_file_option
@click.option("--per-task", type=click.IntRange(min=1), default=10, help="Number of episodes per task.")
@click.option(
    "--split",
    metavar="train|eval|all",
    default="train",
    help="Which initial states to use; keep eval for evaluation.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of everything random.")
@click.option(
    "--camera",
    "cameras",
    metavar="agentview|wrist",
    multiple=True,
    help="Camera to record; repeat for several. Both by default.",
)
@click.option("--size", type=int, default=128, help="Height and width of the images, pixels.")
@click.option(
    "--orientation",
    metavar="rot180|upright",
    default="rot180",
    help="Orientation of the images; published policies expect rot180.",
)
@quality_option
@assets_option
@click.option(
    "--all", "keep_failures", is_flag=True, help="Also record failed episodes; they count towards --per-task."
)
@click.option("--max-steps", type=int, help="Time limit in control steps; the suite's by default.")
@click.option(
    "--max-attempts",
    type=click.IntRange(min=1),
    help="Maximum attempts per task; 3 x per-task + 10 by default.",
)
@click.option(
    "--expert",
    metavar="MODULE:ATTRIBUTE",
    help="Expert: called with (world, rng), has actions(). The scripted expert by default.",
)
@workers_option
@click.pass_context
def demos(
    context: click.Context,
    suite: str | None,
    out: str | None,
    names: tuple[str, ...],
    task_file: Path | None,
    per_task: int,
    split: str,
    seed: int,
    cameras: tuple[str, ...],
    size: int,
    orientation: str,
    quality: str,
    assets: str,
    keep_failures: bool,
    max_steps: int | None,
    max_attempts: int | None,
    expert: str | None,
    workers: int | None,
) -> None:
    """Record demonstrations as a Minari dataset; replay, inspect, export and import datasets with the subcommands.

    Run the same command again to continue an interrupted recording.
    The exit code is 1 if a task has fewer than --per-task episodes.
    """
    if context.invoked_subcommand is not None:
        if suite or out or task_file:
            raise OptionError(f"options before {context.invoked_subcommand!r} have no effect; put them after it")
        return
    if (suite is None) == (task_file is None) or out is None:
        raise OptionError(
            "--out and one of --suite and --task-file are required to record; see libero-gym demos --help"
        )
    from libero_gym.cli.compile_scenes import compile_scenes
    from libero_gym.cli.demo_tables import print_reports
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.location import locate
    from libero_gym.demos.record import open_or_create, record
    from libero_gym.demos.schedule import EXPERT, DemoSchedule
    from libero_gym.scene.source import scene_source

    location = locate(out)
    task_spec: dict[str, Any] | None = None
    if task_file is not None:
        from libero_gym.own_task.source import own_scenes

        own = own_scenes(assets, None, task_file, None, None)
        task_spec, scenes = own.to_json(), cast("SceneSource", own)
        chosen = scenes.suite(OWN_SUITE)
    else:
        scenes = scene_source(assets)
        chosen = scenes.suite(suite or "")
    tasks = scenes.select(chosen, list(names) or None)
    schedule = DemoSchedule(
        suite=chosen.name,
        task_spec=task_spec,
        tasks=tuple(selected.id for selected in tasks),
        per_task=per_task,
        split=split,
        seed=seed,
        cameras=cameras or ("agentview", "wrist"),
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
    print_reports(reports)
    _print_written(dataset)
    if any(report.kept < report.wanted for report in reports):
        raise SystemExit(1)


@demos.command(
    "replay",
    short_help="Replay a dataset's actions from the same initial states.",
    epilog=examples("libero-gym demos replay libero/spatial-builtin-v0", "libero-gym demos replay ./demos --json"),
)
@name_argument
@assets_option
@workers_option
@json_option
def replay_demos(name: str, assets: str, workers: int | None, as_json: bool) -> None:
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
        click.echo(json.dumps(tree, indent=2))
    else:
        from libero_gym.cli.demo_tables import print_replay

        print_replay(episodes)
        exact = sum(episode.difference == 0 for episode in episodes)
        successes = sum(episode.success for episode in episodes)
        summary = f"{successes} of {len(episodes)} succeed, {exact} repeat to the last bit"
        click.echo(f"{summary}; no longer: {', '.join(map(str, lost))}" if lost else summary)
    if lost:
        raise SystemExit(1)


@demos.command(
    "info",
    short_help="Show a dataset's episodes and statistics.",
    epilog=examples("libero-gym demos info libero/spatial-builtin-v0"),
)
@name_argument
@json_option
def show_info(name: str, as_json: bool) -> None:
    """Show a dataset's environment and asset set, its episodes per task and their lengths, and its statistics."""
    from libero_gym.cli.demo_tables import describe, print_info
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate

    tree = describe(DemoDataset.open(locate(name)))
    if as_json:
        click.echo(json.dumps(tree, indent=2))
    else:
        print_info(tree)


@demos.command(
    "export",
    short_help="Export a dataset to LIBERO's own HDF5 layout, or to LeRobot's.",
    epilog=examples(
        "libero-gym demos export libero/spatial-builtin-v0 --hdf5 datasets/libero_spatial",
        "libero-gym demos export libero/spatial-builtin-v0 --lerobot datasets/spatial_lerobot",
    ),
)
@name_argument
@click.option("--hdf5", metavar="DIR", type=click.Path(path_type=Path), help="Folder for LIBERO's files.")
@click.option("--lerobot", metavar="DIR", type=click.Path(path_type=Path), help="New folder of a LeRobotDataset v3.")
@click.option("--images", "as_images", is_flag=True, help="With --lerobot: store images without loss, not as videos.")
def export_demos(name: str, hdf5: Path | None, lerobot: Path | None, as_images: bool) -> None:
    """Export a dataset: a TASK_demo.hdf5 for each task in LIBERO's own layout, or a LeRobotDataset v3."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.dataset import DemoDataset
    from libero_gym.demos.location import locate

    if (hdf5 is None) == (lerobot is None):
        raise OptionError("give one of --hdf5 DIR and --lerobot DIR")
    if as_images and lerobot is None:
        raise OptionError("--images has no effect without --lerobot")
    dataset = DemoDataset.open(locate(name))
    with progress_bar(len(dataset.records), "writing") as advance:
        if lerobot is not None:
            from libero_gym.lerobot.export import export_lerobot

            export_lerobot(dataset, lerobot, f"libero_gym/{lerobot.name}", videos=not as_images, advance=advance)
            count = f"{len(dataset.records)} episodes"
        else:
            from libero_gym.demos.libero_export import export_files

            assert hdf5 is not None
            count = f"{len(export_files(dataset, hdf5, advance))} files, {len(dataset.records)} episodes"
    click.echo(f"written: {hdf5 or lerobot} ({count})")


@demos.command(
    "import",
    epilog=examples("libero-gym demos import datasets/libero_spatial --out libero/spatial-human-v0"),
)
@click.argument(
    "hdf5",
    metavar="FILE|DIR",
    type=click.Path(path_type=Path),
    help="A *_demo.hdf5 file, or a folder of them, of one suite.",
)
@click.option("--out", metavar="NAME", required=True, help="Dataset to write.")
@click.option("--suite", help="Suite of the tasks; taken from the files by default.")
@click.option("--orientation", metavar="rot180|upright", default="rot180", help="Orientation of the dataset's images.")
def import_demos(hdf5: Path, out: str, suite: str | None, orientation: str) -> None:
    """Import files in LIBERO's own HDF5 layout as a Minari dataset."""
    from libero_gym.cli.progress import progress_bar
    from libero_gym.demos.libero_import import find_files, import_files
    from libero_gym.demos.location import locate

    files = find_files(hdf5)
    with progress_bar(len(files), "reading") as advance:
        dataset = import_files(files, locate(out), suite, orientation, advance)
    _print_written(dataset)


def _print_written(dataset: DemoDataset) -> None:
    steps = sum(record.steps for record in dataset.records)
    click.echo(f"written: {dataset.location.folder} ({len(dataset.records)} episodes, {steps} control steps)")


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
