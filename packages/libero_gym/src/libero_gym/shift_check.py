"""Have the scripted expert solve variants of a shift: what it solves, a policy can."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from libero_gym.env import LiberoEnv
from libero_gym.expert.attempt import ExpertResult, attempt
from libero_gym.tasks.suites import Task


def check_variants(
    task: Task,
    axis: str,
    level: int,
    variants: Iterable[int],
    assets: str | Path = "auto",
    advance: Callable[[object], None] = lambda _: None,
) -> dict[str, ExpertResult]:
    """Have the expert try variants, each in the initial state of its number, as an evaluation has them.

    Args:
        task: of a suite.
        axis: of `libero_gym.shifts.request.AXES` or `SWAPS`.
        level: of the axis.
        variants: their numbers, below 50.
        assets: as an environment takes it.
        advance: called with each variant's id when it is done.

    Returns:
        Variant's id -> what the expert made of it.

    Raises:
        SceneError: the task does not allow a swap.
    """
    found = {}
    env = LiberoEnv(task.suite, task=task.index, assets=assets, cameras=(), shift=f"{axis}:{level}")
    try:
        for variant in variants:
            name = f"{axis}:{level}:{variant}"
            found[name] = attempt(env, variant)
            advance(name)
    finally:
        env.close()
    return found
