"""The physics: one control step in one compiled call, and worlds that are stepped by it."""

from libero_gym.engine.world import World

__all__ = ["World"]
