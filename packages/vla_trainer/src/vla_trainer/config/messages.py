"""Describe what is wrong with a config, a line for each error: place, key, value and what is allowed."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from vla_trainer.algorithms.choice import ALGORITHMS, OWN
from vla_trainer.config.arguments import argument_names
from vla_trainer.config.keys import all_keys, keys_of
from vla_trainer.config.reader import Origin, Path
from vla_trainer.config.synonyms import known_as
from vla_trainer.errors import did_you_mean

MOST_SUGGESTIONS = 3
"""A name that more keys have than this stands for none of them."""

_TYPES = {
    "model_attributes_type": "keys and their values are needed",
    "model_type": "keys and their values are needed",
    "dict_type": "keys and their values are needed",
    "tuple_type": "a list is needed",
}
"""Where pydantic's words are those of Python."""


def describe_errors(errors: Iterable[ErrorDetails], tree: Mapping[Any, Any], origins: Mapping[Path, Origin]) -> str:
    """Return all errors, joined by semicolons; where a file is wrong, it begins with the line."""
    return "; ".join(_describe(error, tree, origins) for error in errors)


def _describe(error: ErrorDetails, tree: Mapping[Any, Any], origins: Mapping[Path, Origin]) -> str:
    location = list(error["loc"])
    # of a missing key, the section; a missing section has no place
    at = tuple(location[:-1] if error["type"] == "missing" else location)
    origin = origins.get(at) if at else None
    where = f"{origin.where}: " if origin is not None and origin.where is not None else ""
    return where + _message(error, location, tree, origin)


def _message(error: ErrorDetails, location: list[str | int], tree: Mapping[Any, Any], origin: Origin | None) -> str:
    path, kind, value = ".".join(map(str, location)), error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown(location, value, tree)
    if kind == "missing" and isinstance(location[-1], int):
        return f"{'.'.join(map(str, location[:-1]))} has {location[-1]} items; more are needed"
    if kind == "missing":
        return f'missing key "{path}"'
    if kind == "algorithm_unknown":
        return error["msg"]
    if kind == "algorithm_missing":
        return f'missing key "algorithm.name"; allowed: {", ".join(ALGORITHMS)}, or {OWN}'
    message = _TYPES.get(kind, error["msg"].removeprefix("Value error, "))
    if not path:
        return message
    if kind == "literal_error" and isinstance(value, str):
        expected = str(error.get("ctx", {}).get("expected", ""))
        allowed = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f'{path}="{value}"{did_you_mean(value, allowed)}'
    described = f"; {description}" if (description := error.get("ctx", {}).get("description")) else ""
    return f"{path}={value!r}: {message}{''.join(_hints(kind, value, origin))}{described}"


def _hints(kind: str, value: object, origin: Origin | None) -> Iterator[str]:
    """Yield what to write where the value has another type than the key."""
    text = origin.text if origin is not None else None
    if kind in ("string_type", "string_pattern_mismatch") and text is not None:
        yield f'; quote it for text: "{text}"'
    elif kind == "string_type" and isinstance(value, dict):
        yield '; put text with ": " in quotes'
    elif kind == "bool_type":
        yield "; allowed: true, false"
    elif kind in ("float_type", "int_type") and isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return
        yield "; write it without quotes and without underscores"


def _unknown(location: list[str | int], value: object, tree: Mapping[Any, Any]) -> str:
    *parents, name = location
    section = ".".join(map(str, parents))
    algorithm = tree["algorithm"].get("name") if isinstance(tree.get("algorithm"), dict) else None
    arguments = argument_names(tree)
    keys = all_keys(algorithm, arguments)
    known = known_as(str(name), keys)
    # of an unknown section, what its keys stand for
    for key in value if isinstance(value, dict) and not known else ():
        known += known_as(str(key), keys)
    if len(known) > MOST_SUGGESTIONS:
        known = []
    known = [key.removeprefix(f"{section}.") if section else key for key in known]
    allowed = keys_of(parents, algorithm, arguments)
    return f'unknown key "{".".join(map(str, location))}"{did_you_mean(str(name), allowed, known)}'
