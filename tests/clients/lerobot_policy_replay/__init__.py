"""A policy for `lerobot-eval` that replays recorded actions."""
