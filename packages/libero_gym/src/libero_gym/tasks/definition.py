"""What a task is: its objects, regions, initial conditions and goal, as LIBERO's files define it."""

from __future__ import annotations

import functools
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from libero_gym.errors import LiberoGymError, TaskError

#: Of an instruction, which is part of the observation: the longest, and the characters that it may have.
INSTRUCTION_LENGTH = 256
INSTRUCTION_CHARACTERS = string.ascii_letters + string.digits + " _-,.'"

#: How a predicate reads in a sentence, with the names of its arguments to be put in.
_SENTENCES = {
    "on": "{0} is on {1}",
    "in": "{0} is in {1}",
    "open": "{0} is open",
    "close": "{0} is closed",
    "turnon": "{0} is turned on",
    "turnoff": "{0} is turned off",
    "up": "{0} is lifted",
}


@dataclass(frozen=True)
class Atom:
    """A predicate of a goal or of an initial condition: its name in small letters and its arguments."""

    name: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as a sentence, e.g. "akita_black_bowl_1 is on plate_1"."""
        sentence = _SENTENCES.get(self.name)
        if sentence is None or len(self.arguments) != sentence.count("{"):
            return f"{self.name}({', '.join(self.arguments)})"
        return sentence.format(*self.arguments)


@dataclass(frozen=True)
class Region:
    """A part of the workspace, as rectangles, or of an object, whose asset then says where it is."""

    target: str
    """What it belongs to."""
    ranges: tuple[tuple[float, ...], ...] = ()
    """(x0, y0, x1, y1) each, metres from the middle of the workspace."""
    yaw: tuple[float, ...] = (0.0, 0.0)
    """Bounds of the rotation about the vertical axis of a fixture that stands there, radians."""


@dataclass(frozen=True)
class TaskDefinition:
    """A task of LIBERO. An object is an instance ("akita_black_bowl_1") of a category ("akita_black_bowl")."""

    problem: str
    """LIBERO's class of such tasks, which chooses the workspace, e.g. "LIBERO_Tabletop_Manipulation"."""
    objects: dict[str, str]
    """Movable objects: instance -> category."""
    fixtures: dict[str, str]
    """Fixtures, the table or floor included: instance -> category."""
    objects_of_interest: tuple[str, ...]
    goal: tuple[Atom, ...]
    """All of them must hold."""
    init: tuple[Atom, ...]
    """Where objects are at first."""
    language: str = ""
    """The sentence of LIBERO's file, which is not always what published policies are prompted with."""
    regions: dict[str, Region] = field(default_factory=dict)
    """By full name, which begins with the target's."""

    @property
    def scene(self) -> str:
        """The problem class without its frame, e.g. "Tabletop"."""
        return self.problem.removeprefix("LIBERO_").removesuffix("_Manipulation").replace("_", " ")

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> TaskDefinition:
        """Make a definition from what `dataclasses.asdict` gave, as JSON keeps it.

        Raises:
            KeyError, TypeError: it is of another form.
        """
        return cls(
            problem=tree["problem"],
            objects=dict(tree["objects"]),
            fixtures=dict(tree["fixtures"]),
            objects_of_interest=tuple(tree["objects_of_interest"]),
            goal=tuple(Atom(atom["name"], tuple(atom["arguments"])) for atom in tree["goal"]),
            init=tuple(Atom(atom["name"], tuple(atom["arguments"])) for atom in tree["init"]),
            language=tree["language"],
            regions={
                name: Region(region["target"], tuple(map(tuple, region["ranges"])), tuple(region["yaw"]))
                for name, region in tree["regions"].items()
            },
        )


@functools.cache
def task_table() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the published tasks, (suite, name) -> their definition as JSON, in LIBERO's order.

    `scripts/task_data.py` wrote the file from LIBERO's.

    Raises:
        LiberoGymError: the file is missing or damaged.
    """
    path = files("libero_gym.tasks") / "data" / "tasks.json"
    try:
        return {(entry["suite"], entry["name"]): entry for entry in json.loads(path.read_text())}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LiberoGymError(f"{path} is damaged ({error}); install libero-gym again") from error


@functools.lru_cache(maxsize=256)
def published_definition(suite: str, name: str) -> TaskDefinition:
    """Return the definition of a task of a suite.

    Raises:
        TaskError: the suite has no such task.
    """
    try:
        return TaskDefinition.from_json(task_table()[suite, name])
    except KeyError:
        raise TaskError(f"{suite} has no task {name!r}") from None
