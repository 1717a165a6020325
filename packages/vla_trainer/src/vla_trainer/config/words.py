"""Types in the words of a user: integer, text, list."""

import collections.abc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_LISTS = (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)
_MAPS = (dict, collections.abc.Mapping)
_NAMES = {int: "integer", float: "number", str: "text", bool: "true, false", Path: "text", NoneType: "null", Any: "any"}


def words_of(annotation: Any) -> list[str]:
    """Return what a value of a type may be, without repetition."""
    return list(dict.fromkeys(_words(annotation)))


def bound_of(part: Any) -> str | None:
    """Return a limit in an annotation's metadata in words, e.g. "at least 0"; None: it is none."""
    for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
        if getattr(part, name, None) is not None:
            return f"{words} {getattr(part, name)}"
    inner = getattr(part, "metadata", None)
    if isinstance(inner, list):
        return ", ".join(filter(None, map(bound_of, inner))) or None
    return None


def _words(annotation: Any) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        return [*_words(inner), *filter(None, map(bound_of, metadata))]
    if origin is Literal:
        return [str(value) for value in get_args(annotation)]
    if origin in (Union, UnionType):
        return [word for part in get_args(annotation) for word in _words(part)]
    if origin in _LISTS:
        return ["list"]
    if origin in _MAPS or (isinstance(annotation, type) and issubclass(annotation, (BaseModel, *_MAPS))):
        return ["keys"]
    return [_NAMES.get(annotation, getattr(annotation, "__name__", str(annotation)))]
