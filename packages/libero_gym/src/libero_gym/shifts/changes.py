"""What the variants of an episode change, collected from one axis after another."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from libero_gym.shifts.look import Look
from libero_gym.shifts.noise import ImageNoise
from libero_gym.tasks.tables import Predicate


@dataclass
class Changes:
    """What differs from the task as LIBERO has it; each axis changes what it claims and leaves the rest."""

    look: Look
    looks_changed: bool = False
    home: np.ndarray | None = None
    """(7,) joint angles at which the arm begins, radians."""
    instruction: str | None = None
    goal: tuple[Predicate, ...] | None = None
    noise: ImageNoise | None = None
    offsets: dict[str, np.ndarray] = field(default_factory=dict)
    """Object -> (2,) how far it begins from where it was, metres, world frame."""
    exchanged: tuple[str, str] | None = None
    """Objects that begin where the other one did."""
    placed: dict[str, np.ndarray] = field(default_factory=dict)
    """Added object -> (3,) where it stands: x, y in metres, world frame, and its turn about the vertical, radians."""

    def change_look(self) -> Look:
        """Return the look, to be changed."""
        self.looks_changed = True
        return self.look
