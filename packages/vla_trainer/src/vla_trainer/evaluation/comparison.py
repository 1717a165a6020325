"""Compare two evaluations on the same episodes, episode by episode.

An episode is hard or easy for both policies, so that pairs say more than the two success rates: the episodes that only
one of the two solves decide.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb, sqrt
from pathlib import Path
from typing import Any, TypeAlias

from vla_trainer import atomic_files
from vla_trainer.errors import ComparisonError
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.metrics import wilson_interval

_Key: TypeAlias = tuple[int | None, int | None, int, str | None]
"""Task, init state, seed, variant."""


@dataclass(frozen=True)
class Paired:
    """The 2x2 table of paired episodes and its statistics. Intervals are 95% ones."""

    name: str
    """A task's, or "all"."""
    episodes: int
    both: int
    """Episodes that succeed with both."""
    only_a: int
    only_b: int
    neither: int
    rate_a: float
    interval_a: tuple[float, float]
    """Wilson."""
    rate_b: float
    interval_b: tuple[float, float]
    """Wilson."""
    difference: float
    """`rate_a` - `rate_b`."""
    difference_interval: tuple[float, float]
    """Newcombe's, for pairs."""
    p_value: float
    """McNemar's exact test, two-sided."""


@dataclass(frozen=True)
class Comparison:
    """The contents of `comparison.json`."""

    heading: str | None
    """That of either evaluation, if one has any."""
    a: str
    """The first policy, as the user named it."""
    b: str
    env_id: str
    notices: list[str]
    """How the two evaluations differ besides the policy."""
    all: Paired
    tasks: list[Paired]
    states: list[dict[str, Any]]
    """One entry an episode: task, init state, seed, its variant if it has one, success of a and of b."""

    def write(self, path: Path) -> None:
        """Write as JSON."""
        atomic_files.write_text(path, json.dumps(asdict(self), indent=2) + "\n")


def compare(a: Evaluation, b: Evaluation, name_a: str, name_b: str) -> Comparison:
    """Pair the episodes of two evaluations.

    Raises:
        ComparisonError: they are not of the same episodes, or do not report success.
    """
    if a.env_id != b.env_id:
        raise ComparisonError(f"not the same environment: {name_a} is of {a.env_id}, {name_b} of {b.env_id}")
    first, second = _by_key(a, name_a), _by_key(b, name_b)
    for mine, others, name, other_name in ((first, second, name_a, name_b), (second, first, name_b, name_a)):
        if missing := [key for key in mine if key not in others]:
            task_id, init_state, seed, variant = missing[0]
            named = "" if variant is None else f", variant {variant}"
            raise ComparisonError(
                f"not the same episodes: {len(missing)} of the {len(mine)} of {name} are not among the {len(others)} "
                f"of {other_name}, e.g. task {task_id}, init state {init_state}, seed {seed}{named}"
            )
    by_task: dict[str, list[tuple[bool, bool]]] = {}
    states = []
    for key, state in first.items():
        pair = (bool(state["success"]), bool(second[key]["success"]))
        task = state["task_name"] if state["task_name"] is not None else state["task_id"]
        if task is not None:
            by_task.setdefault(str(task), []).append(pair)
        parts = ("task_id", "task_name", "init_state_id", "seed", "variant")
        kept = {part: state[part] for part in parts if part != "variant" or part in state}
        states.append({**kept, "success_a": pair[0], "success_b": pair[1]})
    return Comparison(
        heading=a.heading or b.heading,
        a=name_a,
        b=name_b,
        env_id=a.env_id,
        notices=_differences(a, b),
        all=paired("all", [(state["success_a"], state["success_b"]) for state in states]),
        tasks=[paired(task, pairs) for task, pairs in by_task.items()],
        states=states,
    )


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947; the conditional binomial form).

    Of the n episodes that one policy alone solves, each is as likely to be a's as b's if the two are equally good:
    p = min(1, 2 P[X <= min(only_a, only_b)]), X ~ Binomial(n, 1/2). Without such an episode: 1.
    """
    n = only_a + only_b
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**n)


def newcombe_paired_interval(both: int, only_a: int, only_b: int, neither: int) -> tuple[float, float]:
    """Return the 95% interval of the difference of two success rates on the same episodes: Newcombe's method 10.

    Newcombe (1998), "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17: it joins the two Wilson intervals, and stays sound where there are few episodes or
    the rates are near 0 or 1, where Wald's does not. Without episodes: (-1, 1).
    """
    n = both + only_a + only_b + neither
    if n == 0:
        return -1.0, 1.0
    rate_a, rate_b = (both + only_a) / n, (both + only_b) / n
    low_a, high_a = wilson_interval(both + only_a, n)
    low_b, high_b = wilson_interval(both + only_b, n)
    # phi, the correlation of the two outcomes, with a correction for continuity where it is positive
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    covariance = both * neither - only_a * only_b
    corrected = max(covariance - n / 2, 0.0) if covariance > 0 else covariance
    phi = corrected / sqrt(margins) if margins else 0.0
    down_a, up_a, down_b, up_b = rate_a - low_a, high_a - rate_a, rate_b - low_b, high_b - rate_b
    # theta -+ sqrt(d1^2 - 2 phi d1 d2 + d2^2)
    below = sqrt(max(0.0, down_a**2 - 2 * phi * down_a * up_b + up_b**2))
    above = sqrt(max(0.0, up_a**2 - 2 * phi * up_a * down_b + down_b**2))
    return rate_a - rate_b - below, rate_a - rate_b + above


def paired(name: str, pairs: Sequence[tuple[bool, bool]]) -> Paired:
    """Return the 2x2 table of the successes (of a, of b) of at least one episode, and its statistics."""
    n = len(pairs)
    both, only_a = pairs.count((True, True)), pairs.count((True, False))
    only_b, neither = pairs.count((False, True)), pairs.count((False, False))
    return Paired(
        name=name,
        episodes=n,
        both=both,
        only_a=only_a,
        only_b=only_b,
        neither=neither,
        rate_a=(both + only_a) / n,
        interval_a=wilson_interval(both + only_a, n),
        rate_b=(both + only_b) / n,
        interval_b=wilson_interval(both + only_b, n),
        difference=(only_a - only_b) / n,
        difference_interval=newcombe_paired_interval(both, only_a, only_b, neither),
        p_value=mcnemar_exact(only_a, only_b),
    )


def _by_key(evaluation: Evaluation, name: str) -> Mapping[_Key, dict[str, Any]]:
    states: dict[_Key, dict[str, Any]] = {}
    try:
        for state in evaluation.states:
            states[state["task_id"], state["init_state_id"], state["seed"], state.get("variant")] = state
            if state["success"] is None:
                raise ComparisonError(f"{name}: the environment does not report success, so that there is no rate")
    except (KeyError, TypeError) as error:
        raise ComparisonError(f"{name}: its states are not those of an eval.json: {error!r}") from error
    if len(states) < len(evaluation.states):
        raise ComparisonError(f"{name}: an episode is in it more than once")
    if not states:
        raise ComparisonError(f"{name}: there is no episode in it")
    return states


def _differences(a: Evaluation, b: Evaluation) -> list[str]:
    pairs = {
        "asset set": (a.asset_set, b.asset_set),
        "split": (a.split, b.split),
        "deterministic": (a.deterministic, b.deterministic),
        "heading": (a.heading, b.heading),
    }
    notices = [f"not equal: {name}: {first} and {second}" for name, (first, second) in pairs.items() if first != second]
    limits = [[line for line in evaluation.notices if line.startswith("time limit")] for evaluation in (a, b)]
    if limits[0] != limits[1]:
        notices.append(f"not equal: {'; '.join(limits[0]) or 'own time limit'} and {'; '.join(limits[1]) or 'own'}")
    return notices
