"""metrics.jsonl: in order, each iteration once, valid JSON."""

import json
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
