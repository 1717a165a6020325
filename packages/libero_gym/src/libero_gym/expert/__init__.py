"""Solve a task with a script that plans from its goal."""

from libero_gym.expert.expert import Expert

__all__ = ["Expert"]
