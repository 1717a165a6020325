"""How the tests of the commands run one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "libero-gym"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run() -> Run:
    """Run `libero-gym` as a person does; keyword arguments are environment variables, None takes one away."""

    def run_command(*arguments: object, **variables: str | None) -> subprocess.CompletedProcess[str]:
        # Wide, so that a table does not break the lines that a test looks for.
        environment = {**os.environ, "COLUMNS": "200", **variables}
        return subprocess.run(
            [str(COMMAND), *map(str, arguments)],
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_command
