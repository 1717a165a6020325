"""The table of all keys, from the models and their docstrings: `python -m vla_trainer.config.reference`."""

import sys
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vla_trainer.algorithms import GRPO, PPO, SFT, PolicyGradient
from vla_trainer.config.schema import Config

HEAD = "| key | values | default | what it does |\n|---|---|---|---|"


def reference() -> str:
    """All keys in Markdown, section by section."""
    parts = [_section("top", "", Config, skip={"algorithm"})]
    shared = set(PolicyGradient.model_fields)
    parts.append(_section("algorithm, for PPO and GRPO", "algorithm.", PolicyGradient))
    parts.append(_section("algorithm, for PPO", "algorithm.", PPO, skip=shared))
    parts.append(_section("algorithm, for GRPO", "algorithm.", GRPO, skip=shared))
    parts.append(_section("algorithm, for SFT", "algorithm.", SFT))
    for name, field in Config.model_fields.items():
        model = _model(field.annotation)
        if model is not None and name != "algorithm":
            parts.append(_section(name, f"{name}.", model))
    return "\n\n".join(parts)


def _section(title: str, prefix: str, model: type[BaseModel], skip: set[str] | None = None) -> str:
    return f"## {title}\n\n{HEAD}\n" + "\n".join(_rows(prefix, model, skip or set()))


def _rows(prefix: str, model: type[BaseModel], skip: set[str]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below = _model(field.annotation)
        if name in skip or (below is not None and prefix == ""):
            continue
        if below is not None and field.default is not None:
            yield from _rows(f"{prefix}{name}.", below, set())
            continue
        said = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{prefix}{name}` | {_values(field)} | {_default(field)} | {said} |"
        if below is not None:
            yield from _rows(f"{prefix}{name}.", below, set())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "null"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    words = _words(field.annotation)
    bounds = [_bound(part) for part in field.metadata]
    return ", ".join(dict.fromkeys([*words, *filter(None, bounds)]))


def _words(annotation: Any) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        return [*_words(inner), *filter(None, map(_bound, metadata))]
    if origin is Literal:
        return [str(value) for value in get_args(annotation)]
    if origin in (Union, UnionType):
        return [word for part in get_args(annotation) for word in _words(part)]
    if annotation is NoneType:
        return ["null"]
    if origin in (list, tuple):
        return ["list"]
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return ["keys"]
    names = {int: "integer", float: "number", str: "text", bool: "true, false"}
    return [names.get(annotation, str(annotation))]


def _bound(part: Any) -> str | None:
    for name, words in (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most")):
        if getattr(part, name, None) is not None:
            return f"{words} {getattr(part, name)}"
    inner = getattr(part, "metadata", None)
    if isinstance(inner, list):
        return ", ".join(filter(None, map(_bound, inner))) or None
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        return next((model for model in map(_model, get_args(annotation)) if model), None)
    return None


if __name__ == "__main__":
    sys.stdout.write(reference() + "\n")
