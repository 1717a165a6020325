"""The command `libero-gym`, one module a command. Nothing heavy is imported before it is needed: help comes at once."""

from libero_gym.cli.app import app, main

__all__ = ["app", "main"]
