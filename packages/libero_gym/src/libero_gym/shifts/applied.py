"""What an episode of some variants begins with; `shifts.task_shifts` makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from libero_gym.shifts.look import Look
from libero_gym.tasks.tables import Predicate

if TYPE_CHECKING:
    from libero_gym.shifts.noise import ImageNoise


@dataclass(frozen=True)
class AppliedShift:
    """What an episode of some variants begins with."""

    id: str
    """Of its variants; empty where nothing is shifted."""
    scene: str = ""
    """Kind of shifted scene; empty for the task's own."""
    look: Look | None = None
    home: tuple[float, ...] | None = None
    instruction: str | None = None
    goal: tuple[Predicate, ...] | None = None
    noise: ImageNoise | None = None
    state: Callable[[np.ndarray], np.ndarray] | None = None
    """Of an initial state of the task's own scene (1 + nq + nv,) makes the one of the shifted scene."""


NO_SHIFT = AppliedShift("")
