"""How the tests of the commands run one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prepared_process import PreparedProcess

COMMAND = Path(sys.executable).parent / "libero-gym"
IMPORTS = [
    *("libero_gym.cli", "libero_gym.cli.progress", "libero_gym.cli.tables", "libero_gym.env", "libero_gym.recording"),
    *("libero_gym.demos.record", "libero_gym.demos.replay", "libero_gym.demos.libero_import", "minari"),
    *("libero_gym.render.contact_sheet", "libero_gym.assets.builtin", "libero_gym.doctor", "PIL.Image"),
]
"""What the commands import sooner or later."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def variables_with(changes: dict[str, str | None]) -> dict[str, str]:
    """The environment of a command: this process's, and wide lines, so that help does not break those of a test."""
    environment = {**os.environ, "COLUMNS": "200", **changes}
    return {name: value for name, value in environment.items() if value is not None}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run `libero-gym` as a person does; keyword arguments are environment variables, None takes one away.

    It is forked from a process that has its imports behind it. What the imports, Python or the loader of libraries
    shall see needs `start`.
    """
    with PreparedProcess(IMPORTS, tmp_path_factory.mktemp("output"), os.environ) as prepared:

        def run_command(*arguments: object, **variables: str | None) -> subprocess.CompletedProcess[str]:
            return prepared.run(COMMAND, arguments, variables_with(variables))

        yield run_command


@pytest.fixture(scope="session")
def start() -> Run:
    """The same in a process that is started anew."""

    def start_command(*arguments: object, **variables: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(COMMAND), *map(str, arguments)],
            env=variables_with(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return start_command
