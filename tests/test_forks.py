"""Processes that tests fork are as separate as those that start anew."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import forks
import pytest

HERE = str(Path(__file__).parent)


def tell() -> None:
    """What a forked process knows of itself, and how it ends."""
    print(os.getcwd(), os.environ["MARK"], sys.argv[1:], sys.argv[0])
    print(HERE in sys.path, file=sys.stderr)
    sys.exit(3)


def wait() -> None:
    print(os.getpid(), flush=True)
    signal.pause()


def gone(number: int) -> bool:
    """Whether a process has ended, though nobody may have asked how."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{number}/status").read_text()
    except FileNotFoundError:
        return True


def test_it_has_arguments_variables_folder_and_files_of_its_own(tmp_path: Path) -> None:
    output, errors = tmp_path / "output", tmp_path / "errors"
    process = forks.start(
        "test_forks:tell",
        ["name", "a", "b c"],
        output=output,
        errors=errors,
        folder=tmp_path,
        environment={"MARK": "of this one", "PYTHONPATH": HERE},
    )
    process.join(60)
    assert process.exitcode == 3
    assert output.read_text() == f"{tmp_path} of this one ['a', 'b c'] name\n"
    assert errors.read_text() == "True\n"
    assert "MARK" not in os.environ


def test_what_is_not_named_is_not_found(tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    process = forks.start("test_forks:tell", ["name"], output=errors, environment={})
    process.join(60)
    assert process.exitcode == 1
    assert "No module named 'test_forks'" in errors.read_text()


def test_a_script_is_a_program(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint(__name__, sys.argv)\nsys.exit('what went wrong')\n")
    done = forks.run(str(script), [str(script), "a"])
    assert (done.returncode, done.stdout) == (1, f"__main__ ['{script}', 'a']\n")
    assert done.stderr == "what went wrong\n"


def test_one_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run("signal:pause", ["name"], timeout=0.05)


def test_a_killed_one_and_one_whose_starter_is_gone(tmp_path: Path) -> None:
    output = tmp_path / "output"
    processes = [forks.start("test_forks:wait", ["name"], output=output, path=sys.path) for _ in range(2)]
    deadline = time.monotonic() + 60
    while not output.exists() or output.read_text().count("\n") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    numbers = sorted(process.pid for process in processes)
    assert sorted(map(int, output.read_text().split())) == numbers
    first, second = processes
    assert first.is_alive()
    first.join(0.05)
    assert first.exitcode is None
    first.kill()
    first.join(60)
    assert first.exitcode == -signal.SIGKILL
    number = second.pid
    second._connection.close()
    while not gone(number):
        assert time.monotonic() < deadline
        time.sleep(0.01)
