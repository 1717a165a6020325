"""Check values that come from files and users against the types that are documented, field by field."""

from __future__ import annotations

import numbers
import sys
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vla_policy.errors import ConfigError, VLAPolicyError, clip


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


def is_finite_number(value: Any) -> bool:
    """Whether a value is a number, not a boolean, that a float can hold."""
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
    """The value under a key of a JSON object, or `default` where the key is absent or null.

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
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin in (tuple, list):
        return isinstance(value, (tuple, list)) and all(_fits(one, inner[0]) for one in value)
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
    """The type in a reader's words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_text(one) for one in inner)
    if origin is Literal:
        return ", ".join(f'"{one}"' for one in inner)
    if origin in (tuple, list):
        return f"a list ({_text(inner[0])} each)"
    if (origin is not None and issubclass(origin, Mapping)) or (isinstance(hint, type) and is_dataclass(hint)):
        return "an object"
    words = {int: "an integer", float: "a finite number", str: "text", bool: "true or false", type(None): "null"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))
