"""Make the table of all keys, from the models and their docstrings: `python -m vla_trainer.config.reference`.

With the id of an environment, the table of the keyword arguments that it takes.
"""

import inspect
import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vla_trainer.algorithms import GRPO, PPO, SFT, PolicyGradient
from vla_trainer.config.environment import signature_of
from vla_trainer.config.schema import Config
from vla_trainer.config.words import bound_of, words_of
from vla_trainer.errors import EnvError

HEAD = "| key | values | default | what it does |\n|---|---|---|---|"


def reference() -> str:
    """Return all keys in Markdown, section by section."""
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


def environment_reference(env_id: str) -> str:
    """Return a table of the keyword arguments of an environment, which are keys of `env` and of `eval`.

    Raises:
        EnvError: it is not registered, or something that it needs is not installed.
    """
    signature = signature_of(env_id)
    if signature is None:
        raise EnvError(f"{env_id} is not registered here; write module:id, and install what it needs")
    rows = []
    for argument in signature.arguments.values():
        default = "must be given" if argument.default is inspect.Parameter.empty else _shown(argument.default)
        values = ", ".join(words_of(argument.annotation))
        rows.append(f"| `{argument.name}` | {values} | {default} | {_escaped(argument.description)} |")
    return f"## keys of {env_id}\n\n{HEAD}\n" + "\n".join(rows)


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
        yield f"| `{prefix}{name}` | {_values(field)} | {_default(field)} | {_escaped(field.description or '')} |"
        if below is not None:
            yield from _rows(f"{prefix}{name}.", below, set())


def _default(field: FieldInfo) -> str:
    return (
        "must be given"
        if field.is_required()
        else _shown(field.get_default(call_default_factory=True, validated_data={}))
    )


def _shown(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, tuple):
        value = list(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(field: FieldInfo) -> str:
    words = words_of(field.annotation)
    bounds = [bound_of(part) for part in field.metadata]
    return ", ".join(dict.fromkeys([*words, *filter(None, bounds)]))


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        return next((model for model in map(_model, get_args(annotation)) if model), None)
    return None


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(map(environment_reference, sys.argv[1:])) or reference())
    sys.stdout.write("\n")
