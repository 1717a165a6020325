"""What all commands have in common."""

import platform
from importlib.metadata import version

import pytest

COMMANDS = [
    ("bundle",),
    ("doctor",),
    ("snapshot",),
    ("play",),
    ("tasks",),
    ("tasks", "list"),
    ("tasks", "show"),
    ("demos",),
    ("demos", "replay"),
    ("demos", "info"),
    ("demos", "export"),
    ("demos", "import"),
    ("assets", "status"),
    ("assets", "download"),
    ("assets", "use"),
    ("assets", "generate"),
    ("assets", "verify"),
]

SLOW = {"mujoco", "numba", "scipy", "torch", "robosuite", "minari", "h5py"}
"""Packages that take long to import, and that no help needs."""


def test_the_command_lists_its_commands(run):
    done = run("--help")
    assert done.returncode == 0
    for name in ("bundle", "demos", "doctor", "snapshot", "play", "tasks", "assets"):
        assert f" {name} " in done.stdout


def test_versions(run):
    done = run("--version")
    assert done.returncode == 0
    names = ("libero-gym", "gymnasium", "mujoco", "numpy")
    python = f"Python {platform.python_version()}"
    assert done.stdout == f"{', '.join(f'{name} {version(name)}' for name in names)}, {python}\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_comes_at_once(words, run):
    done = run(*words, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert f"libero-gym {' '.join(words)}" in done.stdout.split("Example")[1]
    imported = {line.rsplit("|", 1)[-1].split(".")[0].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not imported & SLOW


def test_a_misspelt_command_is_guessed(run):
    done = run("snapshto")
    assert done.returncode == 2
    assert "snapshot" in done.stderr
