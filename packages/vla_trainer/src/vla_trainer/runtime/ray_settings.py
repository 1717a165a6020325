"""Environment variables of Ray, which it reads when it is imported."""

import os

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # under `uv run`, workers would each install an environment of their own instead of using the one that is there
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    # of several processes that fail together, the first is reported, by us
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Here and in workers, where the user has not set them."""


def apply_settings() -> None:
    """Set `SETTINGS` in this process; call it before Ray is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
