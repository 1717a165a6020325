"""Find the keyword arguments of an environment in its constructor, and check them as keys of a config.

    env.id --gymnasium.spec--> constructor --signature, docstring--> arguments   (env.task=3, env.image_size=64)
                                           --class's metadata------> notices and the like, see `protocols.EnvMetadata`

The constructor is the spec's `vector_entry_point`, or `entry_point` where there is none. Where it cannot be imported
nothing is known, and keys are passed to it as they are.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ErrorDetails

from vla_trainer.config.words import words_of
from vla_trainer.section import whole

if TYPE_CHECKING:
    from gymnasium.envs.registration import EnvSpec

_OF_MAKE_VEC = {"num_envs", "autoreset_mode", "max_episode_steps"}
"""Arguments of constructors that are no keys: `env` has two of them, and the trainer chooses the reset mode."""

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Argument:
    """A keyword argument of an environment."""

    name: str
    annotation: Any
    """Its type; Any where the constructor says none, or one that cannot be checked."""
    default: Any
    """`inspect.Parameter.empty`: it has none."""
    description: str
    """What the constructor's docstring says of it under "Args:", in one line; empty: nothing."""

    def errors(self, value: object) -> list[ErrorDetails]:
        """Return what pydantic finds wrong with a value, strictly: text and booleans are no numbers."""
        try:
            adapter = _adapter(self.annotation)
            adapter.validate_python(whole(value))
        except ValidationError as error:
            found = error.errors()
        else:
            return []
        if _is_union(self.annotation):  # one message instead of one for each type
            message = f"allowed: {', '.join(words_of(self.annotation))}"
            found = [ErrorDetails(type="value_error", loc=(), msg=message, input=value)]
        context = {"description": f"{self.name}: {self.description}"} if self.description else {}
        return [{**details, "ctx": {**details.get("ctx", {}), **context}} for details in found]


@dataclass(frozen=True)
class EnvSignature:
    """What an environment takes."""

    arguments: Mapping[str, Argument]
    is_open: bool
    """Whether it takes other keyword arguments, too, and does not say which."""
    metadata: Mapping[str, Any]
    """Of the class, not of an environment that was made; see `protocols.EnvMetadata`."""

    def errors(self, name: str, value: object) -> list[ErrorDetails]:
        """Return what is wrong with `name`=`value`; None stands for the environment's own default."""
        if name in self.arguments:
            return [] if value is None else self.arguments[name].errors(value)
        unknown = ErrorDetails(type="extra_forbidden", loc=(), msg="not an argument of the environment", input=value)
        return [] if self.is_open else [unknown]


def find_spec(env_id: str) -> "EnvSpec | None":
    """Return what Gymnasium's registry has under an id, "module:id" or "id"; None: nothing.

    The module is imported first. For an id without one that is not registered, the packages are that have an entry
    point in the group `gymnasium.envs`, as Gymnasium did itself before 1.0.

    Raises:
        ImportError: there is no such module, or it lacks something.
    """
    import gymnasium

    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    elif name not in gymnasium.registry:
        for plugin in entry_points(group="gymnasium.envs"):
            register = plugin.load()
            if callable(register):
                register()
    return gymnasium.registry.get(name)


def signature_of(env_id: str) -> EnvSignature | None:
    """Return what an environment takes; None where it is not registered or something that it needs is not installed."""
    try:
        spec = find_spec(env_id)
        entry_point = None if spec is None else spec.vector_entry_point or spec.entry_point
        if spec is None or entry_point is None:
            return None
        if isinstance(entry_point, str):
            module, _, name = entry_point.partition(":")
            entry_point = getattr(importlib.import_module(module), name)
    except ImportError:
        return None
    arguments: dict[str, Argument] = {}
    is_open = False
    for function in _functions(entry_point):
        own, is_open = _arguments(function)
        fixed = {argument.name for argument in own if argument.name in spec.kwargs and argument.default is _EMPTY}
        arguments = {a.name: a for a in own if a.name not in _OF_MAKE_VEC | fixed} | arguments
        if not is_open:
            break
    return EnvSignature(arguments, is_open, _metadata(entry_point))


def class_metadata(env_id: str) -> Mapping[str, Any]:
    """Return the metadata of an environment's class; empty where it is not known here."""
    signature = signature_of(env_id)
    return {} if signature is None else signature.metadata


def takes_split(env_id: str) -> bool:
    """Return whether an environment takes `split`: "train", "eval" or "all"."""
    signature = signature_of(env_id)
    return signature is not None and "split" in signature.arguments


_EMPTY = inspect.Parameter.empty


def _functions(entry_point: Any) -> Iterator[Callable[..., Any]]:
    """Yield what takes the arguments: those that a constructor has `**kwargs` for belong to the next."""
    if not inspect.isclass(entry_point):
        yield entry_point
        return
    constructors = [vars(base)["__init__"] for base in entry_point.__mro__[:-1] if "__init__" in vars(base)]
    single = getattr(entry_point, "env_class", None)
    if single is None:
        yield from constructors
    else:
        yield from constructors[:1]
        yield from _functions(single)


def _arguments(function: Callable[..., Any]) -> tuple[list[Argument], bool]:
    """Return the arguments that a function names, and whether it takes others."""
    parameters = inspect.signature(function).parameters.values()
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):  # a name that only type checkers see
        hints = {}
    described = _described(inspect.getdoc(function) or "")
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"]
    arguments = [Argument(p.name, hints.get(p.name, Any), p.default, described.get(p.name, "")) for p in named]
    return arguments, any(p.kind is p.VAR_KEYWORD for p in parameters)


def _described(docstring: str) -> dict[str, str]:
    """Return what a docstring in Google's style says of arguments, by name."""
    found: dict[str, list[str]] = {}
    lines = iter(docstring.splitlines())
    if not any(line.strip() == "Args:" for line in lines):
        return {}
    level, name = None, ""
    for line in lines:
        indent = len(line) - len(line.lstrip())
        level = indent if level is None else level
        if not line.strip() or indent < level:
            break
        if indent == level:
            head, _, line = line.partition(":")
            name = head.split("(")[0].strip()
        found.setdefault(name, []).append(line.strip())
    return {name: " ".join(text) for name, text in found.items()}


def _metadata(entry_point: Any) -> dict[str, Any]:
    single = getattr(entry_point, "env_class", None)
    classes = [kind for kind in (single, entry_point) if kind is not None]
    return {key: value for kind in classes for key, value in (getattr(kind, "metadata", None) or {}).items()}


def _is_union(annotation: Any) -> bool:
    if get_origin(annotation) not in (Union, UnionType):
        return False
    return len([kind for kind in get_args(annotation) if kind is not NoneType]) > 1


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_STRICT)
    except PydanticUserError:  # a type that pydantic does not know
        return TypeAdapter(Any)
