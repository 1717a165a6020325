"""Checks of a task of one's own that need no assets: names are declared, objects have a place, the goal is known.

What a sampler does in one order (workspace, objects' regions, other objects) is checked in that order, so that a task
that passes can be built.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from difflib import get_close_matches

from libero_gym.errors import TaskSpecError, shown, unknown
from libero_gym.scene.workspace import Workspace, workspaces
from libero_gym.tasks.definition import INSTRUCTION_CHARACTERS, INSTRUCTION_LENGTH, Atom, Region, TaskDefinition

#: Predicate -> number of arguments.
GOAL = {"on": 2, "in": 2, "open": 1, "close": 1, "turnon": 1, "turnoff": 1, "up": 1}
INIT = {"on": 2, "in": 2, "open": 1, "close": 1, "turnon": 1, "turnoff": 1}
#: Metres from the middle of a workspace that no region lies beyond.
REACH = 5.0
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")

Place = tuple[str | int, ...]


def check_spec(definition: TaskDefinition, name: str) -> None:
    """Check a task.

    Raises:
        TaskSpecError: something is undeclared, declared twice, without a place, or not known.
    """
    _check_language(definition.language)
    if not name or any(character in name for character in "/\\\0\n"):
        raise TaskSpecError(f"name {shown(name)} of a task; allowed: a file's name without its ending")
    workspace = _workspace(definition)
    _check_names(definition, workspace)
    for region_name, region in definition.regions.items():
        _check_region(region_name, region, definition, workspace)
    _check_atoms("init", definition.init, INIT, definition, workspace)
    _check_atoms("goal", definition.goal, GOAL, definition, workspace)
    if not definition.goal:
        raise _error(("goal",), "the goal is empty; it needs a predicate")
    for index, item in enumerate(definition.objects_of_interest):
        if item not in _names(definition):
            raise _error(("objects_of_interest", index), _undeclared("object of interest", item, _names(definition)))
    _check_placement(definition, workspace)


def _error(place: Place, message: str) -> TaskSpecError:
    error = TaskSpecError(message)
    error.place = place
    return error


def _undeclared(what: str, name: str, declared: Iterable[str]) -> str:
    return str(unknown(TaskSpecError, what, name, declared))


def _names(definition: TaskDefinition) -> list[str]:
    return [*definition.objects, *definition.fixtures, *definition.regions]


def _check_language(language: str) -> None:
    if not language:
        raise _error(("language",), "the instruction is empty")
    if len(language) > INSTRUCTION_LENGTH:
        raise _error(("language",), f"the instruction has {len(language)} characters; at most {INSTRUCTION_LENGTH}")
    if others := sorted(set(language) - set(INSTRUCTION_CHARACTERS)):
        raise _error(
            ("language",),
            f"the instruction has {shown(others[0])} in it; allowed: letters, digits, spaces and _-,.'",
        )


def _workspace(definition: TaskDefinition) -> Workspace:
    known = workspaces()
    for problem, workspace in known.items():
        if problem.lower() == definition.problem.lower():
            return workspace
    raise _error(("problem",), str(unknown(TaskSpecError, "problem", definition.problem, known)))


def _check_names(definition: TaskDefinition, workspace: Workspace) -> None:
    for section, instances in (("objects", definition.objects), ("fixtures", definition.fixtures)):
        for name, category in instances.items():
            for place, word in (((section, name), name), ((section, name, "category"), category)):
                if not _NAME.fullmatch(word):
                    raise _error(place, f"{shown(word)} is not a name: a letter, then letters, digits and underscores")
            if workspace.name in name and (section == "objects" or category != workspace.category):
                raise _error(
                    (section, name),
                    f"{name!r} has {workspace.name!r} in it, the name of the workspace, whose regions are told apart "
                    "by it; choose another name",
                )
            if section == "fixtures" and name in definition.objects:
                raise _error((section, name), f"{name!r} is an object and a fixture")
            if section == "objects" and category in (other.category for other in workspaces().values()):
                raise _error((section, name, "category"), f"{category!r} is a workspace; {name} cannot be one")
    mains = [name for name, category in definition.fixtures.items() if category == workspace.category]
    for name in mains:
        if name != workspace.name:
            raise _error(
                ("fixtures", name), f"the {workspace.category} of {definition.problem} is called {workspace.name!r}"
            )


def _check_region(name: str, region: Region, definition: TaskDefinition, workspace: Workspace) -> None:
    place: Place = ("regions", name)
    if not name.startswith(f"{region.target}_") or not _NAME.fullmatch(name):
        raise _error(
            place, f"region {shown(name)} of {region.target!r}; allowed: {region.target}_ and letters, digits, _"
        )
    if name in definition.objects or name in definition.fixtures:
        raise _error(place, f"{name!r} is a region and an object")
    if region.target != workspace.name and workspace.name in name:
        raise _error(
            place, f"region {name!r} of {region.target!r} has {workspace.name!r} in it, the name of the workspace"
        )
    for box in region.ranges:
        if len(box) != 4 or not all(math.isfinite(number) and abs(number) <= REACH for number in box):
            raise _error(place, f"rectangle {shown(box)} of {name}; allowed: x0 y0 x1 y1 of at most {REACH:g} m each")
        if box[0] > box[2] or box[1] > box[3]:
            raise _error(place, f"rectangle {shown(box)} of {name}: x0 y0 x1 y1 with x0 <= x1 and y0 <= y1")
    if len(region.yaw) != 2 or not all(math.isfinite(bound) and abs(bound) <= 4 * math.pi for bound in region.yaw):
        raise _error(place, f"yaw {shown(region.yaw)} of {name}; allowed: two angles, radians")


def _check_atoms(
    section: str, atoms: tuple[Atom, ...], known: dict[str, int], definition: TaskDefinition, workspace: Workspace
) -> None:
    declared = _names(definition)
    for index, atom in enumerate(atoms):
        place: Place = (section, index)
        if atom.name not in known:
            raise _error(place, str(unknown(TaskSpecError, f"predicate of the {section}", atom.name, known)))
        if len(atom.arguments) != known[atom.name]:
            count = known[atom.name]
            raise _error(place, f"{atom.name} takes {count} name{'s' * (count > 1)}, not {len(atom.arguments)}")
        for number, name in enumerate(atom.arguments):
            if name not in declared:
                raise _error((*place, number), _undeclared("object or region", name, declared))
            region = definition.regions.get(name)
            if (
                region is not None
                and region.target not in definition.objects
                and not _is_fixture(region.target, definition, workspace)
            ):
                owners = [*definition.objects, *definition.fixtures]
                raise _error(("regions", name), _undeclared(f"target of region {name}", region.target, owners))
            if region is not None and region.target == workspace.name and not region.ranges:
                raise _error(("regions", name), f"region {name} has no rectangle")
        _check_kinds(place, atom, definition, workspace, goal=section == "goal")


def _is_fixture(name: str, definition: TaskDefinition, workspace: Workspace) -> bool:
    return name in definition.fixtures or name == workspace.name


def _check_kinds(place: Place, atom: Atom, definition: TaskDefinition, workspace: Workspace, *, goal: bool) -> None:
    """Check that a predicate is about the kinds of things that it can be about."""
    first, last = atom.arguments[0], atom.arguments[-1]
    if workspace.name in atom.arguments:
        raise _error(
            (*place, atom.arguments.index(workspace.name)),
            f"{atom.name} of {workspace.name!r}; name a region of it, or an object",
        )
    if atom.name in ("on", "in"):
        movable = first in definition.objects
        if not movable and (goal or first not in definition.fixtures):
            allowed = definition.objects if goal else [*definition.objects, *definition.fixtures]
            raise _error((*place, 0), _undeclared(f"object that is {atom.name} another", first, allowed))
        if first == last:
            raise _error((*place, 1), f"{first} cannot be {atom.name} itself")
        if atom.name == "in" and last not in definition.regions:
            raise _error((*place, 1), _undeclared("region to be in", last, definition.regions))
        if not movable and (atom.name == "in" or _target(last, definition) != workspace.name):
            raise _error((*place, 1), f"the fixture {first} can only begin on a region of {workspace.name!r}")
        if not goal and last in definition.fixtures:
            close = get_close_matches(last, definition.regions, n=1, cutoff=0.3)
            hint = f" such as {close[0]!r}" if close else ""
            raise _error((*place, 1), f"an object begins on a region of the fixture {last}{hint}, not on the fixture")
    elif goal and atom.name == "up":
        if first not in definition.objects:
            raise _error((*place, 0), _undeclared("object to be lifted", first, definition.objects))
    elif _target(first, definition) == workspace.name:
        raise _error((*place, 0), f"{atom.name} of {first}, a region of {workspace.name!r}, which has no joint")


def _target(name: str, definition: TaskDefinition) -> str:
    region = definition.regions.get(name)
    return "" if region is None else region.target


def _check_placement(definition: TaskDefinition, workspace: Workspace) -> None:
    """Follow the sampler: everything has one place, and stands on what was placed before."""
    placing = [(index, atom) for index, atom in enumerate(definition.init) if atom.name in ("on", "in")]
    seen: set[str] = set()
    for index, atom in placing:
        if atom.arguments[0] in seen:
            raise _error(("init", index), f"{atom.arguments[0]} has a place already")
        seen.add(atom.arguments[0])
    movable = [("objects", name) for name in definition.objects]
    fixed = [("fixtures", name) for name, kind in definition.fixtures.items() if kind != workspace.category]
    for section, name in (*movable, *fixed):
        if name not in seen:
            raise _error((section, name), f"{name} has no place: the initial conditions have no (On {name} REGION)")
    placed: set[str] = set()
    # in the sampler's order: 0 in the workspace, 1 on and 2 in an object's region, 3 on objects
    ordered = sorted(placing, key=lambda item: _stage(item[1], definition, workspace))
    for index, atom in ordered:
        first, last = atom.arguments
        stage = _stage(atom, definition, workspace)
        holder = {0: "", 1: _target(last, definition), 2: _target(last, definition), 3: last}[stage]
        if holder and holder not in placed:
            raise _error(
                ("init", index),
                f"{first} begins {atom.name} {last}, but {holder} has no place by then; objects are placed in the "
                "workspace first, then in and on regions of objects, then on objects, in the order of the conditions",
            )
        placed.add(first)


def _stage(atom: Atom, definition: TaskDefinition, workspace: Workspace) -> int:
    last = atom.arguments[-1]
    if last in definition.objects:
        return 3
    if _target(last, definition) == workspace.name:
        return 0
    return 1 if atom.name == "on" else 2
