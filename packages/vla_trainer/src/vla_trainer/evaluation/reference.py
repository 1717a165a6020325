"""Read the card of a published result: its rates and the facts of its evaluation, which an environment's package has.

{"sources": [text], "facts": {name: value}, "results": {env id: {"episodes": n, "success_rate": r, "facts": {}}}}
"""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from vla_trainer.config.environment import class_metadata
from vla_trainer.errors import ComparisonError, did_you_mean
from vla_trainer.evaluation.explanation import Side
from vla_trainer.facts import Fact


@dataclass(frozen=True)
class _Published:
    episodes: int
    success_rate: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Card:
    sources: list[str]
    facts: dict[str, Any]
    results: dict[str, _Published]


def references_of(env_id: str) -> dict[str, Path]:
    """Return the published results that an environment's package has, by name."""
    return {name: Path(path) for name, path in class_metadata(env_id).get("references", {}).items()}


def read_reference(name: str, env_id: str) -> Side:
    """Return a published result in an environment.

    Raises:
        ComparisonError: there is no such card, it is damaged, or it has no result in this environment.
    """
    known = references_of(env_id)
    if name not in known:
        rest = did_you_mean(name, [*known, "a path that ends in .json"])
        raise ComparisonError(f"{name} is neither an eval.json nor a published result of {env_id}{rest}")
    try:
        card = TypeAdapter(_Card).validate_json(known[name].read_bytes())
    except (ValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ComparisonError(f"{known[name]} is no card of a published result: {reason}") from error
    place = env_id.rpartition(":")[2]
    if place not in card.results:
        raise ComparisonError(f"{name} has no result in {place}; it has: {', '.join(sorted(card.results))}")
    found = card.results[place]
    facts = {**card.facts, **found.facts}
    return Side(
        name,
        round(found.success_rate * found.episodes),
        found.episodes,
        # weights and causes are those of the result that is compared with it
        [Fact(key, value, 0.0) for key, value in facts.items()],
        sources=card.sources,
    )
