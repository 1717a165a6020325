"""The Panda gripper's two fingers, as robosuite 1.4 drives them (models/grippers/panda_gripper.py)."""

from __future__ import annotations

import numpy as np

#: Change of the fingers' normalized targets in one of robosuite's physics steps, 2 ms.
SPEED = 0.01


def move_targets(action: float, steps: float, targets: np.ndarray) -> None:
    """Move both fingers' normalized targets (2,) by so many of robosuite's steps: -1 opens, +1 closes, 0 holds."""
    change = SPEED * steps * np.sign(action)
    targets[0] = min(max(targets[0] - change, -1.0), 1.0)
    targets[1] = min(max(targets[1] + change, -1.0), 1.0)
