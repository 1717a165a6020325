"""The packages that scripts/clients.py installs apart, for tests against them."""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import warnings
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


def run(command: list[str], env: dict[str, str], timeout: float = 200.0) -> str:
    """Run a command to its end and return what it printed; what it said on standard error is shown where it fails.

    One that hangs says where, as a warning of the test, and is run once more.
    """
    for last in (False, True):
        process = subprocess.Popen(
            command, env=env | {"PYTHONFAULTHANDLER": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, errors = process.communicate(timeout=timeout)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # Python writes the stacks of all threads
            out, errors = process.communicate()
            message = f"{' '.join(command[:3])} was not done after {timeout:g} s:\n{errors[-4000:]}"
            assert not last, message
            warnings.warn(message, stacklevel=2)
    assert process.returncode == 0, f"{' '.join(command[:3])} failed:\n{out[-2000:]}\n{errors[-4000:]}"
    return out


def python(script: Path, *arguments: object, env: dict[str, str], interpreter: Path | None = None) -> str:
    """Run a script, with this interpreter unless another is named."""
    return run([str(interpreter or sys.executable), str(script), *map(str, arguments)], env)
