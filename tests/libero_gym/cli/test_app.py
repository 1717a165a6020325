"""What all commands have in common."""

import time

import pytest

COMMANDS = [
    ("bundle",),
    ("doctor",),
    ("snapshot",),
    ("play",),
    ("tasks",),
    ("tasks", "list"),
    ("tasks", "show"),
    ("assets", "status"),
    ("assets", "download"),
    ("assets", "use"),
    ("assets", "generate"),
    ("assets", "verify"),
]


def test_the_command_lists_its_commands(run):
    done = run("--help")
    assert done.returncode == 0
    for name in ("bundle", "doctor", "snapshot", "play", "tasks", "assets"):
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_each_has_an_example_and_comes_at_once(words, run):
    begin = time.perf_counter()
    done = run(*words, "--help")
    assert done.returncode == 0
    assert f"libero-gym {' '.join(words)}" in done.stdout.split("Example")[1]
    assert time.perf_counter() - begin < 5  # 0.7 s when the machine is idle


def test_a_misspelt_command_is_guessed(run):
    done = run("snapshto")
    assert done.returncode == 2
    assert "snapshot" in done.stderr
