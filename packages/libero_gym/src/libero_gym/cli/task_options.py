"""Options that several commands share: suites, tasks, states, assets, quality, workers, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from libero_gym.errors import OptionError
from libero_gym.tasks.suites import Task, load_suite

if TYPE_CHECKING:
    from libero_gym.scene.source import SceneSource

SUITES_HELP = "Suite: spatial, object, goal, 10, 90, or 130 for all tasks; repeat for several."

suite_option = click.option("--suite", help="Suite: spatial, object, goal, 10, 90, or 130.")
suites_option = click.option("--suite", "suites", multiple=True, help=SUITES_HELP)
required_suites_option = click.option("--suite", "suites", multiple=True, required=True, help=SUITES_HELP)
tasks_option = click.option(
    "--task",
    "names",
    metavar="INDEX|NAME",
    multiple=True,
    help="Task of the suite; repeat for several. All tasks by default.",
)
task_file_option = click.option(
    "--task-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A task of your own, in LIBERO's BDDL format, in place of --suite.",
)
assets_option = click.option(
    "--assets",
    metavar="auto|official|builtin|FOLDER",
    default="auto",
    help="Asset set (meshes and textures) of the scenes.",
)
compilers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Number of scenes to compile at once, about 1 GB each; one per processor by default.",
)
quality_option = click.option(
    "--quality", metavar="reference|fast", default="reference", help="Render as LIBERO does, or coarser and faster."
)
init_state_option = click.option(
    "--init-state", type=click.IntRange(min=0), default=0, help="Index of the published initial state, 0 to 49."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def chosen_tasks(
    suites: Sequence[str], names: Sequence[str] | None = None, scenes: SceneSource | None = None
) -> list[Task]:
    """Return the tasks of a command line without duplicates, in the order of the suites.

    Args:
        suites: their names.
        names: indices or names of tasks; None or none for all.
        scenes: restricts the tasks to those that have a scene in it.

    Raises:
        AssetError: `scenes` is a bundle that has none of a suite's tasks.
        OptionError: an unknown suite or task, or tasks of more than one suite.
    """
    load = load_suite if scenes is None else scenes.suite
    loaded = list(dict.fromkeys(load(name) for name in suites))
    if names and len(loaded) > 1:
        raise OptionError(f"--task {names[0]} with {len(loaded)} suites; name one suite, or leave --task out")
    ordered = (sorted(suite.select(list(names) if names else None), key=lambda task: task.id) for suite in loaded)
    return list(dict.fromkeys(task for tasks in ordered for task in tasks))
