"""Collect episodes: environments (envs.py), where they begin (starts.py), and the loop over them (collector.py)."""
