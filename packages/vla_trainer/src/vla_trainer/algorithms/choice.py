"""Find the section that `algorithm.name` chooses: one of this package's, or a class of another package."""

import inspect
import re
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import PlainValidator, SerializeAsAny
from pydantic_core import PydanticCustomError

from vla_trainer.algorithms.algorithm import AlgorithmSection, PolicyGradient
from vla_trainer.algorithms.grpo import GRPO
from vla_trainer.algorithms.ppo import PPO
from vla_trainer.algorithms.sft import SFT
from vla_trainer.errors import ConfigError, did_you_mean
from vla_trainer.named_object import PATTERN, named_object

ALGORITHMS: dict[str, type[PPO | GRPO | SFT]] = {"ppo": PPO, "grpo": GRPO, "sft": SFT}
"""From `algorithm.name` to its section, for those of this package."""

OWN = "module:attribute of a class of your own"


def algorithm_class(name: str) -> type[AlgorithmSection]:
    """Return the section that `algorithm.name` chooses.

    Args:
        name: a name of `ALGORITHMS`, or "module:attribute" of a class that derives from `PolicyGradient`, such as a
            subclass of `PPO` or `GRPO`.

    Raises:
        ConfigError: neither; or the class cannot be imported, or lacks something.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    place = f'algorithm.name="{name}"'
    if not re.fullmatch(PATTERN, name):
        raise ConfigError(f"{place}{did_you_mean(name, ALGORITHMS)}, or {OWN}")
    try:
        found = named_object(name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{place}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, PolicyGradient)):
        raise ConfigError(
            f"{place} is {_kind(found)}; allowed: a class that derives from vla_trainer.algorithms.PolicyGradient, "
            "or from its PPO or GRPO"
        )
    if inspect.isabstract(found):
        raise ConfigError(f"{place} has no {', '.join(sorted(found.__abstractmethods__))}")
    annotation = found.model_fields["name"].annotation
    if annotation is not str and name not in get_args(annotation):
        raise ConfigError(f'{place} has the name "{get_args(annotation)[0]}"; add this line to the class: `name: str`')
    return found


def find_algorithm(name: object) -> type[AlgorithmSection] | None:
    """Return what `algorithm_class` does; None where the name chooses nothing."""
    try:
        return algorithm_class(str(name))
    except ConfigError:
        return None


def _kind(found: object) -> str:
    return f"the class {found.__qualname__}" if isinstance(found, type) else f"a {type(found).__name__}"


def _section(value: object) -> AlgorithmSection:
    """Check the keys of `algorithm` by the class that its name chooses."""
    if isinstance(value, AlgorithmSection):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("model_type", "keys and their values are needed")
    if "name" not in value:
        raise PydanticCustomError("algorithm_missing", "no name")
    try:
        section = algorithm_class(str(value["name"]))
    except ConfigError as error:
        raise PydanticCustomError("algorithm_unknown", "{message}", {"message": str(error)}) from error
    checked: Any = section.model_validate(dict(value))
    return checked


Algorithm = Annotated[SerializeAsAny[AlgorithmSection], PlainValidator(_section)]
"""What the section `algorithm` of a config may be: each has its own keys, and a key of another is an error."""
