"""Check what a config gives to its environment, in `env` and `eval`, against what the environment takes."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from vla_trainer.config.environment import EnvSignature, signature_of
from vla_trainer.config.schema import Env, Eval


def argument_errors(tree: Mapping[Any, Any]) -> list[ErrorDetails]:
    """Return what is wrong with the environment's keyword arguments, in the form of pydantic's errors.

    `tree`: a config of plain values. Nothing is wrong where the environment is not known here.
    """
    signature = _signature(tree)
    if signature is None:
        return []
    found = []
    for section, model in (("env", Env), ("eval", Eval)):
        keys = tree.get(section)
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if key not in model.model_fields:
                found += _at((section, key), signature.errors(key, value))
    evaluation = tree.get("eval")
    split = evaluation.get("split") if isinstance(evaluation, dict) else None
    if isinstance(split, str):  # a key of `eval` whatever the environment takes
        if "split" in signature.arguments or signature.is_open:
            found += _at(("eval", "split"), signature.errors("split", split))
        else:
            message = "the environment takes no split"
            found.append(ErrorDetails(type="value_error", loc=("eval", "split"), msg=message, input=split))
    return found


def _at(path: tuple[str, ...], errors: list[ErrorDetails]) -> list[ErrorDetails]:
    return [{**details, "loc": (*path, *details["loc"])} for details in errors]


def argument_names(tree: Mapping[Any, Any]) -> list[str]:
    """Return the names of the environment's keyword arguments; none where it is not known here."""
    signature = _signature(tree)
    return [] if signature is None else list(signature.arguments)


def _signature(tree: Mapping[Any, Any]) -> EnvSignature | None:
    env = tree.get("env")
    env_id = env.get("id") if isinstance(env, dict) else None
    return signature_of(env_id) if isinstance(env_id, str) else None
