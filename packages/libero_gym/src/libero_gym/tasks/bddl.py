"""Read and write tasks in LIBERO's language, BDDL.

The grammar is what LIBERO's own reader (`envs/bddl_utils.py`) takes: one (define ...) of typed lists, regions with
their rectangles, initial conditions and a goal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from libero_gym.tasks.definition import Atom, Region, TaskDefinition

Expression = str | list["Expression"]


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
        problem=str(sections["problem"][0]),
        language=" ".join(str(word) for word in sections.get(":language", [])),
        objects=_typed(sections[":objects"]),
        fixtures=_typed(sections[":fixtures"]),
        objects_of_interest=tuple(str(name) for name in sections.get(":obj_of_interest", [])),
        goal=tuple(_atom(atom) for atom in atoms),
        init=tuple(_atom(atom) for atom in sections.get(":init", [])),
        regions=dict(_region(region) for region in sections.get(":regions", [])),
    )


def write_definition(definition: TaskDefinition) -> str:
    """Write a definition as a BDDL text that LIBERO reads as the same task."""
    regions = []
    for name, region in definition.regions.items():
        lines = [f"({name.removeprefix(f'{region.target}_')}", f"  (:target {region.target})"]
        if region.ranges:
            lines += [f"  (:ranges ({' '.join(_numbers(rectangle) for rectangle in region.ranges)}))"]
            lines += [f"  (:yaw_rotation ({_numbers(region.yaw)}))"]
        regions += [*lines, ")"]
    sections = {
        ":regions": regions,
        ":fixtures": [f"{name} - {category}" for name, category in definition.fixtures.items()],
        ":objects": [f"{name} - {category}" for name, category in _by_category(definition.objects)],
        ":obj_of_interest": list(definition.objects_of_interest),
        ":init": [_predicate(atom) for atom in definition.init],
        ":goal": [f"(And {' '.join(_predicate(atom) for atom in definition.goal)})"],
    }
    lines = [f"(define (problem {definition.problem})", "  (:domain robosuite)", f"  (:language {definition.language})"]
    for name, content in sections.items():
        lines += ["", f"  ({name}", *(f"    {line}" for line in content), "  )"]
    return "\n".join([*lines, ")", ""])


def _by_category(objects: dict[str, str]) -> list[tuple[str, str]]:
    """Return instances, those of a category in one entry: LIBERO's reader forgets the first of two entries."""
    groups: dict[str, list[str]] = {}
    for name, category in objects.items():
        groups.setdefault(category, []).append(name)
    return [(" ".join(names), category) for category, names in groups.items()]


def _predicate(atom: Atom) -> str:
    return f"({' '.join((atom.name, *atom.arguments))})"


def _numbers(values: Iterable[float]) -> str:
    return f"({' '.join(map(repr, values))})"


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


def _region(expression: Expression) -> tuple[str, Region]:
    """Return a region with its full name, which begins with what it belongs to."""
    if not isinstance(expression, list) or not expression or not isinstance(expression[0], str):
        raise ValueError(f"{expression} is not a region")
    parts = {str(part[0]): part[1:] for part in expression[1:] if isinstance(part, list) and part}
    if unknown := parts.keys() - {":target", ":ranges", ":yaw_rotation"}:
        raise ValueError(
            f"region {expression[0]} has {', '.join(sorted(unknown))}; known: target, ranges, yaw_rotation"
        )
    if len(parts.get(":target", [])) != 1:
        raise ValueError(f"region {expression[0]} has no target")
    target = str(parts[":target"][0])
    ranges = tuple(_floats(rectangle, 4, expression[0]) for rectangle in _items(parts.get(":ranges")))
    yaws = [_floats(bounds, 2, expression[0]) for bounds in _items(parts.get(":yaw_rotation"))]
    return f"{target}_{expression[0]}", Region(target, ranges, yaws[-1] if yaws else (0.0, 0.0))


def _items(part: list[Expression] | None) -> list[Expression]:
    if not part:
        return []
    return part[0] if isinstance(part[0], list) else []


def _floats(expression: Expression, count: int, region: str) -> tuple[float, ...]:
    if not isinstance(expression, list) or len(expression) != count:
        raise ValueError(f"region {region}: {expression} is not {count} numbers")
    try:
        return tuple(float(str(word)) for word in expression)
    except ValueError:
        raise ValueError(f"region {region}: {expression} is not {count} numbers") from None
