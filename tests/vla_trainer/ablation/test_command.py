"""`vla-ablate` with real runs of `vla-train`: what comes out, what a second command runs, and what kills lose."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import reach_toy
import train_process

from vla_trainer.ablation.statistics import paired_t_interval
from vla_trainer.evaluation.comparison import compare
from vla_trainer.evaluation.result import Evaluation
from vla_trainer.folder_lock import holder_of

Command = Callable[..., subprocess.CompletedProcess[str]]

HERE = Path(reach_toy.__file__).parent
QUIET = ["video_cfg.save_video=false", "trainer.logger.tensorboard.enable=false"]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PYTHONPATH", str(HERE))  # of the runs
    path = tmp_path / "toy.yaml"
    path.write_text(reach_toy.PPO_RECIPE)
    return str(path)


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "ablation.json").read_text())


def rows_of(run: Path) -> list[dict[str, Any]]:
    file = run / "metrics.jsonl"
    whole = file.read_text().rpartition("\n")[0] if file.exists() else ""
    return [json.loads(line) for line in whole.splitlines()]


def without_clocks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if not k.startswith(("time/", "throughput/"))} for row in rows]


def until(happened: Callable[[], bool], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_dry_run_checks_lists_and_makes_nothing(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    over = ["--over", "actor.lr=3e-3,1e-2", "--out", "out"]
    done = quick_command("vla-ablate", recipe, *over, "--seeds", 2, "--dry-run", "--jobs", 8)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "2 points x 2 seeds = 4 runs, 0 of them done, 4 beside each other; folder out",
        "base (= actor.lr=3e-3)",
        "  base/seed_0: new, 3 iterations",
        "  base/seed_1: new, 3 iterations",
        "actor.lr=1e-2",
        "  actor.lr_0.01/seed_0: new, 3 iterations",
        "  actor.lr_0.01/seed_1: new, 3 iterations",
    ]
    for arguments, message in (
        (["--over", "actor.rl=1"], 'ConfigError: --over actor.rl=1: unknown key "actor.rl"; did you mean "lr"?'),
        ([*over, "--jobs", 0], "ConfigError: --jobs 0; allowed: 1 or more"),
        (
            [*over, "--metric", "eval/succes_rate"],
            'ConfigError: --metric "eval/succes_rate"; did you mean "eval/success',
        ),
        ([], "ConfigError: missing --over KEY=V1,V2"),
    ):
        done = quick_command("vla-ablate", recipe, *arguments, "--dry-run")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert done.stderr.startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.yaml"]


@pytest.mark.slow
def test_two_points_under_two_seeds_then_a_third_that_fails(
    quick_command: Command, recipe: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = [recipe, *QUIET, "trainer.iterations=6", "eval.episodes=9", "--seeds", 2, "--out", out]
    done = quick_command("vla-ablate", *command, "--over", "actor.lr=3e-3,3e-2")
    assert done.returncode == 0, (done.stdout, done.stderr)
    found = read(out)
    folders = ["base/seed_0", "base/seed_1", "actor.lr_0.03/seed_0", "actor.lr_0.03/seed_1"]
    assert [run["folder"] for point in found["points"] for run in point["runs"]] == folders
    evaluations = {folder: Evaluation.read(out / folder / "eval.json") for folder in folders}
    rates = [evaluations[folder].success_rate for folder in folders]
    assert [run["value"] for point in found["points"] for run in point["runs"]] == rates
    # what a run spent is what its rows say
    rows = rows_of(out / "base/seed_1")
    total = found["points"][0]["runs"][1]["total"]
    assert total["iterations"] == len(rows) == 6
    assert total["episodes"] == sum(row["rollout/episodes"] for row in rows)
    # 8 environments x 16 policy steps of 2 moves; the last of an episode may be of one
    assert 6 * 8 * 16 < total["env_steps"] <= 6 * 8 * 16 * 2
    assert total["minutes"] == pytest.approx(sum(row["time/iteration"] for row in rows) / 60)
    difference = found["points"][1]["difference"]
    differences = [rates[2] - rates[0], rates[3] - rates[1]]
    assert difference["interval"] == pytest.approx(paired_t_interval(differences))
    pairs = [compare(evaluations[folders[2 + n]], evaluations[folders[n]], "", "").all for n in (0, 1)]
    assert difference["episodes"]["episodes"] == 18
    assert difference["episodes"]["only_a"] == sum(pair.only_a for pair in pairs)
    assert (out / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert "| actor.lr=3e-2 |" in (out / "ablation.md").read_text()
    assert "compared by eval/success_rate" in done.stdout
    assert not (out / ".lock").exists()

    # again, with a value that only the policy refuses: two runs, and those of before are not touched
    before = {folder: (out / folder / "vla-train.log").stat().st_mtime_ns for folder in folders}
    more = ["--over", "actor.lr=3e-2", "--over", "policy.kwargs={width: -1}"]
    done = quick_command("vla-ablate", *command, *more)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "6 runs, 4 of them done" in done.stdout
    assert {folder: (out / folder / "vla-train.log").stat().st_mtime_ns for folder in folders} == before
    again = read(out)
    assert again["points"][1] == found["points"][1] | {"values": {"actor.lr": 0.03, "policy.kwargs": {}}}
    failed = again["points"][2]
    assert [run["state"] for run in failed["runs"]] == ["failed", "failed"]
    log = (out / failed["runs"][0]["folder"] / "vla-train.log").read_text()
    assert failed["runs"][0]["error"].startswith("exit code ")
    assert failed["runs"][0]["error"].endswith(log.strip().splitlines()[-1].strip())
    assert "negative dimension" in failed["runs"][0]["error"]
    assert "2 failed" in (out / "ablation.md").read_text()

    # of another config, nothing is mixed in
    done = quick_command("vla-ablate", *command, "trainer.iterations=7", "--over", "actor.lr=3e-2")
    assert done.returncode == 2
    assert f"{out}/base/seed_0 holds a run of another config: trainer.iterations is 6 there and 7 here" in done.stderr


@pytest.mark.slow
def test_kills_of_a_run_and_of_the_command_lose_nothing(recipe: str, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    config = [recipe, *QUIET, "trainer.iterations=40", "trainer.save_every=1", "trainer.keep_checkpoints=2"]
    command = [*config, "--over", "actor.lr=1e-2", "--seeds", "1", "--jobs", "1", "--out", str(out)]
    alone = train_process.start([*config, f"output_dir={tmp_path / 'alone'}"], tmp_path / "log of the whole one")
    base, other = out / "base/seed_0", out / "actor.lr_0.01/seed_0"
    process = train_process.start(command, log, "vla-ablate")

    until(lambda: len(rows_of(base)) >= 4)
    holder = holder_of(base)
    assert holder is not None, log.read_text()
    os.kill(holder.process, signal.SIGKILL)
    until(lambda: (out / "ablation.json").exists() and read(out)["points"][0]["runs"][0]["state"] == "failed")
    assert read(out)["points"][0]["runs"][0]["error"].startswith("killed by signal 9")
    begun = len(rows_of(base))
    assert begun < 40

    until(lambda: len(rows_of(other)) >= 4)  # the next one goes on all the same
    process.kill()
    process.join()
    # it has lost its starter, not its work; stopped, so that it is there when the next command comes to it
    orphan = holder_of(other)
    assert orphan is not None
    os.kill(orphan.process, signal.SIGSTOP)
    try:
        assert len(rows_of(other)) < 40
        last = train_process.start(command, log, "vla-ablate")
        until(lambda: f"actor.lr=1e-2, seed 0: process {orphan.process} on" in log.read_text())
        assert "base, seed 0: goes on from iteration " in log.read_text()
    finally:
        os.kill(orphan.process, signal.SIGCONT)
    last.join(400)
    assert last.exitcode == 0, log.read_text()
    assert log.read_text().count("actor.lr=1e-2, seed 0: goes on") == 0
    assert [run["state"] for point in read(out)["points"] for run in point["runs"]] == ["ended", "ended"]
    alone.join(200)
    assert without_clocks(rows_of(base)) == without_clocks(rows_of(tmp_path / "alone"))
    assert [row["iteration"] for row in rows_of(other)] == list(range(1, 41))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_from_outside_ends_the_runs(recipe: str, tmp_path: Path, number: int, code: int) -> None:
    out = tmp_path / "out"
    command = [recipe, *QUIET, "trainer.iterations=2000", "--over", "actor.lr=1e-2", "--seeds", "1", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from vla_trainer.cli import ablate; ablate()", *command, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # shells start what runs in the background without it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    runs = [out / "base/seed_0", out / "actor.lr_0.01/seed_0"]
    try:
        until(lambda: process.poll() is not None or all(rows_of(run) for run in runs))
        holders = [holder_of(run) for run in runs]
        process.send_signal(number)
        printed, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code, (printed, errors)
    if number == signal.SIGINT:
        assert errors == "interrupted; what is done is kept, and the same command goes on from there\n"
    for run, holder in zip(runs, holders, strict=True):
        assert holder is not None
        assert not holder.is_running()
        assert holder_of(run) is None
    assert [run["state"] for point in read(out)["points"] for run in point["runs"]] == ["waiting", "waiting"]
