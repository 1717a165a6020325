"""Scripted solutions from a task's goal."""

from libero_gym.expert.expert import Expert

__all__ = ["Expert"]
