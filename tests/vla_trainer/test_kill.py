"""A run that is killed ten times, at moments that were not chosen kindly, is in the end the run that never was."""

import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import train_process
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ITERATIONS = 44
COMMON = [
    f"trainer.iterations={ITERATIONS}",
    "trainer.save_every=2",
    "trainer.keep_checkpoints=2",
    "trainer.best_metric=rollout/reward_mean",
    "video_cfg.save_video=false",
]
OVERRIDES = {
    # an episode has 8 policy steps or fewer, so that some run over the end of each iteration
    "ppo": [*COMMON, "rollout.horizon=13", "policy.kwargs={width: 128}"],
    "grpo": [*COMMON, "policy.kwargs={width: 128, critic: false}"],
}
STAGES = [
    "begin",
    "collect",
    "checkpoint",
    "update",
    "checkpoint",
    "collect",
    "checkpoint",
    "begin",
    "checkpoint",
    "update",
]
"""What each of the ten kills aims at."""


def read(folder: Path) -> list[dict[str, Any]]:
    whole = (folder / "metrics.jsonl").read_text().rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def without_clocks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith(("time/", "throughput/"))} for row in rows]


def state_of(folder: Path) -> dict[str, Any]:
    path = folder / f"checkpoints/step_{ITERATIONS:06d}/trainer_state.pt"
    return torch.load(path, weights_only=True)


def lines_of(folder: Path) -> int:
    path = folder / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def same(one: Any, other: Any) -> bool:
    """Equal bit for bit, through dicts and lists."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def median(folder: Path, stage: str) -> float:
    """Seconds of a stage, in the iterations until now."""
    times = sorted(row.get(f"time/{stage}", 0.0) for row in read(folder))
    return times[len(times) // 2]


def until(happened: Callable[[], bool], process: Any, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.is_alive(), log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.0005)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_ten_kills_change_nothing(algorithm: str, toy_recipes: dict[str, str], tmp_path: Path) -> None:
    whole, folder, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    recipe = [toy_recipes[algorithm], *OVERRIDES[algorithm]]
    never_killed = train_process.start([*recipe, f"output_dir={whole}"], tmp_path / "log of the whole one")

    rng = random.Random(0)
    inside_a_write = 0
    for number, stage in enumerate(STAGES):
        resumable = (folder / "config.yaml").exists()
        process = train_process.start(
            ["--resume", str(folder)] if resumable else [*recipe, f"output_dir={folder}"], log
        )
        half_written = partial((folder / "checkpoints").glob, f".step_*-{process.pid}")
        if stage == "begin":
            time.sleep(rng.uniform(0, 0.3))
        else:
            wanted = (number + 1) * (ITERATIONS - 4) // len(STAGES) + rng.choice([-1, 0, 1])
            until(lambda wanted=wanted: lines_of(folder) >= wanted, process, log)
            if stage == "checkpoint":
                until(lambda glob=half_written: any(glob()), process, log)
                time.sleep(rng.choice([0, 0.001, 0.003]))
            elif stage == "update":
                time.sleep(median(folder, "rollout") + rng.uniform(0, median(folder, "update")))
            else:
                time.sleep(rng.uniform(0, median(folder, "rollout")))
        process.kill()
        process.join()
        assert process.exitcode == -9, log.read_text()
        inside = any(half_written())
        inside_a_write += inside
        print(f"{stage}: killed after {lines_of(folder)} lines" + (", a checkpoint half written" if inside else ""))
        for path in (folder / "checkpoints").glob("step_*"):
            torch.load(path / "trainer_state.pt", weights_only=True)  # whatever is called a checkpoint is whole
    assert lines_of(folder) < ITERATIONS
    assert inside_a_write >= 1

    last = train_process.start(["--resume", str(folder)], log)
    last.join(60)
    assert last.exitcode == 0, log.read_text()
    never_killed.join(60)
    assert never_killed.exitcode == 0, (tmp_path / "log of the whole one").read_text()
    expected = read(whole)
    assert without_clocks(read(folder)) == without_clocks(expected)
    assert [row["iteration"] for row in expected] == list(range(1, ITERATIONS + 1))
    resumed, never_broken = state_of(folder), state_of(whole)
    assert set(resumed) >= {"policy", "optimizer", "running", "progress"}
    assert [key for key in never_broken if not same(resumed[key], never_broken[key])] == []
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == sorted(
        path.name for path in (whole / "checkpoints").iterdir()
    )
    assert (folder / "checkpoints/best").readlink() == (whole / "checkpoints/best").readlink()
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    shown = {event.step: event.value for event in events.Scalars("actor/entropy")}
    assert [event.step for event in events.Scalars("actor/entropy")] == list(shown)
    assert shown == pytest.approx(
        {row["iteration"]: row["actor/entropy"] for row in expected if "actor/entropy" in row}
    )
