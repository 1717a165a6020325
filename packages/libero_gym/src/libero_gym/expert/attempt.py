"""Have the scripted expert try one episode of an environment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from libero_gym.env import LiberoEnv
from libero_gym.expert.expert import Expert


@dataclass(frozen=True)
class ExpertResult:
    """What the scripted expert made of an initial state."""

    success: bool
    steps: int
    """Control steps."""
    notes: tuple[str, ...] = ()
    """What failed on the way."""


def attempt(env: LiberoEnv, state: int) -> ExpertResult:
    """Reset an environment and have the expert act until the episode ends, or it gives up.

    Args:
        env: without action chunks.
        state: number of the initial state, which is also the seed.
    """
    env.reset(seed=state, options={"init_state": state})
    expert, steps = Expert(env.world, np.random.default_rng(state)), 0
    for action in expert.actions():
        _, _, success, truncated, _ = env.step(action.astype(np.float32))
        steps += 1
        if success or truncated:
            return ExpertResult(success, steps, tuple(expert.notes))
    return ExpertResult(False, steps, tuple(expert.notes))
