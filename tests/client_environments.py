"""The packages that scripts/clients.py installs apart, for tests against them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def installed(name: str) -> Path:
    """The folder of a client; installs it if that was not done yet, and skips the test where it cannot be."""
    script: dict[str, Any] = runpy.run_path(str(REPOSITORY / "scripts" / "clients.py"))
    try:
        folder: Path = script["install"](script["CLIENTS"][name])
    except script["ClientError"] as error:
        pytest.skip(f"{name} cannot be installed: {error}")
    return folder


def overlay(name: str, *others: Path) -> dict[str, str]:
    """The environment variables of a process that has the client over the workspace's packages."""
    paths = [str(installed(name)), *map(str, others)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONWARNINGS": "ignore"}


def run(command: list[str], env: dict[str, str], timeout: float = 300.0) -> str:
    """Run a command to its end and return what it printed; what it said on standard error is shown where it fails."""
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(command[:3])} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def python(script: Path, *arguments: object, env: dict[str, str], interpreter: Path | None = None) -> str:
    """Run a script, with this interpreter unless another is named."""
    return run([str(interpreter or sys.executable), str(script), *map(str, arguments)], env)
