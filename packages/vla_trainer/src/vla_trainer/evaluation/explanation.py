"""Explain why two success rates differ: compare what is recorded, fact by fact, and name the likely cause.

RESULT, REFERENCE --facts--> rows: equal, different or not recorded --weights--> the likely cause
                  --episodes, rates--> whether they differ beyond chance at all
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import comb, sqrt
from typing import Any, Literal

from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.comparison import Paired, compare
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.facts import Fact
from vla_trainer.metrics import wilson_interval

SIGNIFICANT = 0.05
"""p-value below which two rates differ beyond chance."""


@dataclass(frozen=True)
class Side:
    """A result that is compared: of an evaluation, or a published one."""

    name: str
    """As the user named it."""
    successes: int | None
    """None where success is not reported."""
    episodes: int
    facts: Sequence[Fact]
    evaluation: Evaluation | None = None
    """None where only counts were published."""
    sources: Sequence[str] = ()
    """Where a published result is from."""

    @property
    def rate(self) -> float | None:
        """Share of successes."""
        return None if self.successes is None or not self.episodes else self.successes / self.episodes

    @property
    def interval(self) -> tuple[float, float]:
        """95% Wilson interval of the rate."""
        return wilson_interval(self.successes or 0, self.episodes)


@dataclass(frozen=True)
class FactRow:
    """A fact of both sides."""

    name: str
    mine: Any
    reference: Any
    state: Literal["equal", "different", "only mine", "only reference"]
    """Only: recorded by one side."""
    weight: float
    cause: str


@dataclass(frozen=True)
class RateTest:
    """Whether two success rates differ beyond chance."""

    difference: float
    """Mine minus the reference's."""
    interval: tuple[float, float]
    """95%, Newcombe."""
    p_value: float
    method: str

    @property
    def beyond_chance(self) -> bool:
        """Return whether chance alone is an unlikely explanation."""
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True)
class Explanation:
    """Why a result differs from a reference, as far as records tell."""

    mine: Side
    reference: Side
    rates: RateTest | None
    """None where one side has no rate."""
    different: list[FactRow]
    """The likely cause first."""
    equal: list[FactRow]
    unrecorded: list[FactRow]
    """By one side, the weightiest first."""
    notes: list[str] = field(default_factory=list)

    @property
    def likely_cause(self) -> FactRow | None:
        """Return the difference that is known to cost most; None where nothing differs."""
        return self.different[0] if self.different else None


def side_of(name: str, evaluation: Evaluation) -> Side:
    """Return an evaluation as a side; of an older file the few facts that it has."""
    rated = evaluation.success_rate is not None
    return Side(name, evaluation.successes if rated else None, evaluation.episodes, facts_of(evaluation), evaluation)


def facts_of(evaluation: Evaluation) -> list[Fact]:
    """Return the facts of an evaluation, those in fields of their own too."""
    fields = [
        Fact("env.id", evaluation.env_id, 90.0, "another environment"),
        Fact("env.assets", evaluation.asset_set, 70.0, "images are rendered from another asset set"),
        Fact("env.split", evaluation.split, 25.0, "other initial states"),
        Fact("evaluation.weights", evaluation.weights, 45.0, "other weights"),
    ]
    recorded = {fact.name for fact in evaluation.facts}
    kept = [fact for fact in fields if fact.name not in recorded and fact.value is not None]
    return [*evaluation.facts, *kept]


def explain(mine: Side, reference: Side) -> Explanation:
    """Compare two results."""
    rows = sorted(fact_rows(mine.facts, reference.facts), key=lambda row: -row.weight)
    return Explanation(
        mine,
        reference,
        rate_test(mine, reference),
        different=[row for row in rows if row.state == "different"],
        equal=[row for row in rows if row.state == "equal"],
        unrecorded=[row for row in rows if row.state.startswith("only")],
        notes=_notes(mine, reference),
    )


def fact_rows(mine: Sequence[Fact], reference: Sequence[Fact]) -> list[FactRow]:
    """Return a row for each fact that either side has, in their order."""
    first, second = ({fact.name: fact for fact in facts} for facts in (mine, reference))
    rows = []
    for name in dict.fromkeys([*first, *second]):
        a, b = first.get(name), second.get(name)
        # a side that is not of this package's records may have no weight or cause of its own
        both = [fact for fact in (a, b) if fact is not None]
        weight = max(fact.weight for fact in both)
        cause = next((fact.cause for fact in both if fact.cause), "")
        if a is not None and b is not None:
            row = FactRow(name, a.value, b.value, "equal" if a.value == b.value else "different", weight, cause)
        elif a is not None:
            row = FactRow(name, a.value, None, "only mine", weight, cause)
        else:
            row = FactRow(name, None, None if b is None else b.value, "only reference", weight, cause)
        rows.append(row)
    return rows


def rate_test(mine: Side, reference: Side) -> RateTest | None:
    """Test whether the rates differ: episode by episode where the episodes are the same, else by counts."""
    if mine.rate is None or reference.rate is None:
        return None
    pairs = _pairs(mine, reference)
    if pairs is not None:
        return RateTest(pairs.difference, pairs.difference_interval, pairs.p_value, "exact McNemar test, paired")
    counts = mine.successes or 0, mine.episodes, reference.successes or 0, reference.episodes
    return RateTest(
        mine.rate - reference.rate, newcombe_interval(*counts), fisher_exact(*counts), "Fisher's exact test"
    )


def fisher_exact(successes_a: int, episodes_a: int, successes_b: int, episodes_b: int) -> float:
    """Return the two-sided p-value of Fisher's exact test for two success rates.

    With the number of successes s = a + b fixed, a is hypergeometric; p sums the probabilities of all tables that are
    not likelier than the one found.
    """
    total, successes = episodes_a + episodes_b, successes_a + successes_b
    ways = [
        comb(episodes_a, a) * comb(episodes_b, successes - a) if 0 <= successes - a <= episodes_b else 0
        for a in range(episodes_a + 1)
    ]
    found = ways[successes_a]
    # integers, so that tables of equal probability are equal
    return min(1.0, sum(count for count in ways if count <= found) / comb(total, successes))


def newcombe_interval(successes_a: int, episodes_a: int, successes_b: int, episodes_b: int) -> tuple[float, float]:
    """Return the 95% interval of the difference of two success rates of different episodes: Newcombe's method 10.

    Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in Medicine
    17: (d - sqrt((p1 - l1)^2 + (u2 - p2)^2), d + sqrt((u1 - p1)^2 + (p2 - l2)^2)).
    """
    rate_a, rate_b = successes_a / episodes_a, successes_b / episodes_b
    low_a, high_a = wilson_interval(successes_a, episodes_a)
    low_b, high_b = wilson_interval(successes_b, episodes_b)
    difference = rate_a - rate_b
    below = sqrt((rate_a - low_a) ** 2 + (high_b - rate_b) ** 2)
    above = sqrt((high_a - rate_a) ** 2 + (rate_b - low_b) ** 2)
    return difference - below, difference + above


def _pairs(mine: Side, reference: Side) -> Paired | None:
    """Return the paired episodes of two evaluations; None where they are not of the same ones."""
    if mine.evaluation is None or reference.evaluation is None:
        return None
    try:
        return compare(mine.evaluation, reference.evaluation, mine.name, reference.name).all
    except ComparisonError:
        return None


def _notes(mine: Side, reference: Side) -> list[str]:
    notes = []
    for side in (mine, reference):
        if side.evaluation is not None and not side.evaluation.facts:
            notes.append(
                f"{side.name} was written before results recorded facts; evaluate again to compare all of them"
            )
    heading = mine.evaluation.heading if mine.evaluation is not None else None
    return notes if heading is None else [*notes, f"{mine.name}: {heading}"]
