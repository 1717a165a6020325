"""`libero-gym tasks check`: build a task of one's own, look at its initial states, and have the expert try it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from libero_gym.cli.help import examples
from libero_gym.cli.task_options import assets_option, json_option
from libero_gym.errors import LiberoGymError, OptionError, TaskSpecError

if TYPE_CHECKING:
    from libero_gym.task_check import TaskCheck

FORMATS = (".png", ".jpg", ".jpeg")
#: States on the image, and how many stand beside each other.
SHOWN, COLUMNS = 4, 2


@click.command(
    "check",
    short_help="Check a task of your own: build it, settle it, have the expert try it.",
    epilog=examples(
        "libero-gym tasks check mine.bddl",
        "libero-gym tasks check mine.bddl --states 50 --expert --out mine.png",
    ),
)
@click.argument(
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The task, in LIBERO's BDDL format.",
)
@click.option("--states", type=click.IntRange(1, 50), default=10, help="Number of initial states to look at.")
@click.option("--expert", is_flag=True, help="Have the scripted expert try each state.")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Image of the first states to write: .png or .jpg."
)
@click.option(
    "--object-folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where models of your own objects are; the task file's folder by default.",
    show_default=False,
)
@assets_option
@json_option
def check_task(
    file: Path, states: int, expert: bool, out: Path | None, object_folder: Path | None, assets: str, as_json: bool
) -> None:
    """Check a task of your own: build its scene, sample initial states, let objects settle.

    Exit code 0 if all is well; 1 if objects overlap, fall or move; 2 if the task is malformed or solved at the start.
    """
    from libero_gym.cli.progress import progress_bar
    from libero_gym.task_check import check_task as check

    if out is not None and out.suffix.lower() not in FORMATS:
        raise OptionError(f"--out {out} ends in {out.suffix!r}; allowed: {', '.join(FORMATS)}")
    arguments: dict[str, Any] = {"task_file": file, "assets": assets, "object_folder": object_folder}
    with progress_bar(states, "initial states") as advance:
        found = check(arguments, states, expert=expert, images=SHOWN if out is not None else 0, advance=advance)
    if out is not None:
        _write(found, out)
    if as_json:
        click.echo(json.dumps(describe(found), indent=2))
    else:
        _print(found, file, out)
    if found.solved:
        raise TaskSpecError(
            f"{file}: the goal holds before anything is done, in {len(found.solved)} of {len(found.states)} initial "
            f"states (the first is {found.solved[0]}); change the goal or where objects begin"
        )
    if found.overlaps or found.moving:
        raise SystemExit(1)


def describe(found: TaskCheck) -> dict[str, Any]:
    """Return all that was found, as plain data; lengths are metres."""
    task, definition = found.scenes.task, found.scenes.task.definition
    return {
        "name": task.name,
        "instruction": task.instruction,
        "sha256": task.sha256,
        "assets": found.scenes.name,
        "scene": definition.scene,
        "goal": [str(atom) for atom in definition.goal],
        "initial_predicates": [str(atom) for atom in definition.init],
        "objects": definition.objects,
        "fixtures": definition.fixtures,
        "regions": list(definition.regions),
        "own_models": {
            category: {
                "file": str(model.path),
                "height": model.top - model.bottom,
                "radius": model.radius,
                "sha256": model.sha256,
            }
            for category, model in task.own_models.items()
        },
        "states": [
            {
                "state": check.state,
                "solved_at_the_start": check.solved,
                "overlaps": [list(pair) for pair in check.overlaps],
                "moves": check.moves,
                **(
                    {}
                    if check.expert is None
                    else {
                        "expert": {
                            "success": check.expert.success,
                            "steps": check.expert.steps,
                            "notes": list(check.expert.notes),
                        }
                    }
                ),
            }
            for check in found.states
        ],
    }


def _print(found: TaskCheck, file: Path, out: Path | None) -> None:
    from libero_gym.cli.tables import grouped, print_facts

    task, definition, count = found.scenes.task, found.scenes.task.definition, len(found.states)
    facts = [
        ("task", str(file)),
        ("name", task.name),
        ("instruction", task.instruction),
        ("goal", "\nand ".join(str(atom) for atom in definition.goal)),
        ("scene", definition.scene),
        ("objects", grouped(definition.objects)),
        ("fixtures", grouped(definition.fixtures)),
        ("regions", ", ".join(definition.regions)),
        ("initially", "\n".join(str(atom) for atom in definition.init)),
    ]
    if task.own_models:
        lines = [
            f"{category}: {model.path.name}, {100 * (model.top - model.bottom):.1f} cm high, radius "
            f"{100 * model.radius:.1f} cm"
            for category, model in task.own_models.items()
        ]
        facts.append(("own models", "\n".join(lines)))
    name, distance = found.largest_move
    facts += [
        ("SHA-256", task.sha256),
        ("assets", found.scenes.name),
        ("init states", f"{count} of 50 checked; solved at the start: {len(found.solved) or 'none'}"),
        ("overlaps", _counted(found.overlaps, count)),
        ("settling", f"{_counted(found.moving, count)} by more than 2 cm; largest: {100 * distance:.1f} cm, {name}"),
    ]
    if results := found.expert_results:
        solved = [result.steps for result in results if result.success]
        lines = [f"solved {len(solved)} of {count}" + (f", in {median(solved):.0f} steps (median)" if solved else "")]
        lines += [
            f"state {check.state}: {check.expert.notes[-1] if check.expert.notes else 'the time limit'}"
            for check in found.states
            if check.expert is not None and not check.expert.success
        ]
        facts.append(("expert", "\n".join(lines)))
    if out is not None:
        facts.append(("image", str(out)))
    facts.append(("make it", f'gymnasium.make("libero_gym:libero/Task-v0", task_file="{file}")'))
    print_facts(facts)


def _counted(counts: dict[str, int], total: int) -> str:
    return ", ".join(f"{name} in {number} of {total}" for name, number in counts.items()) or "none"


def _write(found: TaskCheck, out: Path) -> None:
    from libero_gym.render.contact_sheet import Tile, contact_sheet

    tiles = [
        Tile(images, f"state {check.state}: {found.scenes.task.instruction}")
        for check, images in zip(found.states, found.images, strict=False)
    ]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(tiles, COLUMNS).save(out)
    except OSError as error:
        raise LiberoGymError(f"--out {out} cannot be written ({error.strerror})") from error
