"""What to record, and where each attempt starts: of the plan alone, so that the same command gives the same dataset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from libero_gym.options import EnvOptions, check_options
from libero_gym.tasks.suites import Task

EXPERT = "libero_gym.expert:Expert"

#: Random streams of a plan's seed.
_STATES, _SEEDS, _EXPERT = range(3)


@dataclass(frozen=True)
class Plan:
    """What is asked of `record`."""

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
    """Whether episodes without success are recorded too, and count."""
    max_attempts: int | None = None
    """Attempts at a task before it is given up; None for 3 per_task + 10."""
    expert: str = EXPERT
    """"module:attribute" of what is called with (world, rng) and whose `actions()` are executed."""

    def options(self) -> EnvOptions:
        """The environment's.

        Raises:
            OptionError, AssetError: see `LiberoEnv`.
        """
        return check_options(
            self.suite,
            task=self.tasks,
            split=self.split,
            cameras=self.cameras,
            image_size=self.image_size,
            image_orientation=self.image_orientation,
            render_quality=self.render_quality,
            assets=self.assets,
            max_episode_steps=self.max_episode_steps,
            settle_steps=self.settle_steps,
        )

    @property
    def attempts(self) -> int:
        """Attempts at a task before it is given up."""
        if self.keep_failures:
            return self.per_task
        return 3 * self.per_task + 10 if self.max_attempts is None else self.max_attempts


@dataclass(frozen=True, order=True)
class Attempt:
    """One attempt at a task."""

    task: int
    """Position in the suite that is run."""
    number: int
    init_state: int
    """Number of the state in the split."""
    seed: int
    """Of the fixtures' poses and, in a stream of its own, of the expert."""

    @property
    def file_name(self) -> str:
        """Of its episode."""
        return f"task_{self.task:03d}_attempt_{self.number:04d}.hdf5"


def plan_attempt(seed: int, task: Task, number: int, states: int) -> Attempt:
    """Where the attempt with this number starts.

    Args:
        seed: the plan's.
        task: the task.
        number: 0, 1, ...; each state comes once before one comes again, in an order that the seed shuffles.
        states: how many initial states the split has.
    """
    turn, place = divmod(number, states)
    order = np.random.default_rng([seed, _STATES, task.id, turn]).permutation(states)
    drawn = np.random.default_rng([seed, _SEEDS, task.id, number]).integers(2**31)
    return Attempt(task.id, number, int(order[place]), int(drawn))


def expert_rng(attempt_seed: int) -> np.random.Generator:
    """The expert's generator in an episode."""
    return np.random.default_rng([attempt_seed, _EXPERT])
