"""`libero-gym tasks`: list tasks, and show a task's goal, objects and initial states."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from libero_gym.cli.task_options import SUITES_HELP, JsonOption
from libero_gym.errors import LiberoGymError, OptionError, TaskError, unknown
from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.init_states import count_states, published_states
from libero_gym.tasks.suites import RUNNABLE, SUITES, UNION, Task, load_suite

app = typer.Typer(no_args_is_help=False, rich_markup_mode="rich")

SuitesOption = Annotated[list[str] | None, typer.Option("--suite", help=SUITES_HELP, show_default=False)]
GrepOption = Annotated[
    str | None,
    typer.Option(
        "--grep", metavar="TEXT", help="List only tasks with this text in name or instruction.", show_default=False
    ),
]
ObjectsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--object",
        metavar="CATEGORY",
        help="List only tasks with this object or fixture, e.g. akita_black_bowl; repeat to require several.",
        show_default=False,
    ),
]


@app.callback(
    invoke_without_command=True,
    epilog="Examples: [bold]libero-gym tasks --suite goal[/bold], "
    "[bold]libero-gym tasks --object flat_stove --grep moka[/bold], [bold]libero-gym tasks show spatial 3[/bold]",
)
def tasks(
    context: typer.Context,
    suite: SuitesOption = None,
    grep: GrepOption = None,
    objects: ObjectsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List LIBERO's tasks, or show a task."""
    if context.invoked_subcommand is None:
        _list(suite, grep, objects, as_json)
    elif suite or grep or objects or as_json:
        raise OptionError(f"options before {context.invoked_subcommand!r} have no effect; put them after it")


@app.command("list", epilog="Example: libero-gym tasks list --suite spatial --grep ramekin")
def list_tasks(
    suite: SuitesOption = None, grep: GrepOption = None, objects: ObjectsOption = None, as_json: JsonOption = False
) -> None:
    """List tasks, as `libero-gym tasks` does without a subcommand."""
    _list(suite, grep, objects, as_json)


@app.command("show", epilog="Examples: libero-gym tasks show spatial 3, libero-gym tasks show turn_on_the_stove --json")
def show_task(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SUITE INDEX|NAME", show_default=False, help="A suite and an index or name; or a name alone."
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Show a task's instruction, goal, objects, initial states and time limit."""
    tree = describe(_find(words))
    if as_json:
        typer.echo(json.dumps(tree, indent=2))
    else:
        _print(tree)


def describe(task: Task) -> dict[str, Any]:
    """Return all facts of a task that need no compiled scene, as plain data; indices are those of its own suite."""
    suite = load_suite(task.suite)
    definition = task.definition
    published = published_states(task)
    initial = [str(atom) for atom in definition.init]
    return {
        "suite": task.suite,
        "index": task.index,
        "index_of_all": load_suite(UNION).select(task.name)[0].id,
        "name": task.name,
        "env_id": suite.env_id,
        "instruction": task.instruction,
        "scene": definition.scene,
        "goal": [str(atom) for atom in definition.goal],
        "initial_predicates": initial,
        "start": initial,  # the old name of initial_predicates, for one release
        "objects": definition.objects,
        "fixtures": definition.fixtures,
        "objects_of_interest": list(definition.objects_of_interest),
        "init_states": {split: count_states(task, split, published) for split in ("eval", "train")},
        "max_episode_steps": suite.max_episode_steps,
    }


def _list(suites: list[str] | None, grep: str | None, objects: list[str] | None, as_json: bool) -> None:
    chosen = list(dict.fromkeys(load_suite(name) for name in suites or SUITES))
    found = list(dict.fromkeys(task for suite in chosen for task in suite.tasks))
    total = len(found)
    if objects:
        categories = {task: _categories(task.definition) for task in found}
        known = sorted(set().union(*categories.values()))
        for category in objects:
            if category not in known:
                raise unknown(OptionError, "--object", category, known, ", ".join(suite.name for suite in chosen))
        found = [task for task in found if categories[task].issuperset(objects)]
    if grep:
        # The text has spaces between words; names have underscores.
        text = grep.lower().replace("_", " ")
        found = [task for task in found if text in f"{task.name.replace('_', ' ')}\n{task.instruction}".lower()]
    if as_json:
        keys = ("suite", "index", "name", "instruction")
        typer.echo(json.dumps([{key: getattr(task, key) for key in keys} for task in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    if found:
        table = Table("suite", box=None, pad_edge=False, header_style="bold")
        table.add_column("task", justify="right")
        table.add_column("name", overflow="fold", ratio=1, style="dim")
        table.add_column("instruction", overflow="fold", ratio=1)
        for task in found:
            table.add_row(task.suite, str(task.index), task.name, task.instruction)
        Console().print(table)
    typer.echo(f"{len(found)} of {total} tasks")


def _categories(definition: TaskDefinition) -> set[str]:
    return {*definition.objects.values(), *definition.fixtures.values()}


def _find(words: list[str]) -> Task:
    """Return the task of SUITE INDEX, SUITE NAME or NAME."""
    if len(words) == 2:
        return load_suite(words[0]).select(words[1])[0]
    if len(words) > 2:
        raise OptionError(f"{len(words)} words after show; allowed: SUITE INDEX, SUITE NAME, or NAME")
    tasks = load_suite(UNION).tasks
    found = [task for task in tasks if task.name == words[0]]
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(task.suite for task in found)
        raise TaskError(f"task {words[0]!r} is in {places}; name the suite too")
    try:
        suite = load_suite(words[0])
    except LiberoGymError:
        error = unknown(TaskError, "task", words[0], [task.name for task in tasks])
        # 130 names would bury the suggestion.
        raise TaskError(f"{str(error).partition('; allowed:')[0]}; `libero-gym tasks` lists all names") from None
    raise TaskError(f"{suite.name} alone is a suite, not a task; add an index from 0 to {len(suite.tasks) - 1}")


def _print(tree: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("task", f"{tree['suite']} {tree['index']}")
    table.add_row("name", tree["name"])
    table.add_row("instruction", tree["instruction"])
    table.add_row("goal", "\nand ".join(tree["goal"]))
    table.add_row("scene", tree["scene"])
    table.add_row("objects", _grouped(tree["objects"]))
    table.add_row("fixtures", _grouped(tree["fixtures"]))
    table.add_row("of interest", ", ".join(tree["objects_of_interest"]))
    table.add_row("initially", "\n".join(tree["initial_predicates"]))
    states, limit = tree["init_states"], tree["max_episode_steps"]
    table.add_row("init states", f"{states['eval']} published (split eval), {states['train']} others (split train)")
    table.add_row("time limit", f"{limit} control steps, {limit / 20:g} s")
    table.add_row("make it", f'gymnasium.make("libero_gym:{tree["env_id"]}", task={tree["index"]})')
    table.add_row("among all", f'gymnasium.make("libero_gym:{RUNNABLE[UNION][0]}", task={tree["index_of_all"]})')
    Console(highlight=False).print(table, markup=False)


def _grouped(categories: dict[str, str]) -> str:
    """Return instances, a line for each category."""
    lines: dict[str, list[str]] = {}
    for instance, category in categories.items():
        lines.setdefault(category, []).append(instance)
    return "\n".join(", ".join(instances) for instances in lines.values())
