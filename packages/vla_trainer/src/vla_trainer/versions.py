"""The versions that `--version` prints."""

import platform
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "vla-trainer"

BESIDES = ("libero-gym", "vla-policy", "gymnasium", "torch", "ray", "mujoco")
"""Distributions whose versions change a result; those that are installed are named."""


def describe_versions() -> str:
    """Return `vla-trainer 0.1.0 (gymnasium 1.2.0, torch 2.9.0, Python 3.11.4)`, without importing them."""
    found = []
    for name in BESIDES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"{DISTRIBUTION} {version(DISTRIBUTION)} ({', '.join([*found, f'Python {platform.python_version()}'])})"
