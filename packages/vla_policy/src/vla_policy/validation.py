"""Check values that come from files and users against the types, names and sizes that are allowed."""

from __future__ import annotations

import numbers
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vla_policy.errors import ConfigError, VLAPolicyError, clip, names

MAX_SIZE = 2**24
"""Of any size: a forged one would overflow, or be built for hours, before the weights' shapes are compared."""


def check_fields(instance: Any, place: str = "") -> None:
    """Check each field of a dataclass against its annotation; call it in `__post_init__`.

    Args:
        place: what stands before a field's name in the message, for example "text_config.".

    Raises:
        ConfigError: a field has another type; the message names it, its value and what is allowed.
    """
    cls: Any = type(instance)
    hints = _hints(cls)
    for field in fields(instance):
        _require(getattr(instance, field.name), hints[field.name], f"{place}{field.name}", ConfigError)


def check_sizes(sizes: Any, field_names: tuple[str, ...], place: str = "", most: int = MAX_SIZE) -> None:
    """Raise ConfigError unless these fields of a dataclass are at least 1 and at most `most`."""
    for name in field_names:
        value = getattr(sizes, name)
        if not 1 <= value <= most:
            raise ConfigError(f"{place}{name} is {clip(value)}; it must be at least 1 and at most {most}")


def check_known(given: Iterable[str], allowed: Iterable[str], unknown: str = "unknown options") -> None:
    """Raise ConfigError if a given name is not allowed; `unknown` begins the message."""
    allowed = list(allowed)
    foreign = sorted(set(given) - set(allowed))
    if foreign:
        raise ConfigError(f"{unknown} {names(foreign)}; allowed: {names(allowed, 40)}")


def is_finite_number(value: Any) -> bool:
    """Return whether a value is a number, not a boolean, that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    size: Any = abs(value)
    return bool(size <= sys.float_info.max)


def typed(
    data: Mapping[str, Any],
    key: str,
    hint: Any,
    place: str = "",
    default: Any = None,
    error: type[VLAPolicyError] = ConfigError,
) -> Any:
    """Return the value under a key of a JSON object, or `default` where the key is absent or null.

    Args:
        hint: its type, as in an annotation, for example `list[int]`.
        place: what stands before the key in the message.
        error: what is raised for a value of another type.
    """
    value = data.get(key)
    if value is None:
        return default
    _require(value, hint, f"{place}{key}", error)
    return value


def _require(value: Any, hint: Any, place: str, error: type[VLAPolicyError]) -> None:
    if not _fits(value, hint):
        raise error(f"{place} is {clip(value if not isinstance(value, str) else repr(value))}; allowed: {_text(hint)}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in inner)
    if origin is Literal:
        return any(type(value) is type(option) and value == option for option in inner)
    if origin in (tuple, list):
        return isinstance(value, (tuple, list)) and all(_fits(item, inner[0]) for item in value)
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if hint is bool:
        return isinstance(value, bool)
    if hint is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if hint is float:
        return is_finite_number(value)
    return isinstance(value, hint)


def _text(hint: Any) -> str:
    """Return a type in a reader's words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_text(option) for option in inner)
    if origin is Literal:
        return ", ".join(f'"{option}"' for option in inner)
    if origin in (tuple, list):
        return f"a list ({_text(inner[0])} each)"
    if (origin is not None and issubclass(origin, Mapping)) or (isinstance(hint, type) and is_dataclass(hint)):
        return "an object"
    words = {int: "an integer", float: "a finite number", str: "text", bool: "true or false", type(None): "null"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))
