"""What to record, and the initial state and seed of each attempt.

Both are functions of the command line alone, so that the same command gives the same dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from libero_gym.options import EnvOptions, check_options
from libero_gym.tasks.suites import Task

EXPERT = "libero_gym.expert:Expert"

#: Random streams of a schedule's seed.
_STATES, _SEEDS, _EXPERT = range(3)


@dataclass(frozen=True)
class DemoSchedule:
    """What `record` records."""

    suite: str
    tasks: tuple[int, ...] | None = None
    """Positions in the suite; None for all."""
    per_task: int = 10
    """Episodes of each task."""
    split: str = "train"
    seed: int = 0
    cameras: tuple[str, ...] = ("agentview", "wrist")
    image_size: int = 128
    image_orientation: str = "rot180"
    render_quality: str = "reference"
    assets: str | Path = "auto"
    max_episode_steps: int | None = None
    """Time limit of an episode, control steps; None for the suite's."""
    settle_steps: int = 10
    keep_failures: bool = False
    """Record episodes without success too, and count them."""
    max_attempts: int | None = None
    """Attempts at a task at most; None for 3 per_task + 10."""
    expert: str = EXPERT
    """Expert as "module:attribute": a callable of (world, rng), with `actions()`."""
    task_spec: Mapping[str, Any] | None = None
    """Of a task of one's own, as `TaskSpec.to_json` returns it; `suite` is "libero_task" then."""

    def options(self) -> EnvOptions:
        """Return the options of the environment.

        Raises:
            OptionError, AssetError: see `LiberoEnv`.
        """
        return check_options(
            self.suite,
            task=None if self.task_spec is not None else self.tasks,
            split=self.split,
            cameras=self.cameras,
            image_size=self.image_size,
            image_orientation=self.image_orientation,
            render_quality=self.render_quality,
            assets=self.assets,
            max_episode_steps=self.max_episode_steps,
            settle_steps=self.settle_steps,
            task_spec=self.task_spec,
        )

    @property
    def attempt_limit(self) -> int:
        """Attempts at a task at most."""
        if self.keep_failures:
            return self.per_task
        return 3 * self.per_task + 10 if self.max_attempts is None else self.max_attempts


@dataclass(frozen=True, order=True)
class Attempt:
    """One attempt at a task."""

    task: int
    """Position in the suite."""
    number: int
    init_state: int
    """Number of the state in the split."""
    seed: int
    """Of the fixtures' poses and, through `expert_rng`, of the expert."""

    @property
    def file_name(self) -> str:
        """Name of its episode's file."""
        return f"task_{self.task:03d}_attempt_{self.number:04d}.hdf5"


def schedule_attempt(seed: int, task: Task, number: int, states: int) -> Attempt:
    """Return an attempt with its initial state and seed.

    Args:
        seed: of the schedule.
        task: the task.
        number: 0, 1, ...; every state comes once before a state comes again, in an order that the seed shuffles.
        states: how many initial states the split has.
    """
    epoch, position = divmod(number, states)
    order = np.random.default_rng([seed, _STATES, task.id, epoch]).permutation(states)
    attempt_seed = np.random.default_rng([seed, _SEEDS, task.id, number]).integers(2**31)
    return Attempt(task.id, number, int(order[position]), int(attempt_seed))


def expert_rng(attempt_seed: int) -> np.random.Generator:
    """Return the expert's generator in an episode."""
    return np.random.default_rng([attempt_seed, _EXPERT])
