"""Read a task's BDDL file without LIBERO: its objects, goal and initial conditions."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from libero_gym.errors import LiberoGymError
from libero_gym.tasks.suites import Task

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

Expression = str | list["Expression"]


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
class TaskDefinition:
    """A task of LIBERO. An object is an instance ("akita_black_bowl_1") of a category ("akita_black_bowl")."""

    scene: str
    """LIBERO's problem class without its frame, e.g. "Tabletop"."""
    objects: dict[str, str]
    """Movable objects: instance -> category."""
    fixtures: dict[str, str]
    """Fixtures, the table or floor included: instance -> category."""
    objects_of_interest: tuple[str, ...]
    goal: tuple[Atom, ...]
    """All of them must hold."""
    init: tuple[Atom, ...]
    """Where objects are at first."""


@functools.lru_cache(maxsize=256)
def task_definition(task: Task) -> TaskDefinition:
    """Return the definition of a task, from hf-libero's BDDL file.

    Raises:
        LiberoGymError: the file is missing, or is not a BDDL problem.
    """
    path = task.bddl_file
    try:
        return parse_definition(path.read_text())
    except (OSError, ValueError) as error:
        raise LiberoGymError(f"{path} is not a task definition: {error}") from error


def parse_definition(text: str) -> TaskDefinition:
    """Parse the definition in a BDDL text.

    Raises:
        ValueError: it is not a BDDL problem.
    """
    tokens = re.findall(r"[()]|[^\s()]+", text)
    expression, rest = _expression(tokens, 0)
    if rest != len(tokens) or not isinstance(expression, list) or expression[:1] != ["define"]:
        raise ValueError("expected one (define ...)")
    sections = {part[0]: part[1:] for part in expression[1:] if isinstance(part, list) and isinstance(part[0], str)}
    if missing := {"problem", ":objects", ":fixtures", ":goal"} - sections.keys():
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    goal = sections[":goal"][0]
    atoms = goal[1:] if isinstance(goal, list) and str(goal[0]).lower() == "and" else [goal]
    return TaskDefinition(
        scene=str(sections["problem"][0]).removeprefix("LIBERO_").removesuffix("_Manipulation").replace("_", " "),
        objects=_typed(sections[":objects"]),
        fixtures=_typed(sections[":fixtures"]),
        objects_of_interest=tuple(str(name) for name in sections.get(":obj_of_interest", [])),
        goal=tuple(_atom(atom) for atom in atoms),
        init=tuple(_atom(atom) for atom in sections.get(":init", [])),
    )


def _expression(tokens: list[str], at: int) -> tuple[Expression, int]:
    """Return the expression that begins at token `at`, and the token after it."""
    if at >= len(tokens):
        raise ValueError("it ends in the middle of an expression")
    if tokens[at] == ")":
        raise ValueError(f"token {at} closes nothing")
    if tokens[at] != "(":
        return tokens[at], at + 1
    items: list[Expression] = []
    at += 1
    while at < len(tokens) and tokens[at] != ")":
        item, at = _expression(tokens, at)
        items.append(item)
    if at == len(tokens):
        raise ValueError("it ends in the middle of an expression")
    return items, at + 1


def _typed(items: list[Expression]) -> dict[str, str]:
    """Return the list `a b - kind c - other` as a -> kind, b -> kind, c -> other."""
    named: dict[str, str] = {}
    waiting: list[str] = []
    words = [str(item) for item in items]
    for before, word in zip(["", *words], words, strict=False):
        if before == "-":
            named |= dict.fromkeys(waiting, word)
            waiting = []
        elif word != "-":
            waiting.append(word)
    if waiting:
        raise ValueError(f"{waiting[0]} has no category")
    return named


def _atom(expression: Expression) -> Atom:
    if not isinstance(expression, list) or not expression or not all(isinstance(part, str) for part in expression):
        raise ValueError(f"{expression} is not a predicate")
    return Atom(str(expression[0]).lower(), tuple(str(part) for part in expression[1:]))
