"""What several commands ask: which tasks, which assets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from libero_gym.errors import OptionError
from libero_gym.tasks.suites import Task, load_suite

if TYPE_CHECKING:
    from libero_gym.scene.source import SceneSource

SUITES_HELP = "spatial, object, goal, 10, 90, or 130 for all; may be given more than once."

AssetsOption = Annotated[
    str, typer.Option("--assets", metavar="auto|official|builtin|FOLDER", help="What the scenes are made from.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="Scenes compiled at once, about 1 GB each; one a processor.", show_default=False
    ),
]
TasksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="INDEX|NAME",
        help="A task of the suite; may be given more than once. All of them where it is not given.",
        show_default=False,
    ),
]


def chosen_tasks(suites: list[str], names: list[str] | None, scenes: SceneSource | None = None) -> list[Task]:
    """The tasks of a command line, each once, in the order of the suites.

    Args:
        suites: their names.
        names: indices or names of tasks; None for all.
        scenes: where tasks must have a scene; all of LIBERO's tasks where it is None.

    Raises:
        AssetError: `scenes` is a bundle that has none of a suite's tasks.
        OptionError: an unknown suite or task, or tasks of more than one suite.
    """
    load = load_suite if scenes is None else scenes.suite
    loaded = list(dict.fromkeys(load(name) for name in suites))
    if names and len(loaded) > 1:
        raise OptionError(f"--task {names[0]} with {len(loaded)} suites; name one suite, or leave --task out")
    ordered = (sorted(suite.select(names or None), key=lambda task: task.id) for suite in loaded)
    return list(dict.fromkeys(task for tasks in ordered for task in tasks))
