"""Read the data files of the built-in set: a TOML table becomes a frozen dataclass, and every value is checked.

The numbers are facts measured on LIBERO's compiled scenes (hf-libero 0.1.4: collision geometry, joints, sites and
masses); the shapes between them are ours. A file holds a table per object, all of one dataclass, whose fields are the
keys. There are four short forms:

    extends = "milk"               inherits from that table of the same file, down to the keys of nested tables
    [[0, 0, 1], [2, 3, 4]]         a dataclass as a list: its fields in order, those with defaults may be left out
    "white" instead of [r, g, b]   a name of the file's `[colours]`
    {x = 31.3} as a quaternion     a rotation about that axis, degrees
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from libero_gym.errors import AssetError, shown, unknown

DATA = Path(__file__).with_name("data")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_COLOURS = "colours"
_EXTENDS = "extends"

Sizes = TypeVar("Sizes")


class AssetDataError(AssetError):
    """A data file of the built-in set that is damaged, or a value in it that is not allowed.

    Way out: install libero-gym again.
    """


@dataclass(frozen=True)
class Range:
    """Bounds of a number, or of every number in a tuple."""

    low: float
    high: float
    unit: str = ""
    above: bool = False
    """Whether `low` itself is not allowed."""

    def holds(self, number: float) -> bool:
        """Return whether the number lies within the bounds."""
        return (self.low < number if self.above else self.low <= number) and number <= self.high

    def __str__(self) -> str:
        return f"{'(' if self.above else '['}{self.low:g}, {self.high:g}] {self.unit}".strip()


@dataclass(frozen=True)
class Length:
    """How many items a tuple of any length has."""

    low: int
    high: int


class ColourName:
    """Marks a field that may also name a colour of the file."""


class UnitQuaternion:
    """Marks a quaternion (w, x, y, z), which may also be a rotation about one axis, `{x = degrees}`."""


Colour = Annotated[tuple[int, int, int], ColourName(), Range(0, 255)]
"""Red, green, blue."""


def read_objects(path: Path, kind: type[Sizes]) -> dict[str, Sizes]:
    """Read the objects of a data file, in the file's order.

    Args:
        path: the TOML file.
        kind: the frozen dataclass of its objects.

    Raises:
        AssetDataError: the file cannot be read, or a name, type, count or range is not allowed; the message names
            file, object, key, value and what is allowed.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssetDataError(f"{path}: {error}") from error
    reader = _Reader(path, {})
    colours = reader.convert(dict[str, Colour], tables.pop(_COLOURS, {}), f"[{_COLOURS}]")
    reader = _Reader(path, colours)
    objects: dict[str, Sizes] = {}
    for name in tables:
        reader.check_name(name, "")
        objects[name] = reader.convert(kind, _resolved(path, tables, name), f"[{name}]")
    return objects


def _resolved(path: Path, tables: Mapping[str, Any], name: str, seen: tuple[str, ...] = ()) -> Any:
    """Return a table merged over those that it extends."""
    table = tables[name]
    if not isinstance(table, dict) or _EXTENDS not in table:
        return table
    table = dict(table)
    base = table.pop(_EXTENDS)
    others = [other for other in tables if other not in (*seen, name)]
    if base not in others:
        raise unknown(AssetDataError, _EXTENDS, base, others, f"[{name}] of {path}")
    return _merged(_resolved(path, tables, base, (*seen, name)), table)


def _merged(base: Any, changes: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return changes
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}


@dataclass(frozen=True)
class _Reader:
    """Converts values of one file; `place` is a table and a key, such as "[milk] boxes[2]"."""

    path: Path
    colours: Mapping[str, tuple[int, int, int]]

    def convert(self, kind: Any, value: Any, place: str, markers: tuple[Any, ...] = ()) -> Any:
        """Return the value as `kind`, a dataclass, a type of plain values, or a container of those."""
        origin, parts = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.convert(parts[0], value, place, (*markers, *parts[1:]))
        if dataclasses.is_dataclass(kind):
            return self._dataclass(kind, value, place)
        if origin in (Union, UnionType):
            return self.convert(self._member(parts, value, place), value, place, markers)
        if origin is Literal:
            if value not in parts:
                raise unknown(AssetDataError, place, value, parts, str(self.path))
            return value
        if origin is dict:
            return self._dict(parts[0], parts[1], value, place)
        if origin is tuple:
            return self._tuple(parts, value, place, markers)
        return self._scalar(kind, value, place, markers)

    def check_name(self, name: str, place: str) -> None:
        """Raise if a name is not one that MJCF, file names and LIBERO share."""
        if not _NAME.fullmatch(name):
            raise self._error(place or "name of an object", name, "lower-case letters, digits and _, a letter first")

    def _error(self, place: str, value: object, allowed: str) -> AssetDataError:
        return AssetDataError(f"{self.path}: {place} = {shown(value)}; allowed: {allowed}")

    def _scalar(self, kind: type, value: Any, place: str, markers: tuple[Any, ...]) -> Any:
        if kind is float and type(value) is int:
            value = float(value)
        bounds = [marker for marker in markers if isinstance(marker, Range)]
        allowed = " in ".join(
            [{float: "a number", int: "an integer", bool: "true or false", str: "text"}[kind], *map(str, bounds)]
        )
        fits = type(value) is kind and (not isinstance(value, float) or math.isfinite(value))
        if not fits or not all(bound.holds(value) for bound in bounds):
            raise self._error(place, value, allowed)
        return value

    def _tuple(self, parts: tuple[Any, ...], value: Any, place: str, markers: tuple[Any, ...]) -> tuple[Any, ...]:
        is_quaternion = any(isinstance(marker, UnitQuaternion) for marker in markers)
        if is_quaternion and isinstance(value, dict):
            return self._rotation(value, place)
        if isinstance(value, str) and any(isinstance(marker, ColourName) for marker in markers):
            if value not in self.colours:
                raise unknown(AssetDataError, place, value, self.colours, str(self.path))
            return self.colours[value]
        if parts[-1] is Ellipsis:
            lengths = next((marker for marker in markers if isinstance(marker, Length)), Length(0, 10_000))
            kinds = parts[:1] * len(value) if isinstance(value, list) else ()
        else:
            lengths, kinds = Length(len(parts), len(parts)), parts
        if not isinstance(value, list) or not lengths.low <= len(value) <= lengths.high:
            counts = f"{lengths.low}" if lengths.low == lengths.high else f"{lengths.low} to {lengths.high}"
            raise self._error(place, value, f"a list of {counts} items")
        ranges = tuple(marker for marker in markers if isinstance(marker, Range))
        items = tuple(
            self.convert(part, item, f"{place}[{i}]", ranges)
            for i, (part, item) in enumerate(zip(kinds, value, strict=True))
        )
        if is_quaternion and abs(math.hypot(*items) - 1) > 0.01:
            raise self._error(place, value, "a quaternion (w, x, y, z) of length 1, or {x = degrees}")
        return items

    def _rotation(self, value: Mapping[str, Any], place: str) -> tuple[float, ...]:
        if len(value) != 1 or not value.keys() <= {"x", "y", "z"}:
            raise self._error(place, value, "one of x, y, z, in degrees")
        ((axis, degrees),) = value.items()
        half = math.radians(self.convert(float, degrees, f"{place}.{axis}", (Range(-360, 360, "degrees"),))) / 2
        return (math.cos(half), *(math.sin(half) if axis == name else 0.0 for name in "xyz"))

    def _dict(self, key_kind: Any, kind: Any, value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._error(place, value, "a table")
        for name in value:
            self.check_name(name, f"key of {place}")
            self.convert(key_kind, name, f"key of {place}")
        return {name: self.convert(kind, item, _join(place, name)) for name, item in value.items()}

    def _dataclass(self, kind: Any, value: Any, place: str) -> Any:
        fields = {field.name: field for field in dataclasses.fields(kind)}
        needed = [name for name, field in fields.items() if field.default is field.default_factory]
        if isinstance(value, list) and len(needed) <= len(value) <= len(fields):
            value = dict(zip(fields, value, strict=False))
        if not isinstance(value, dict):
            raise self._error(place, value, f"a table, or a list, of {', '.join(fields)}")
        for key in value:
            if key not in fields:
                raise unknown(AssetDataError, "key", key, fields, f"{place} of {self.path}")
        missing = [name for name in needed if name not in value]
        if missing:
            raise self._error(_join(place, missing[0]), None, f"a value: it has no default (keys: {', '.join(fields)})")
        hints = get_type_hints(kind, include_extras=True)
        return kind(**{key: self.convert(hints[key], item, _join(place, key)) for key, item in value.items()})

    def _member(self, kinds: tuple[Any, ...], value: Any, place: str) -> Any:
        """Return the member of a union: `X` of `X | None`, or the dataclass whose first field the table has."""
        members = [kind for kind in kinds if kind is not type(None)]
        if len(members) == 1:
            return members[0]
        by_key = {dataclasses.fields(kind)[0].name: kind for kind in members}
        found = [key for key in by_key if isinstance(value, dict) and key in value]
        if len(found) != 1:
            raise self._error(place, value, f"a table with one of {', '.join(by_key)}")
        return by_key[found[0]]


def _join(place: str, key: str) -> str:
    """Return the place of a key: a space after the table's name, a point after another key."""
    return f"{place}{' ' if place.endswith(']') and place.startswith('[') and place.count(']') == 1 else '.'}{key}"
