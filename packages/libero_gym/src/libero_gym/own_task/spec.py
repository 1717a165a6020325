"""`TaskSpec`: a task of one's own, read from a BDDL file or written in Python."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from libero_gym.errors import BddlError, TaskSpecError, shown, unknown
from libero_gym.own_task.checks import check_spec
from libero_gym.scene.workspace import workspaces
from libero_gym.tasks.bddl import Places, parse_with_places, write_definition
from libero_gym.tasks.definition import Atom, Region, TaskDefinition

#: Bytes of the largest file that is read; LIBERO's largest has 6 kB.
_LARGEST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """A task of one's own: what is in the scene, where it begins, and what has to hold at the end.

    It is checked when it is made, but for the objects' files, which an environment reads. Two that are equal are the
    same task. Mappings are copied: do not change a spec's.

    Example:
        >>> TaskSpec(
        ...     problem="LIBERO_Tabletop_Manipulation",
        ...     language="put the bowl on the plate",
        ...     objects={"bowl_1": "akita_black_bowl", "plate_1": "plate"},
        ...     regions={
        ...         "main_table_left": Region("main_table", ((-0.10, -0.20, 0.00, -0.10),)),
        ...         "main_table_right": Region("main_table", ((-0.05, 0.10, 0.05, 0.20),)),
        ...     },
        ...     init=[("on", "bowl_1", "main_table_left"), ("on", "plate_1", "main_table_right")],
        ...     goal=[("on", "bowl_1", "plate_1")],
        ... ).name
        'put_the_bowl_on_the_plate'
    """

    problem: str
    """LIBERO's class of such tasks, which chooses the workspace: table, robot's place and cameras."""
    language: str
    """The instruction: at most 256 letters, digits, spaces and `_-,.'`."""
    objects: Mapping[str, str]
    """Movable objects: instance -> category, one of LIBERO's or the name of a model's file without `.xml`."""
    goal: Sequence[Atom | Sequence[str]]
    """Predicates that all have to hold: `Atom`s, or sequences such as ("on", "bowl_1", "plate_1")."""
    init: Sequence[Atom | Sequence[str]]
    """Where each object and fixture begins, and what begins open, closed, turned on or turned off."""
    regions: Mapping[str, Region] = field(default_factory=dict)
    """By full name, which begins with the name of what the region belongs to, e.g. "main_table_left"."""
    fixtures: Mapping[str, str] = field(default_factory=dict)
    """What stands still: instance -> category. The workspace's own (a table, the floor) is added where it lacks."""
    objects_of_interest: Sequence[str] = ()
    name: str = ""
    """`info["task_name"]`; by default the file's name, or the instruction with underscores."""
    object_folder: str | None = field(default=None, compare=False)
    """Where files of categories that LIBERO does not have are looked for; of a file, its own folder."""
    places: Places = field(default_factory=dict, compare=False, repr=False)
    """Lines and columns of a text that was parsed, for errors."""
    source: str = field(default="", compare=False, repr=False)
    """Name of that text."""

    def __post_init__(self) -> None:
        """Bring arguments into their form, and check them.

        Raises:
            TaskSpecError: see `own_task.checks`; a BddlError where the place in a text is known.
        """
        try:
            for name, value in _in_form(self).items():
                object.__setattr__(self, name, value)
            check_spec(self.definition, self.name)
        except TaskSpecError as error:
            raise self.located(error) from None

    @classmethod
    def from_bddl(cls, source: str | os.PathLike[str], *, name: str = "") -> TaskSpec:
        """Read a task in LIBERO's language, BDDL.

        Args:
            source: a file, or a text: a string with a parenthesis or a line's end in it is a text. A `Path` is always
                a file.
            name: of the task; by default the file's, without its ending.

        Raises:
            BddlError: it is malformed or names what there is not; `line` and `column` say where.
            TaskSpecError: the file cannot be read.
        """
        if isinstance(source, str) and any(character in source for character in "()\n"):
            text, file, folder = source, "BDDL", None
        else:
            path = _path(source)
            text, file, folder = _read(path), str(path), str(path.resolve().parent)
            name = name or path.stem
        definition, places = parse_with_places(text, file)
        if not definition.language:
            raise BddlError.at(file, *places["",], "it has no (:language ...), the instruction of the task")
        parts = {part.name: getattr(definition, part.name) for part in fields(TaskDefinition)}
        return cls(**parts, name=name, object_folder=folder, places=places, source=file)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> TaskSpec:
        """Make a spec from what `to_json` returned, or from the same mappings out of a YAML file.

        Raises:
            TaskSpecError: it is of another form.
        """
        known = [part.name for part in fields(cls) if part.name not in ("places", "source")]
        if not isinstance(tree, Mapping):
            raise TaskSpecError(f"task_spec {shown(tree)}; allowed: a TaskSpec, or a mapping of its fields")
        for key in tree:
            if key not in known:
                raise unknown(TaskSpecError, "field of a TaskSpec", key, known)
        if missing := [key for key in ("problem", "language", "objects", "goal", "init") if key not in tree]:
            raise TaskSpecError(f"a TaskSpec lacks {', '.join(missing)}")
        return cls(**tree)

    def to_json(self) -> dict[str, Any]:
        """Return it as a tree of JSON values."""
        return {**_tree(self.definition), "name": self.name, "object_folder": self.object_folder}

    def to_bddl(self) -> str:
        """Return it as a BDDL text that `from_bddl` and LIBERO read as the same task."""
        return write_definition(self.definition)

    @property
    def definition(self) -> TaskDefinition:
        """The task in the form in which LIBERO's own are kept."""
        return TaskDefinition(
            problem=self.problem,
            objects=dict(self.objects),
            fixtures=dict(self.fixtures),
            objects_of_interest=tuple(self.objects_of_interest),
            goal=tuple(self.goal),  # type: ignore[arg-type]  # Atoms since `__post_init__`
            init=tuple(self.init),  # type: ignore[arg-type]
            language=self.language,
            regions=dict(self.regions),
        )

    @property
    def sha256(self) -> str:
        """Hash of the definition; objects' files are not in it."""
        return hashlib.sha256(json.dumps(_tree(self.definition)).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash((self.name, self.sha256))

    def located(self, error: TaskSpecError) -> TaskSpecError:
        """Return an error with the line and the column that it is about, where they are known."""
        place = error.place
        while place and place not in self.places:
            place = place[:-1]
        if isinstance(error, BddlError) or not self.places:
            return error
        line, column = self.places.get(place) or self.places["",]
        found = BddlError.at(self.source, line, column, str(error))
        found.place = error.place
        return found


def _in_form(spec: TaskSpec) -> dict[str, Any]:
    """Return a spec's fields in the types that they have from now on.

    Raises:
        TaskSpecError: a field is of another type.
    """
    for key in ("problem", "language", "name"):
        if not isinstance(getattr(spec, key), str):
            raise _wrong(key, getattr(spec, key), "a string")
    for key in ("objects", "fixtures"):
        value = getattr(spec, key)
        if not isinstance(value, Mapping) or not all(isinstance(word, str) for pair in value.items() for word in pair):
            raise _wrong(key, value, "a mapping of names to categories")
    if not isinstance(spec.regions, Mapping) or not all(isinstance(name, str) for name in spec.regions):
        raise _wrong("regions", spec.regions, "a mapping of names to Regions")
    interest = spec.objects_of_interest
    if isinstance(interest, str) or not isinstance(interest, Sequence) or not all(isinstance(n, str) for n in interest):
        raise _wrong("objects_of_interest", interest, "a sequence of names")
    if spec.object_folder is not None and not isinstance(spec.object_folder, (str, os.PathLike)):
        raise _wrong("object_folder", spec.object_folder, "a folder, or None")
    return {
        "language": " ".join(spec.language.split()),
        "name": spec.name or "_".join(spec.language.split()),
        "objects": dict(spec.objects),
        "fixtures": _with_workspace(spec),
        "regions": {name: _region(name, region) for name, region in spec.regions.items()},
        "objects_of_interest": tuple(interest),
        "goal": _atoms("goal", spec.goal),
        "init": _atoms("init", spec.init),
        "object_folder": None if spec.object_folder is None else os.fspath(spec.object_folder),
    }


def _with_workspace(spec: TaskSpec) -> dict[str, str]:
    """Return a spec's fixtures, the table or floor first where it lacks that; an unknown problem is found later."""
    fixtures = dict(spec.fixtures)
    for problem, workspace in workspaces().items():
        if problem.lower() == spec.problem.lower() and workspace.category not in fixtures.values():
            return {workspace.name: workspace.category, **fixtures}
    return fixtures


def _atoms(key: str, value: object) -> tuple[Atom, ...]:
    if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
        raise _wrong(key, value, 'a sequence of predicates such as ("on", "bowl_1", "plate_1")')
    return tuple(_atom(key, index, item) for index, item in enumerate(value))


def _atom(key: str, index: int, item: object) -> Atom:
    if isinstance(item, Mapping) and item.keys() == {"name", "arguments"}:  # as JSON has it
        item = Atom(item["name"], item["arguments"])
    words: object = item
    if isinstance(item, Atom) and isinstance(item.arguments, Sequence):
        words = [item.name, *item.arguments]
    if isinstance(words, str) or not isinstance(words, Sequence) or not words:
        raise _wrong(f"{key}[{index}]", item, 'a predicate such as ("on", "bowl_1", "plate_1")')
    if not all(isinstance(word, str) for word in words):
        raise _wrong(f"{key}[{index}]", item, "a predicate of strings")
    return Atom(words[0].lower(), tuple(words[1:]))


def _region(name: str, value: object) -> Region:
    if isinstance(value, Mapping) and "target" in value and value.keys() <= {"target", "ranges", "yaw"}:
        value = Region(**value)
    if not isinstance(value, Region) or not isinstance(value.target, str):
        raise _wrong(f"regions[{name!r}]", value, "a Region")
    try:
        return Region(
            value.target,
            tuple(tuple(float(number) for number in box) for box in value.ranges),
            tuple(float(bound) for bound in value.yaw),
        )
    except (TypeError, ValueError, OverflowError):
        raise _wrong(f"regions[{name!r}]", value, "numbers in ranges and yaw") from None


def _wrong(what: str, value: object, allowed: str) -> TaskSpecError:
    return TaskSpecError(f"{what} {shown(value)} of a TaskSpec; allowed: {allowed}")


def _tree(definition: TaskDefinition) -> dict[str, Any]:
    """Return a definition as JSON values."""
    return {
        "problem": definition.problem,
        "objects": dict(definition.objects),
        "fixtures": dict(definition.fixtures),
        "objects_of_interest": list(definition.objects_of_interest),
        "goal": [{"name": atom.name, "arguments": list(atom.arguments)} for atom in definition.goal],
        "init": [{"name": atom.name, "arguments": list(atom.arguments)} for atom in definition.init],
        "language": definition.language,
        "regions": {
            name: {"target": region.target, "ranges": [list(box) for box in region.ranges], "yaw": list(region.yaw)}
            for name, region in definition.regions.items()
        },
    }


def _path(source: object) -> Path:
    if not isinstance(source, (str, os.PathLike)) or isinstance(source, bytes):
        raise TaskSpecError(f"{shown(source)} is neither a file nor a text in BDDL")
    return Path(source).expanduser()


def _read(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise TaskSpecError(f"{path} has {size:,} bytes; at most {_LARGEST:,} are read")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TaskSpecError(f"{path} is not a text in UTF-8: {error.reason} at byte {error.start}") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TaskSpecError(f"the task's file {shown(str(path))} cannot be read: {reason}") from error
