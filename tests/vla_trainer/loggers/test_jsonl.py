"""metrics.jsonl: in order, each iteration once, valid JSON."""

import json
import re
from pathlib import Path

import pytest

from vla_trainer.loggers.jsonl import JsonlLogger

HALVES = [b'{"iteration": 4, "actor/lo', b'{"iteration": 4}', b'{"iteration": 4, "a": "\xc3', b"\x00\x00\x00\n", b"4\n"]


def rows(path: Path) -> list[dict]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("first", [3, 4])
def test_a_resume_continues_without_gaps_and_repetitions(tmp_path: Path, half: bytes, first: int) -> None:
    path = tmp_path / "metrics.jsonl"
    logger = JsonlLogger(path)
    for iteration in (1, 2, 3):
        logger.log(iteration, {"actor/loss": 0.5})
    with path.open("ab") as file:
        file.write(half)  # killed in the middle of a line
    resumed = JsonlLogger(path)
    for iteration in range(first, 6):
        resumed.log(iteration, {"actor/loss": 0.25})
    assert [row["iteration"] for row in rows(path)] == [1, 2, 3, 4, 5]
    assert [row["actor/loss"] for row in rows(path)] == [0.5] * (first - 1) + [0.25] * (6 - first)


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    JsonlLogger(path).log(1, {"actor/loss": float("nan"), "actor/kl": float("inf"), "actor/lr": 1e-3})
    assert rows(path) == [{"iteration": 1, "actor/loss": None, "actor/kl": None, "actor/lr": 1e-3}]


def line(iteration: int) -> bytes:
    return b'{"iteration": %d, "actor/loss": 0.5}\n' % iteration


DAMAGES = {
    # what stands in the file of iterations 1 to 5: which are left, and the warning
    "first line": ([b"garbage\n", *map(line, (2, 3, 4, 5))], [2, 3, 4, 5], "at line 1: .*; iteration 1 is missing"),
    "in the middle": ([line(1), line(2)[:9] + b"\n", line(3), b"[]\n", line(5)], [1, 3, 5], "2, 4: .*iterations 2, 4"),
    "half the last line": ([*map(line, (1, 2, 3, 4)), line(5)[:9]], [1, 2, 3, 4], "at line 5: .*; iteration 5 is"),
    "no UTF-8": (
        [line(1), b'{"iteration": 2, "a": "\xff"}\n', *map(line, (3, 4, 5))],
        [1, 3, 4, 5],
        "line 2: .*tion 2",
    ),
    "zeros": ([line(1), bytes(40) + line(2), *map(line, (3, 4, 5))], [1, 3, 4, 5], "at line 2: .*; iteration 2 is"),
    "two runs at once": ([line(i) for i in (1, 1, 2, 3, 2, 3, 4, 5)], [1, 2, 3, 4, 5], r"at line 2, 5, 6: .*damaged$"),
    "cut": ([line(1), line(2)], [1, 2], "is not complete; iterations 3 to 5 are missing"),
    "deep": ([b"[" * 100_000 + b"\n", *map(line, (1, 2, 3, 4, 5))], [1, 2, 3, 4, 5], "at line 1: .*damaged$"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_can_be_read_of_a_damaged_file_stays(damage: str, tmp_path: Path) -> None:
    lines, left, expected = DAMAGES[damage]
    path, warnings = tmp_path / "metrics.jsonl", list[str]()
    path.write_bytes(b"".join(lines))
    before = path.read_bytes()
    logger = JsonlLogger(path, 6, warnings.append)
    assert [row["iteration"] for row in rows(path)] == left
    (warning,) = warnings
    assert re.search(expected, warning), warning
    kept = [file for file in tmp_path.iterdir() if file != path]
    assert [file.read_bytes() for file in kept] == ([] if damage == "cut" else [before])
    logger.log(6, {"actor/loss": 0.25})
    logger.log(7, {"actor/loss": 0.25})
    assert [row["iteration"] for row in rows(path)] == [*left, 6, 7]
    # a second time there is no copy; what is missing is a warning again
    again = list[str]()
    JsonlLogger(path, 8, again.append)
    assert len(list(tmp_path.iterdir())) == 1 + len(kept)
    assert len(again) == (len(left) < 5)


def test_what_a_kill_leaves_is_no_damage(tmp_path: Path) -> None:
    path, warnings = tmp_path / "metrics.jsonl", list[str]()
    path.write_bytes(line(1) + line(2) + line(3) + line(4)[:9])  # goes on from the checkpoint of iteration 2
    logger = JsonlLogger(path, 3, warnings.append)
    logger.log(3, {"actor/loss": 0.25})
    assert [row["iteration"] for row in rows(path)] == [1, 2, 3]
    path.write_bytes(line(1) + line(2).rstrip(b"\n"))  # only the end of the line is missing
    JsonlLogger(path, 3, warnings.append).log(3, {})
    assert [row["iteration"] for row in rows(path)] == [1, 2, 3]
    assert warnings == []
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_file_that_is_removed_or_cut_begins_again_without_zeros(tmp_path: Path) -> None:
    path, warnings = tmp_path / "metrics.jsonl", list[str]()
    logger = JsonlLogger(path, 1, warnings.append)
    for iteration in (1, 2, 3):
        logger.log(iteration, {})
    path.unlink()
    logger.log(4, {})
    assert [row["iteration"] for row in rows(path)] == [4]
    assert warnings[0] == f"warning: {path} was removed or cut while the run was going on"
    assert warnings[1].endswith("is not complete; iterations 1 to 3 are missing")
    logger.log(5, {})
    path.write_bytes(path.read_bytes()[:25])  # the row of 4, and a little of that of 5
    logger.log(6, {})
    assert [row["iteration"] for row in rows(path)] == [4, 6]
    assert b"\0" not in path.read_bytes()
