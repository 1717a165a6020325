"""Read `--sweep env.KEY=V1,V2,...`: the arguments of the environment that an evaluation goes through.

texts --parse_axes--> axes, a key and its values --check_axes--> keys that can be swept
                      axes --points_of--> points, the overrides of a single evaluation
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vla_trainer.config.environment import signature_of
from vla_trainer.config.reader import read_value
from vla_trainer.config.schema import Config
from vla_trainer.errors import ConfigError, did_you_mean
from vla_trainer.section import whole

SECTION = "env."
"""What every key begins with."""

OPTION = "--sweep"

_OPEN, _CLOSE = "[{", "]}"

_FIXED = {
    "id": "the policy is made for one environment; evaluate each id by itself",
    "num_envs": "it changes no result; eval.num_envs says how many step together",
    "split": "evaluations read eval.split; evaluate each split by itself",
}
"""Keys of `env` that are not swept, and why."""


@dataclass(frozen=True)
class Axis:
    """A key and the values that it takes one after the other."""

    key: str
    """As "env.image_size"."""
    texts: tuple[str, ...]
    """Its values as they were written; no two of them mean the same."""

    @property
    def argument(self) -> str:
        """Return the key's name in the section."""
        return self.key.removeprefix(SECTION)


@dataclass(frozen=True)
class Point:
    """A value of each key."""

    name: str
    """As written: the value of a single key, "a=1, b=2" for several."""
    keys: tuple[str, ...]
    overrides: tuple[str, ...]
    """What makes the config of the point from that of the sweep."""

    def values(self, config: Config) -> dict[str, Any]:
        """Return the value of each key in the point's config, in plain types."""
        env = config.env.model_dump(mode="json")
        return {key: env.get(key.removeprefix(SECTION)) for key in self.keys}


def parse_axes(
    texts: Sequence[str], option: str = OPTION, section: str = SECTION, *, repeats: bool = False
) -> list[Axis]:
    """Read the arguments of all `--sweep`, or of another option.

    A value is YAML, as in an override; commas inside brackets, braces and quotes belong to it.

    Args:
        texts: as `env.KEY=V1,V2`.
        option: what errors call the option.
        section: what every key begins with; "": any key of a config is taken.
        repeats: a value may be there twice.

    Raises:
        ConfigError: no `=`, no value, a value that is empty, not YAML or there twice, or a key that is there twice.
    """
    axes: list[Axis] = []
    for text in texts:
        axis = _parse(text, option, section, repeats)
        if axis.key in (other.key for other in axes):
            raise ConfigError(f"{option} {text}: {axis.key} is there already; write all of its values at one place")
        axes.append(axis)
    return axes


def check_axes(axes: Sequence[Axis], config: Config) -> None:
    """Check that the keys are arguments of the environment that its evaluations read.

    Raises:
        ConfigError: it has no such argument, it cannot be swept, or `eval` sets it, which would win.
    """
    signature = signature_of(config.env.id)
    known = {"max_episode_steps"} | set(signature.arguments if signature is not None else ())
    allowed = sorted(f"{SECTION}{name}" for name in known - _FIXED.keys())
    for axis in axes:
        place = f"{OPTION} {axis.key}={','.join(axis.texts)}"
        if axis.argument in _FIXED:
            raise ConfigError(f"{place}: {axis.key} cannot be swept: {_FIXED[axis.argument]}")
        is_open = signature is None or signature.is_open
        if axis.key not in allowed and not (is_open and axis.argument.isidentifier()):
            raise ConfigError(f'{place}: unknown key "{axis.key}"{did_you_mean(axis.key, allowed)}')
        chosen = {**(config.eval.model_extra or {}), "max_episode_steps": config.eval.max_episode_steps}
        # null in `eval` stands for the environment's default and wins as well, but for the time limit
        if axis.argument in chosen and (chosen[axis.argument] is not None or axis.argument != "max_episode_steps"):
            value = json.dumps(chosen[axis.argument])
            raise ConfigError(
                f"{place}: eval.{axis.argument}={value} takes the place of {axis.key} in every evaluation; "
                f"take it out with ~eval.{axis.argument}"
            )


def points_of(axes: Sequence[Axis]) -> list[Point]:
    """Return all combinations of the axes' values; the last axis changes fastest."""
    keys = tuple(axis.key for axis in axes)
    points = []
    for texts in itertools.product(*(axis.texts for axis in axes)):
        named = [f"{axis.argument}={text}" for axis, text in zip(axes, texts, strict=True)]
        # null first: a map replaces that of the recipe instead of being merged with it
        overrides = [f"{key}={value}" for key, text in zip(keys, texts, strict=True) for value in ("null", text)]
        points.append(Point(texts[0] if len(axes) == 1 else ", ".join(named), keys, tuple(overrides)))
    return points


def meaning_of(value: str, key: str) -> str:
    """Return what the text of a value stands for, as JSON: the same for `1e3` and `1000`.

    Raises:
        ConfigError: not YAML, or more than one value.
    """
    return json.dumps(whole(read_value(value, key).value), sort_keys=True)


def _parse(text: str, option: str, section: str, repeats: bool) -> Axis:
    place = f"{option} {text}"
    key, equals, values = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"{place} is not KEY=V1,V2,...; allowed: e.g. {section}KEY=1,2,null")
    if not key.startswith(section) or not key.removeprefix(section):
        raise ConfigError(f'{place}: "{key}" is no argument of the environment; allowed: {section}KEY')
    texts: list[str] = []
    seen: dict[str, str] = {}
    for number, written in enumerate(split_outer(values), 1):
        value = written.strip()
        if not value:
            raise ConfigError(f'{place}: value {number} is empty; write null for the default, "" for empty text')
        try:
            meaning = meaning_of(value, key)
        except ConfigError as error:
            raise ConfigError(f"{place}: value {number}: {error}") from error
        if meaning in seen and not repeats:
            twice = value if value == seen[meaning] else f"{value}, which is {seen[meaning]},"
            raise ConfigError(f"{place}: {twice} is there twice; allowed: each value once")
        seen[meaning] = value
        texts.append(value)
    return Axis(key, tuple(texts))


def split_outer(text: str, separator: str = ",") -> Iterator[str]:
    """Yield what stands between the outer commas, or other separators: not those in brackets, braces and quotes."""
    begin = depth = 0
    quote, closed = "", -1
    for index, character in enumerate(text):
        before = text[begin:index].rstrip()
        if quote:
            # a backslash escapes in double quotes alone; '' inside single ones ends and begins them again
            escaped = quote == '"' and (len(text[:index]) - len(text[:index].rstrip("\\"))) % 2 == 1
            if character == quote and not escaped:
                quote, closed = "", index
        elif character in "'\"" and (not before or before[-1] in "[{,:" or closed == index - 1):
            quote = character
        elif character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth = max(depth - 1, 0)
        elif character == separator and not depth:
            yield text[begin:index]
            begin = index + 1
    yield text[begin:]
