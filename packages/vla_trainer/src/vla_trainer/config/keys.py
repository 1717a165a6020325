"""List the keys that a config has, for messages about wrong ones."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from vla_trainer.algorithms import PPO, find_algorithm
from vla_trainer.config.schema import Config, Env, Eval


def keys_of(parents: Sequence[str | int], algorithm: object, arguments: Sequence[str] = ()) -> list[str]:
    """Return the keys that the section at `parents` allows; none where they are free or `parents` is no section.

    Args:
        parents: names from the top down.
        algorithm: `algorithm.name`.
        arguments: names of the environment's keyword arguments, which are keys of `env` and `eval`.
    """
    model: Any = Config
    for name in parents:
        if isinstance(name, int) or name.isdigit():  # a place in a list of sections
            continue
        if model is Config and name == "algorithm":
            model = find_algorithm(algorithm)
        else:
            model = _model_in(model.model_fields[name].annotation) if name in model.model_fields else None
        if model is None:
            return []
    return [*model.model_fields, *(set(arguments) - set(model.model_fields) if model in (Env, Eval) else ())]


def all_keys(algorithm: object, arguments: Sequence[str] = ()) -> list[str]:
    """Return every key of a config as it is written on a command line, `actor.lr`, sections left out.

    The environment's `arguments` are those of `env` alone.
    """
    return [*_below(Config, "", algorithm), *(f"env.{name}" for name in arguments)]


def is_free_map(path: Sequence[str | int]) -> bool:
    """Return whether the keys of the map at `path` are the user's own, as in `policy.kwargs` and below it."""
    annotation: Any = Config
    for name in path:
        model = _model_in(annotation)
        if model is None:
            return get_origin(annotation) is dict
        if name == "algorithm" and model is Config:
            return False
        if name not in model.model_fields:
            return model in (Env, Eval)
        annotation = model.model_fields[str(name)].annotation
    return get_origin(annotation) is dict


def _below(model: type[BaseModel], prefix: str, algorithm: object) -> Iterator[str]:
    for name, field in model.model_fields.items():
        below = _model_in(field.annotation) if get_origin(field.annotation) is not list else None
        if model is Config and name == "algorithm":
            below = find_algorithm(algorithm) or PPO
        if below is None:
            yield f"{prefix}{name}"
        else:
            yield from _below(below, f"{prefix}{name}.", algorithm)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, list, Annotated):
        return next((model for model in map(_model_in, get_args(annotation)) if model), None)
    return None
