"""`libero-gym tasks`: list tasks, and show a task's goal, objects and initial states; `cli.check_task` has `check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from libero_gym.cli.check_task import check_task
from libero_gym.cli.help import Group, examples
from libero_gym.cli.task_options import json_option, suites_option
from libero_gym.errors import LiberoGymError, OptionError, TaskError, unknown
from libero_gym.tasks.definition import TaskDefinition
from libero_gym.tasks.init_states import count_states, published_states
from libero_gym.tasks.suites import RUNNABLE, SUITES, UNION, Task, load_suite


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose what is listed."""
    for option in (
        json_option,
        click.option(
            "--object",
            "objects",
            metavar="CATEGORY",
            multiple=True,
            help="List only tasks with this object or fixture, e.g. akita_black_bowl; repeat to require several.",
        ),
        click.option("--grep", metavar="TEXT", help="List only tasks with this text in name or instruction."),
        suites_option,
    ):
        function = option(function)
    return function


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog=examples(
        "libero-gym tasks --suite goal",
        "libero-gym tasks --object flat_stove --grep moka",
        "libero-gym tasks show spatial 3",
        "libero-gym tasks check mine.bddl",
    ),
)
@_filters
@click.pass_context
def tasks(
    context: click.Context, suites: tuple[str, ...], grep: str | None, objects: tuple[str, ...], as_json: bool
) -> None:
    """List LIBERO's tasks, show a task, or check a task of your own."""
    if context.invoked_subcommand is None:
        _list(suites, grep, objects, as_json)
    elif suites or grep or objects or as_json:
        raise OptionError(f"options before {context.invoked_subcommand!r} have no effect; put them after it")


tasks.add_command(check_task)


@tasks.command("list", epilog=examples("libero-gym tasks list --suite spatial --grep ramekin"))
@_filters
def list_tasks(suites: tuple[str, ...], grep: str | None, objects: tuple[str, ...], as_json: bool) -> None:
    """List tasks, as `libero-gym tasks` does without a subcommand."""
    _list(suites, grep, objects, as_json)


@tasks.command(
    "show",
    short_help="Show a task's goal, objects, initial states and time limit.",
    epilog=examples("libero-gym tasks show spatial 3", "libero-gym tasks show turn_on_the_stove --json"),
)
@click.argument(
    "words",
    metavar="SUITE INDEX|NAME",
    nargs=-1,
    required=True,
    help="A suite and an index or name; or a name alone.",
)
@json_option
def show_task(words: tuple[str, ...], as_json: bool) -> None:
    """Show a task's instruction, goal, objects, initial states and time limit."""
    tree = describe(_find(words))
    if as_json:
        click.echo(json.dumps(tree, indent=2))
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


def _list(suites: Sequence[str], grep: str | None, objects: Sequence[str], as_json: bool) -> None:
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
        click.echo(json.dumps([{key: getattr(task, key) for key in keys} for task in found], indent=2))
        return
    if found:
        from libero_gym.cli.tables import print_table

        rows = [[task.suite, str(task.index), task.name, task.instruction] for task in found]
        print_table(["suite", "task", "name", "instruction"], rows, right=(1,), wrapped=2)
    click.echo(f"{len(found)} of {total} tasks")


def _categories(definition: TaskDefinition) -> set[str]:
    return {*definition.objects.values(), *definition.fixtures.values()}


def _find(words: Sequence[str]) -> Task:
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
    from libero_gym.cli.tables import grouped, print_facts

    states, limit = tree["init_states"], tree["max_episode_steps"]
    print_facts(
        [
            ("task", f"{tree['suite']} {tree['index']}"),
            ("name", tree["name"]),
            ("instruction", tree["instruction"]),
            ("goal", "\nand ".join(tree["goal"])),
            ("scene", tree["scene"]),
            ("objects", grouped(tree["objects"])),
            ("fixtures", grouped(tree["fixtures"])),
            ("of interest", ", ".join(tree["objects_of_interest"])),
            ("initially", "\n".join(tree["initial_predicates"])),
            ("init states", f"{states['eval']} published (split eval), {states['train']} others (split train)"),
            ("time limit", f"{limit} control steps, {limit / 20:g} s"),
            ("make it", f'gymnasium.make("libero_gym:{tree["env_id"]}", task={tree["index"]})'),
            ("among all", f'gymnasium.make("libero_gym:{RUNNABLE[UNION][0]}", task={tree["index_of_all"]})'),
        ]
    )
