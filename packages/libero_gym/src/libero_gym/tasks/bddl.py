"""Read and write tasks in LIBERO's language, BDDL.

The grammar is what LIBERO's own reader (`envs/bddl_utils.py`) takes: one (define ...) of typed lists, regions with
their rectangles, initial conditions and a goal. What LIBERO's reader passes over in silence is an error here: a section
that is there twice or has an unknown name, an object without a category, a number that is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from libero_gym.errors import BddlError, shown, unknown
from libero_gym.tasks.bddl_syntax import Group, Item, Word, read_expression
from libero_gym.tasks.definition import Atom, Region, TaskDefinition

#: (section, index or name) -> (line, column) of a parsed text; see `TaskSpecError.place`.
Places = dict[tuple[str | int, ...], tuple[int, int]]

SECTIONS = (
    *("problem", ":domain", ":requirements", ":language", ":regions", ":fixtures", ":objects", ":obj_of_interest"),
    *(":init", ":goal"),
)
_REQUIRED = ("problem", ":fixtures", ":objects", ":goal")
_REGION_PARTS = (":target", ":ranges", ":yaw_rotation", ":rgba")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def parse_definition(text: str, file: str = "BDDL") -> TaskDefinition:
    """Parse the definition in a BDDL text.

    Args:
        text: the text.
        file: its name, for errors.

    Raises:
        BddlError: it is not a BDDL problem; the message begins with file, line and column.
    """
    return parse_with_places(text, file)[0]


def parse_with_places(text: str, file: str = "BDDL") -> tuple[TaskDefinition, Places]:
    """Parse the definition in a BDDL text, and note where in the text its parts stand.

    Raises:
        BddlError: see `parse_definition`.
    """
    return _Parser(text, file).parse()


class _Parser:
    """Parses one text."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._whole = read_expression(text, file)
        self._places: Places = {("",): (self._whole.line, self._whole.column)}

    def parse(self) -> tuple[TaskDefinition, Places]:
        sections = self._sections()
        definition = TaskDefinition(
            problem=self._problem(sections["problem"]),
            language=self._language(sections.get(":language")),
            objects=self._typed(sections[":objects"], "objects"),
            fixtures=self._typed(sections[":fixtures"], "fixtures"),
            objects_of_interest=self._names(sections.get(":obj_of_interest")),
            goal=self._goal(sections[":goal"]),
            init=self._atoms(sections[":init"].rest if ":init" in sections else (), "init"),
            regions=self._regions(sections.get(":regions")),
        )
        return definition, self._places

    def _error(self, item: Item, message: str) -> BddlError:
        return BddlError.at(self._file, item.line, item.column, message)

    def _sections(self) -> dict[str, Group]:
        if self._whole.head != "define":
            raise self._error(self._whole, "expected one (define ...)")
        found: dict[str, Group] = {}
        for part in self._whole.rest:
            if not isinstance(part, Group) or not part.head:
                raise self._error(part, f"{_text(part)} is not a section; sections: {', '.join(SECTIONS)}")
            if part.head not in SECTIONS:
                raise self._error(part, str(unknown(BddlError, "section", part.head, SECTIONS)))
            if part.head in found:
                raise self._error(part, f"section {part.head} is there twice")
            found[part.head] = part
            self._places[(part.head.removeprefix(":"),)] = (part.line, part.column)
        if missing := [name for name in _REQUIRED if name not in found]:
            raise self._error(self._whole, f"it lacks {', '.join(missing)}")
        if ":domain" in found and self._one_word(found[":domain"]).text != "robosuite":
            raise self._error(found[":domain"], f"unknown domain {_text(found[':domain'])}; allowed: robosuite")
        return found

    def _one_word(self, group: Group) -> Word:
        if len(group.rest) != 1 or not isinstance(group.rest[0], Word):
            raise self._error(group, f"{_text(group)} is not ({group.head} WORD)")
        return group.rest[0]

    def _problem(self, group: Group) -> str:
        word = self._one_word(group)
        self._places[("problem",)] = (word.line, word.column)
        return word.text

    def _words(self, items: Iterable[Item], what: str) -> list[Word]:
        words = []
        for item in items:
            if not isinstance(item, Word):
                raise self._error(item, f"{_text(item)} is not {what}")
            words.append(item)
        return words

    def _language(self, group: Group | None) -> str:
        return "" if group is None else " ".join(word.text for word in self._words(group.rest, "a word"))

    def _names(self, group: Group | None) -> tuple[str, ...]:
        words = [] if group is None else self._words(group.rest, "a name")
        for index, word in enumerate(words):
            self._places["objects_of_interest", index] = (word.line, word.column)
        return tuple(word.text for word in words)

    def _typed(self, group: Group, section: str) -> dict[str, str]:
        """Return the list `a b - kind c - other` as a -> kind, b -> kind, c -> other."""
        named: dict[str, str] = {}
        waiting: list[Word] = []
        words = iter(self._words(group.rest, "a name"))
        for word in words:
            if word.text != "-":
                waiting.append(word)
                continue
            category = next(words, None)
            if category is None or category.text == "-" or not waiting:
                raise self._error(word, "'-' stands between the names of objects and their category")
            for name in waiting:
                if name.text in named:
                    raise self._error(name, f"{name.text!r} is declared twice")
                named[name.text] = category.text
                self._places[section, name.text] = (name.line, name.column)
                self._places[section, name.text, "category"] = (category.line, category.column)
            waiting = []
        if waiting:
            raise self._error(waiting[0], f"{waiting[0].text} has no category; expected NAME - CATEGORY")
        return named

    def _goal(self, group: Group) -> tuple[Atom, ...]:
        if len(group.rest) != 1 or not isinstance(group.rest[0], Group):
            raise self._error(group, "expected (:goal (And (PREDICATE ...) ...)), or one predicate")
        goal = group.rest[0]
        return self._atoms(goal.rest if goal.head.lower() == "and" else (goal,), "goal")

    def _atoms(self, items: Iterable[Item], section: str) -> tuple[Atom, ...]:
        return tuple(self._atom(item, section, index) for index, item in enumerate(items))

    def _atom(self, item: Item, section: str, index: int) -> Atom:
        if not isinstance(item, Group) or not item.head:
            raise self._error(item, f"{_text(item)} is not a predicate; expected (PREDICATE NAME ...)")
        arguments = []
        for number, word in enumerate(item.rest):
            if not isinstance(word, Word):
                raise self._error(word, f"{_text(word)} in {_text(item)}, which is not a predicate of names")
            self._places[section, index, number] = (word.line, word.column)
            arguments.append(word.text)
        self._places[section, index] = (item.line, item.column)
        return Atom(item.head.lower(), tuple(arguments))

    def _regions(self, group: Group | None) -> dict[str, Region]:
        found: dict[str, Region] = {}
        for item in () if group is None else group.rest:
            name, region = self._region(item)
            if name in found:
                raise self._error(item, f"region {name!r} is declared twice")
            found[name] = region
            self._places["regions", name] = (item.line, item.column)
        return found

    def _region(self, item: Item) -> tuple[str, Region]:
        """Return a region with its full name, which begins with what it belongs to."""
        if not isinstance(item, Group) or not item.head:
            raise self._error(item, f"{_text(item)} is not a region; expected (NAME (:target ...) ...)")
        parts: dict[str, Group] = {}
        for part in item.rest:
            if not isinstance(part, Group) or part.head not in _REGION_PARTS:
                allowed = ", ".join(_REGION_PARTS)
                raise self._error(part, f"unknown {_text(part)} of region {item.head}; allowed: {allowed}")
            if part.head in parts:
                raise self._error(part, f"{part.head} of region {item.head} is there twice")
            parts[part.head] = part
        if ":target" not in parts:
            raise self._error(item, f"region {item.head} has no :target")
        target = self._one_word(parts[":target"]).text
        ranges = tuple(self._numbers(box, 4, item.head) for box in self._items(parts.get(":ranges")))
        yaws = [self._numbers(bounds, 2, item.head) for bounds in self._items(parts.get(":yaw_rotation"))]
        return f"{target}_{item.head}", Region(target, ranges, yaws[-1] if yaws else (0.0, 0.0))

    def _items(self, part: Group | None) -> tuple[Item, ...]:
        if part is None:
            return ()
        if len(part.rest) != 1 or not isinstance(part.rest[0], Group):
            raise self._error(part, f"{_text(part)} is not ({part.head} ((NUMBER ...) ...))")
        return part.rest[0].items

    def _numbers(self, item: Item, count: int, region: str) -> tuple[float, ...]:
        if not isinstance(item, Group) or len(item.items) != count:
            raise self._error(item, f"region {region}: {_text(item)} is not {count} numbers")
        values = []
        for word in item.items:
            if not isinstance(word, Word) or not _NUMBER.fullmatch(word.text) or not math.isfinite(float(word.text)):
                raise self._error(word, f"region {region}: {_text(word)} is not a number")
            values.append(float(word.text))
        return tuple(values)


def _text(item: Item) -> str:
    """Return an item as it is written, for a message: in one short line."""
    text = shown(_written(item))[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."


def _written(item: Item) -> str:
    if isinstance(item, Word):
        return item.text
    return f"({' '.join(_written(part) for part in item.items)})"


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
