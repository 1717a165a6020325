"""How much a level changes."""

from __future__ import annotations

import numpy as np

LEVELS = 5


def severity(level: int, rng: np.random.Generator) -> float:
    """Sample how much of an axis' largest change a variant makes: more than the level below it, at most its own share.

    Args:
        level: 1..5.
        rng: of the variant.

    Returns:
        A number in ((level - 1) / 5, level / 5].
    """
    return (level - float(rng.random())) / LEVELS
