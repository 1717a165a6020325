"""YAML text to plain values, the same for a recipe, a run's config.yaml and the value of an override.

PyYAML parses; its implicit types are those of YAML 1.1, where `1e-4` is text and `on` is true. The core schema of
YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) takes their place here, and what a reader would otherwise settle
silently is an error: a key that stands twice, a number that is not finite or has a leading zero, aliases that expand.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from vla_trainer.errors import ConfigError

Path = tuple[str | int, ...]
"""Keys from the top down, and places in lists."""

MAX_NODES = 10_000
"""Values of a document after aliases are expanded; OmegaConf's limit."""

MAX_INTEGER = 2**63 - 1
"""What torch and NumPy hold in an int64."""

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_BOOL = re.compile("true|True|TRUE|false|False|FALSE")
_NULL = re.compile("~|null|Null|NULL|")
_PATTERNS = {"int": _INT, "float": _FLOAT, "bool": _BOOL, "null": _NULL}


class _Loader(yaml.SafeLoader):
    """Composes nodes, whose plain scalars have the types of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # as PyYAML has it


# PyYAML looks a pattern up by the first character of the text
for _name, _first in (("null", "~nN"), ("bool", "tTfF"), ("int", "-+0123456789"), ("float", "-+.0123456789")):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_PATTERNS[_name].pattern})\Z"), list(_first))
_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"\Z"), [""])


class _Dumper(yaml.SafeDumper):
    """Quotes text that either version of YAML would read as another type."""


for _first, _resolvers in _Loader.yaml_implicit_resolvers.items():
    for _tag, _pattern in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _pattern, [_first])


@dataclass(frozen=True)
class Origin:
    """Where a value comes from."""

    where: str | None
    """file:line:column, from 1; None: an override."""
    text: str | None
    """What was written, if it is unquoted and was read as something else than text."""


@dataclass(frozen=True)
class Document:
    """What a text says."""

    value: Any
    """Maps, lists, text, integers, finite floats, booleans and None."""
    origins: dict[Path, Origin] = field(default_factory=dict)
    """By path, of each key and each item of a list."""


def read_yaml(text: str, source: str) -> Document:
    """Read a file's text; `source` is what errors call the file.

    Raises:
        ConfigError: `source:line:column: ` and what is wrong there.
    """
    node = _compose(text, source)
    reading = _Reading(source)
    value = None if node is None else reading.value(node, ())
    return Document(value, reading.origins)


def read_value(text: str, key: str) -> Document:
    """Read the value of the override `key=text`; paths in the result begin below the key.

    Raises:
        ConfigError: not YAML, more than one value, or no value.
    """
    where = f"{key}={text}"
    node = _compose(text, where, override=True)
    if node is None:
        raise ConfigError(f'{where} has no value; write null, "", or ~{key} to remove the key')
    if rest := text[node.end_mark.index :].strip():
        raise ConfigError(f'{where}: "{rest}" would be a comment; put text with " #" in quotes')
    reading = _Reading(where, override=True)
    return Document(reading.value(node, ()), reading.origins)


def write_yaml(value: Any) -> str:
    """YAML that `read_yaml` and readers of YAML 1.1 read back the same."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _compose(text: str, source: str, *, override: bool = False) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = ""
        if mark is not None:
            place = f": column {mark.column + 1}" if override else f":{mark.line + 1}:{mark.column + 1}"
        problem = ", ".join(part for part in (error.context, error.problem, error.note) if part)
        raise ConfigError(f"{source}{place}: {problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{source}: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ConfigError(f"{source}: maps and lists are nested too deeply") from error


class _Reading:
    """One pass over the nodes of a document."""

    def __init__(self, source: str, *, override: bool = False) -> None:
        self.origins: dict[Path, Origin] = {}
        self._source, self._override = source, override
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._wrong(node, f"more than {MAX_NODES} values, aliases expanded")
        if isinstance(node, yaml.ScalarNode):
            scalar = self._scalar(node)
            plain = node.style is None and not isinstance(scalar, str)
            self._note(path, node, node.value if plain else None)
            return scalar
        if id(node) in self._open:
            raise self._wrong(node, "an alias that contains itself")
        self._open.add(id(node))
        inner = self._map(node, path) if isinstance(node, yaml.MappingNode) else self._list(node, path)
        self._open.remove(id(node))
        return inner

    def _map(self, node: yaml.MappingNode, path: Path) -> dict[Hashable, Any]:
        if node.tag != _TAG + "map":
            raise self._wrong(node, f"the tag {_short(node.tag)} is not allowed")
        found: dict[Hashable, Any] = {}
        lines: dict[Hashable, int] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                written = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a map or a list"
                raise self._wrong(key_node, f"{written} is not a key; allowed: text, quoted if need be, and integers")
            if key == "<<" and key_node.style is None:
                raise self._wrong(key_node, '"<<" does not merge in YAML 1.2; write the keys, or use extends')
            if key in found:
                raise self._wrong(key_node, f'the key "{key}" is there twice, first in line {lines[key]}')
            lines[key] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, (*path, key))
            text = self.origins[(*path, key)].text
            self._note((*path, key), key_node, text)
        self._note(path, node, None)
        return found

    def _list(self, node: yaml.Node, path: Path) -> list[Any]:
        if node.tag != _TAG + "seq":
            raise self._wrong(node, f"the tag {_short(node.tag)} is not allowed")
        self._note(path, node, None)
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        name, text = node.tag.removeprefix(_TAG), str(node.value)
        if name == "str":
            return text
        pattern = _PATTERNS.get(name)
        if pattern is None or pattern.fullmatch(text) is None:
            why = "is not allowed" if pattern is None else f'does not fit "{text}"'
            raise self._wrong(node, f"the tag {_short(node.tag)} {why}")
        if name == "null":
            return None
        if name == "bool":
            return text.lower() == "true"
        return self._integer(node, text) if name == "int" else self._float(node, text)

    def _integer(self, node: yaml.Node, text: str) -> int:
        digits = text.lstrip("+-")
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            raise self._wrong(node, f'{text} has a leading zero; quote it for text: "{text}"')
        # before int(), which refuses thousands of digits
        number = int(text, 0) if len(digits) <= 64 else MAX_INTEGER + 1
        if abs(number) > MAX_INTEGER:
            raise self._wrong(node, f'{_cut(text)} is above {MAX_INTEGER}; quote it for text: "{_cut(text)}"')
        return number

    def _float(self, node: yaml.Node, text: str) -> float:
        number = float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if number - number != 0:
            raise self._wrong(node, f'{_cut(text)} is not a finite number; quote it for text: "{_cut(text)}"')
        return number

    def _note(self, path: Path, node: yaml.Node, text: str | None) -> None:
        self.origins[path] = Origin(None if self._override else self._at(node), text)

    def _at(self, node: yaml.Node) -> str:
        return f"{self._source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"

    def _wrong(self, node: yaml.Node, message: str) -> ConfigError:
        return ConfigError(f"{self._source if self._override else self._at(node)}: {message}")


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
