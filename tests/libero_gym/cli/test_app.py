"""What all commands have in common."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest
from prepared_process import PreparedProcess

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

SLOW = {"mujoco", "llvmlite", "scipy", "torch", "robosuite", "minari", "h5py"}
"""Packages that take long to import, and that no help needs."""


def test_the_command_lists_its_commands(start):
    done = start("--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    imported = {line.rsplit("|", 1)[-1].split(".")[0].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported & SLOW
    for name in ("bundle", "demos", "doctor", "snapshot", "play", "tasks", "assets"):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("words", [(), ("tasks",), ("demos",), ("assets",)], ids=" ".join)
def test_no_line_about_a_command_is_cut(words, run):
    done = run(*words, "--help", COLUMNS="80")
    assert "..." not in done.stdout.partition("\nCommands:\n")[2]


@pytest.mark.parametrize("words", [(), ("assets",)], ids=" ".join)
def test_without_a_command_help_is_printed(words, run):
    done = run(*words)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == run(*words, "--help").stdout


def test_versions(start):
    done = start("--version")
    assert done.returncode == 0
    names = ("libero-gym", "gymnasium", "mujoco", "numpy")
    python = f"Python {platform.python_version()}"
    assert done.stdout == f"{', '.join(f'{name} {version(name)}' for name in names)}, {python}\n"


@pytest.fixture(scope="module")
def show_imports(tmp_path_factory):
    """Run the command where only itself is imported, no subcommand's libraries, and tell what it then has imported."""
    folder = tmp_path_factory.mktemp("output")
    with PreparedProcess(["libero_gym.cli"], folder, os.environ) as prepared:
        program = Path(__file__).with_name("show_imports.py")
        yield lambda *arguments: prepared.run(program, arguments, {**os.environ, "COLUMNS": "200"})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_comes_at_once(words, show_imports):
    done = show_imports(*words, "--help")
    assert done.returncode == 0
    assert f"libero-gym {' '.join(words)}" in done.stdout.split("Example")[1]
    imported = set(done.stderr.splitlines())
    assert "click" in imported
    assert not imported & SLOW


def test_a_misspelt_command_is_guessed(run):
    done = run("snapshto")
    assert done.returncode == 2
    assert "snapshot" in done.stderr


def test_a_shell_completes_commands_and_options(run):
    for line, found in (("libero-gym ta", "plain,tasks\n"), ("libero-gym doctor --js", "plain,--json\n")):
        last = str(len(line.split()) - 1)
        done = run(COMP_WORDS=line, COMP_CWORD=last, _LIBERO_GYM_COMPLETE="bash_complete")
        assert done.stdout == found
