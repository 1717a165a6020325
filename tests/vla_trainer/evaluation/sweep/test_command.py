"""`vla-eval --sweep` on an environment whose outcomes are known: counts, variants, what is refused, and resuming."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import train_process
import variant_toy
from variant_toy import STATES, TASKS, length_of, success_of

from vla_trainer.metrics import wilson_interval

Command = Callable[..., subprocess.CompletedProcess[str]]

SWEEP = ("--sweep", "env.shift=null,camera:1,camera:2,light:1")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "variant.yaml"
    path.write_text(variant_toy.RECIPE)
    return str(path)


def read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "sweep.json").read_text())


def ok(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, done.stderr
    return done


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def solved(shift: str | None, task: int, skill: int = 3) -> int:
    return sum(success_of(task, state, skill, shift) for state in range(STATES))


def test_what_is_known_is_reported_exactly(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    made = variant_toy.WaveringPolicy.made
    done = ok(quick_command("vla-eval", recipe, *SWEEP, "output_dir=out"))
    assert variant_toy.WaveringPolicy.made == made + 1  # once, not once a value
    found = read(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sweep.json", "sweep.png"]
    assert (found["recipe"], found["weights"], found["env_id"]) == ("variant", "untrained", "toy/VariantVector-v0")
    assert found["keys"] == ["env.shift"]
    assert found["versions"].startswith("vla-trainer ")
    shifts = [None, "camera:1", "camera:2", "light:1"]
    assert [point["values"] for point in found["points"]] == [{"env.shift": shift} for shift in shifts]
    assert [point["name"] for point in found["points"]] == ["null", "camera:1", "camera:2", "light:1"]
    # 3 + 5 + 7 of 24; a level of camera makes each task harder by one state, one of light by two
    assert [point["evaluation"]["successes"] for point in found["points"]] == [15, 12, 9, 9]
    for shift, point in zip(shifts, found["points"], strict=True):
        evaluation = point["evaluation"]
        assert evaluation["episodes"] == evaluation["available"] == TASKS * STATES
        assert evaluation["interval"] == list(wilson_interval(evaluation["successes"], 24))
        assert [task["successes"] for task in evaluation["tasks"]] == [solved(shift, task) for task in range(TASKS)]
        assert evaluation["assets"] == "cubes-reference"
        assert evaluation["split"] == "eval"
        assert evaluation["heading"] == (None if shift is None else f"not a benchmark result: shift {shift}")
        for state in evaluation["states"]:
            where = state["task_id"], state["init_state_id"]
            assert state["success"] == success_of(*where, 3, shift)
            assert state["env_steps"] == length_of(where[1])
            assert state.get("variant") == (shift and f"{shift}:{'odd' if where[1] % 2 else 'even'}")
    # without a variant's name each initial state is a row, with one the rows are even and odd
    rows = [row for row in found["rows"] if row["point"] == "null"]
    assert len(rows) == TASKS * STATES
    assert {row["variant"] for row in rows} == {f"state {state}" for state in range(STATES)}
    (row,) = (
        row
        for row in found["rows"]
        if (row["point"], row["task"], row["variant"]) == ("camera:2", "stack_2_cubes", "camera:2:even")
    )
    # of task 2 the first 2 x 2 + 3 - 2 = 5 states, of which 0, 2 and 4 are even; these and 6 take 1, 3, 2 and 1 steps
    assert (row["successes"], row["episodes"], row["success_rate"]) == (3, 4, 0.75)
    assert row["interval"] == list(wilson_interval(3, 4))
    assert row["mean_env_steps"] == 7 / 4
    assert len(found["rows"]) == TASKS * STATES + 3 * TASKS * 2
    table = [line.split() for line in done.stdout.splitlines()]
    assert next(line for line in table if line[1:2] == ["camera:2"])[3:7:2] == ["9/24", "37.5%"]
    assert found["heading"] == "not a benchmark result at 3 of 4 points; sweep.json says why"
    assert done.stdout.count(found["heading"]) == 1
    assert "12/24 episodes, 2 of 4, camera:1: " in done.stdout
    assert (tmp_path / "out/sweep.png").read_bytes().startswith(b"\x89PNG")


def test_a_point_is_what_an_evaluation_under_the_same_config_is(
    quick_command: Command, recipe: str, tmp_path: Path
) -> None:
    sampled = ["eval.deterministic=false", "eval.num_envs=3"]
    ok(quick_command("vla-eval", recipe, *SWEEP, "output_dir=out", *sampled))
    ok(quick_command("vla-eval", recipe, "env.shift=camera:2", "output_dir=alone", *sampled))
    point = read(tmp_path / "out")["points"][2]
    alone = json.loads((tmp_path / "alone/eval.json").read_text())
    assert point["evaluation"] == alone
    # it samples: a skill of 2, 3 or 4 at the last step of an episode, which decides for states at the border
    assert [state["success"] for state in alone["states"]] != [
        success_of(state["task_id"], state["init_state_id"], 3, "camera:2") for state in alone["states"]
    ]


def test_per_task_and_several_keys(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    sweeps = ["--sweep", "env.shift=camera:1,null", "--sweep", "env.tasks=[0,1],[2]"]
    done = ok(quick_command("vla-eval", recipe, *sweeps, "--per-task", "output_dir=out"))
    found = read(tmp_path / "out")
    # tasks 0 and 1, then 2: 2 + 4 and 6 with camera:1, 3 + 5 and 7 without
    assert [point["evaluation"]["successes"] for point in found["points"]] == [6, 6, 8, 7]
    assert [point["evaluation"]["episodes"] for point in found["points"]] == [16, 8, 16, 8]
    assert found["points"][1]["name"] == "shift=camera:1, tasks=[2]"
    assert done.stdout.count("stack 2 cubes") == 2
    message = "ConfigError: --per-task is read with --sweep"
    assert refused(quick_command("vla-eval", recipe, "--per-task")).startswith(message)


def test_variants_that_only_a_reset_names(quick_command: Command, tmp_path: Path) -> None:
    (tmp_path / "reach.yaml").write_text(variant_toy.REACH_RECIPE)
    ok(quick_command("vla-eval", "./reach.yaml", "--sweep", "env.speed=0.2,0.4", "eval.episodes=7", "output_dir=out"))
    found = read(tmp_path / "out")
    for point in found["points"]:
        states = point["evaluation"]["states"]
        assert [state["variant"] for state in states] == ["green", "red"] * 3 + ["green"]  # seeds 0 to 6
    rows = [(row["point"], row["task"], row["variant"], row["episodes"]) for row in found["rows"]]
    assert rows == [(speed, None, *color) for speed in ("0.2", "0.4") for color in (("green", 4), ("red", 3))]


def test_success_that_is_not_reported(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    sweeps = ["--sweep", "env.shift=camera:1,null", "env.reports_success=false"]
    done = ok(quick_command("vla-eval", recipe, *sweeps, "output_dir=out"))
    assert "success is not reported" in done.stdout
    # 12 and 15 rewards of 1 in 24 episodes
    assert next(line for line in done.stdout.splitlines() if " camera:1 " in line).split()[5] == "0.5"
    assert "note: no sweep.png: ValueError: the environment does not report success" in done.stdout
    assert all(row["success_rate"] is None for row in read(tmp_path / "out")["rows"])


def test_what_is_wrong_is_found_before_any_episode(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    def message(*arguments: str) -> str:
        text = refused(quick_command("vla-eval", recipe, *arguments, "output_dir=out"))
        assert not (tmp_path / "out").exists()
        return text

    assert message("--sweep", "env.shift").startswith("ConfigError: --sweep env.shift is not KEY=V1,V2")
    assert message("--sweep", "env.num_envs=1,2").startswith("ConfigError: --sweep env.num_envs=1,2: ")
    text = message("--sweep", "env.quality=fast,best")
    assert text == 'ConfigError: --sweep: env.quality="best"; did you mean "fast"? allowed: fast, reference\n'
    assert message("--sweep", "env.seconds=1,much").startswith("ConfigError: --sweep: env.seconds='much': ")
    # the second value is refused by the environment alone, before an episode of the first
    assert message("--sweep", "env.shift=camera:1,smell:1").startswith("EnvError: smell:1: shift='smell:1'; allowed: ")
    text = message("--sweep", "env.tasks=[0,1],[2]", "eval.episodes=9")
    assert text.startswith("ConfigError: [2]: eval.episodes=9: there are 8 initial states")
    text = message("--sweep", "env.actions=1,2")
    assert text.startswith("EnvError: 2: toy/VariantVector-v0: its action space is Box(-1.0, 1.0, (2,), float32); the")


def test_a_finished_sweep_is_shown_again_and_another_one_refused(
    quick_command: Command, recipe: str, tmp_path: Path
) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return quick_command("vla-eval", recipe, *arguments, "output_dir=out")

    first = ok(run(*SWEEP))
    written = (tmp_path / "out/sweep.json").read_bytes()
    made = variant_toy.WaveringPolicy.made
    (tmp_path / "out/sweep.png").unlink()
    # other numbers of environments change no result; the same values may be written otherwise
    again = ok(run("--sweep", "env.shift=~, camera:1, 'camera:2', light:1", "env.num_envs=4", "eval.num_envs=1"))
    assert "this sweep was finished before; nothing was run: out/sweep.json" in again.stdout
    assert variant_toy.WaveringPolicy.made == made
    assert [line for line in first.stdout.splitlines() if "│" in line] == [
        line for line in again.stdout.splitlines() if "│" in line
    ]
    assert (tmp_path / "out/sweep.png").exists()
    for arguments, differs in (
        (["--sweep", "env.shift=null,camera:1"], "values is [{"),
        ([*SWEEP, "policy.kwargs.skill=2"], 'policy.kwargs is {} there and {"skill": 2} here'),
        ([*SWEEP, "env.quality=fast"], 'env.quality is null there and "fast" here'),
        ([*SWEEP, "eval.episodes=3"], "eval.episodes is null there and 3 here"),
        ([*SWEEP, "trainer.seed=1"], "trainer.seed is 0 there and 1 here"),
    ):
        text = refused(run(*arguments))
        assert text.startswith("SweepError: out/sweep.json is of another sweep: ")
        assert differs in text
        assert "; move it away, or write elsewhere with output_dir=" in text
    assert (tmp_path / "out/sweep.json").read_bytes() == written
    (tmp_path / "out/sweep.json").write_text("{}")
    assert refused(run(*SWEEP)).startswith("ComparisonError: out/sweep.json is not a sweep.json: ")


def test_without_a_folder_the_same_command_finds_its_own(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    ok(quick_command("vla-eval", recipe, *SWEEP))
    assert "finished before" in ok(quick_command("vla-eval", recipe, *SWEEP)).stdout
    ok(quick_command("vla-eval", recipe, *SWEEP, "policy.kwargs.skill=2"))
    assert len(list((tmp_path / "logs/variant").glob("sweep_*/sweep.json"))) == 2


def test_a_run_s_sweep_stands_in_its_folder_and_is_of_its_weights(
    quick_command: Command, recipe: str, tmp_path: Path
) -> None:
    ok(quick_command("vla-train", recipe, "output_dir=run"))
    ok(quick_command("vla-eval", "run", *SWEEP))
    found = read(tmp_path / "run")
    assert found["weights"] == "step_000001"
    assert [point["evaluation"]["successes"] for point in found["points"]] == [15, 12, 9, 9]
    assert "finished before" in ok(quick_command("vla-eval", "run/checkpoints/step_000001", *SWEEP)).stdout
    ok(quick_command("vla-eval", "run", *SWEEP, "eval.episodes=5", "output_dir=elsewhere"))
    assert read(tmp_path / "elsewhere")["points"][0]["evaluation"]["episodes"] == 5
    # the same step of a run that was trained again has other weights
    ok(quick_command("vla-train", recipe, "output_dir=second", "policy.kwargs.skill=4"))
    (tmp_path / "run/checkpoints/step_000001").rename(tmp_path / "old")
    (tmp_path / "second/checkpoints/step_000001").rename(tmp_path / "run/checkpoints/step_000001")
    assert "of another sweep: weights is " in refused(quick_command("vla-eval", "run", *SWEEP))


def test_an_interrupted_sweep_keeps_what_is_done(
    quick_command: Command, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [36]
    step = variant_toy.VariantVectorEnv.step

    def stepping(self: Any, actions: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return step(self, actions)

    monkeypatch.setattr(variant_toy.VariantVectorEnv, "step", stepping)
    done = quick_command("vla-eval", recipe, *SWEEP, "output_dir=out")
    assert done.returncode == 130
    assert done.stderr == "interrupted; what is done is kept, and the same command goes on from there\n"
    # a task's 8 episodes take 1 + 2 + 3 + 1 + 2 + 3 + 1 + 2 = 15 steps, about 8 in two environments: 36 are 4 blocks
    # and a half, of which a value has three
    names = sorted(path.name for path in (tmp_path / "out/sweep_parts").iterdir())
    assert names == ["identity.json", "point_0000.json", "point_0001_from_000000.json"]
    left[0] = 10**9
    text = refused(quick_command("vla-eval", recipe, *SWEEP, "output_dir=out", "trainer.seed=1"))
    assert text.startswith("SweepError: out/sweep_parts is of another sweep: trainer.seed is 0 there and 1 here; ")
    assert "remove out/sweep_parts, or write elsewhere" in text
    part = tmp_path / "out/sweep_parts/point_0000.json"
    whole = part.read_text()
    part.write_text(whole[:-40])
    text = refused(quick_command("vla-eval", recipe, *SWEEP, "output_dir=out"))
    assert "point_0000.json is not a part of a sweep: " in text
    assert "remove it, and the point is evaluated again" in text
    part.write_text(whole)
    done = ok(quick_command("vla-eval", recipe, *SWEEP, "output_dir=out"))
    assert "1 of 4, null: done before" in done.stdout
    assert "12/24 episodes, 2 of 4, camera:1: " in done.stdout  # 8 of them were done
    ok(quick_command("vla-eval", recipe, *SWEEP, "output_dir=whole"))
    assert read(tmp_path / "out") == read(tmp_path / "whole")
    assert not (tmp_path / "out/sweep_parts").exists()


def test_a_sweep_that_is_refused_leaves_nothing(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    done = quick_command("vla-eval", recipe, *SWEEP, "output_dir=out", "policy.kwargs.wit=3")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_kills_change_nothing(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    # a value is 3 blocks of 8 steps or so: 12 blocks in all, each long enough to be killed in
    arguments = [recipe, *SWEEP, "eval.deterministic=false", "env.seconds=0.02"]
    parts, log = tmp_path / "killed/sweep_parts", tmp_path / "log"
    for kill in range(3):
        process = train_process.start([*arguments, f"output_dir={tmp_path / 'killed'}"], log, "vla-eval")
        before = {path.name for path in parts.glob("point_*")}
        deadline = time.monotonic() + 60
        while len({path.name for path in parts.glob("point_*")} - before) < 2:
            assert process.is_alive(), log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.002)
        time.sleep(0.03 * kill)
        process.kill()
        process.join()
        assert process.exitcode == -9, log.read_text()
        assert not (tmp_path / "killed/sweep.json").exists()
    kept = {path.name: path.read_bytes() for path in parts.glob("point_*")}
    assert kept
    done = ok(quick_command("vla-eval", *arguments, f"output_dir={tmp_path / 'killed'}"))
    assert "done before" in done.stdout
    ok(quick_command("vla-eval", *arguments, f"output_dir={tmp_path / 'whole'}"))
    assert (tmp_path / "killed/sweep.json").read_bytes() == (tmp_path / "whole/sweep.json").read_bytes()
