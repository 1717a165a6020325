"""Tables and progress in a terminal and without."""

import logging
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from libero_gym.cli.progress import progress_bar
from libero_gym.cli.tables import print_facts, print_table

HEADERS = ["task", "largest difference", "name", "instruction"]
ROWS = [["0", "1e-9", "open_the_top_drawer_" * 4, "open the top drawer " * 4], ["1", "0", "two", "lines\nof text"]]


@pytest.fixture
def terminal(monkeypatch):
    """Make standard output pass for a terminal of some columns."""

    def of_width(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return of_width


def lines_of(capsys):
    return re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out).splitlines()


def test_without_a_terminal_no_cell_is_broken(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table(HEADERS, ROWS, right=(1,), wrapped=2)
    lines = lines_of(capsys)
    assert [line.split()[:1] for line in lines[:3]] == [["task"], ["0"], ["1"]]
    assert lines[1] == f"0                   1e-9  {ROWS[0][2]}  {ROWS[0][3].strip()}"
    print_facts([("name", "a long value " * 20)])
    assert lines_of(capsys) == [f"name  {'a long value ' * 20}"]


@pytest.mark.parametrize("columns", [60, 80, 120, 300])
def test_in_a_terminal_all_fits(columns, terminal, capsys):
    terminal(columns)
    print_table(HEADERS, ROWS, right=(1,), wrapped=2)
    print_facts([("name", "a long value " * 20), ("path", "/a/folder/without/spaces" * 20)])
    lines = lines_of(capsys)
    assert max(map(len, lines)) <= columns
    assert ("largest difference" in lines[0]) is (columns > 60)  # the header of a number is broken last
    words = "".join(lines).replace(" ", "")
    for text in ("alongvalue" * 20, "/a/folder/without/spaces" * 20):
        assert text in words


def in_terminal(*command, **variables):
    """What a command prints in a terminal of 80 columns, both of its streams."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | variables
    process = subprocess.Popen([str(word) for word in command], stdout=its, stderr=its, env=environment)
    os.close(its)
    printed = b""
    try:
        while part := os.read(ours, 4096):
            printed += part
    except OSError:  # on Linux, when the process has ended
        pass
    os.close(ours)
    return process.wait(), printed.decode()


def test_colours_are_for_terminals_and_can_be_switched_off():
    command = (Path(sys.executable).parent / "libero-gym", "tasks", "show", "spatial", 1)
    code, printed = in_terminal(*command)
    assert code == 0
    assert "\x1b[1mtask" in printed
    assert "\x1b" not in in_terminal(*command, NO_COLOR="1")[1]


PROGRESS = """
import sys
from libero_gym.cli.progress import progress_bar, waiting
with waiting("checking") as show:
    show("found")
with progress_bar(3, "working") as advance:
    advance(None)
    advance(None)
    if sys.argv[1:]:
        raise SystemError
    advance(None)
"""


def test_a_bar_in_a_terminal_and_a_line_without():
    code, printed = in_terminal(sys.executable, "-c", PROGRESS)
    assert code == 0
    assert "checking" in printed
    assert re.search(r"working \|█{40}\| 3/3 00:0\d", printed)
    done = subprocess.run([sys.executable, "-c", PROGRESS], capture_output=True, text=True, check=True)
    assert done.stdout == "found\n"
    assert re.fullmatch(r"working 3/3 00:0\d\n", done.stderr)


def test_only_while_a_bar_is_shown_what_is_waited_for_is_not_logged():
    logger = logging.getLogger("libero_gym.waiting")
    before = logger.level
    try:
        logger.setLevel(logging.INFO)
        with progress_bar(1, "working"):
            assert logger.level == logging.ERROR
        assert logger.level == logging.INFO
        with pytest.raises(ValueError, match="broken"), progress_bar(1, "working"):
            raise ValueError("broken")
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)


def test_an_error_removes_the_bar():
    done = subprocess.run([sys.executable, "-c", PROGRESS, "fail"], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("Traceback")
    _, printed = in_terminal(sys.executable, "-c", PROGRESS, "fail")
    assert re.search(r"\r +\rTraceback", printed)
