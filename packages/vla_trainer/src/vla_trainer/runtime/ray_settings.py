"""Environment variables of Ray, which it reads when it is imported."""

import os
import sys

_UV_RUN = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # under `uv run`, workers would each install an environment of their own instead of using the one that is there
    _UV_RUN: "0",
    # of several processes that fail together, the first is reported, by us
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""Here and in workers, where the user has not set them."""


def apply_settings() -> None:
    """Set `SETTINGS` in this process; call it before Ray is imported.

    Where it was imported before, its copy of the one about `uv run` is changed, too.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    constants = sys.modules.get("ray._private.ray_constants")
    if hasattr(constants, _UV_RUN):  # Ray before 2.47 has no such setting
        setattr(constants, _UV_RUN, os.environ[_UV_RUN] not in ("0", "false", "False"))
