"""Facts that decide a result: what environments and policies say of themselves, and what the trainer adds.

A fact's owner says what it costs: the trainer compares values and orders causes by weight, and knows no names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gymnasium.vector import VectorEnv

UNKNOWN_WEIGHT = 10.0
"""Of a fact whose owner gives none."""


@dataclass(frozen=True)
class Fact:
    """One property that decides a result."""

    name: str
    """Dotted, its owner first: env.time_limit, policy.dtype, evaluation.seed, version.torch."""
    value: Any
    """Of JSON."""
    weight: float = UNKNOWN_WEIGHT
    """Points of success that a difference may cost, 0 to 100; orders likely causes."""
    cause: str = ""
    """What a difference does, as a sentence without its end."""


def facts_of_env(envs: VectorEnv) -> tuple[Fact, ...]:
    """Return what `envs.metadata["facts"]` says, see `protocols.EnvMetadata`."""
    return read_facts(envs.metadata.get("facts", ()))


def facts_of_policy(policy: Any) -> tuple[Fact, ...]:
    """Return what a policy's `facts()` says; a policy without one says nothing."""
    facts = getattr(policy, "facts", None)
    return read_facts(facts()) if callable(facts) else ()


def read_facts(items: Iterable[Mapping[str, Any]]) -> tuple[Fact, ...]:
    """Return facts that are given as mappings, with values as JSON has them: tuples are lists."""
    return tuple(
        Fact(
            str(item["name"]),
            plain(item.get("value")),
            float(item.get("weight", UNKNOWN_WEIGHT)),
            str(item.get("cause", "")),
        )
        for item in items
    )


def plain(value: Any) -> Any:
    """Return a value with lists for tuples and texts for what JSON has not."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def merged(*groups: Iterable[Fact]) -> list[Fact]:
    """Return the facts of several owners; of one name the last stays."""
    return list({fact.name: fact for group in groups for fact in group}.values())
