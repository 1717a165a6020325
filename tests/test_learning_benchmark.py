"""benchmarks/learning.py: what it runs once, what it reads, what it draws. The runs themselves take an hour."""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import pytest


@pytest.fixture
def learning(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("learning")


@pytest.fixture
def report(import_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return import_benchmark("learning_report")


def test_a_stage_that_ended_well_is_run_once(learning: ModuleType, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    command = [sys.executable, "-c", f"open({str(marks)!r}, 'a').write('x')"]
    for _ in range(2):
        learning.Stages(tmp_path / "stages.json").run("sft", command, {})
    assert marks.read_text() == "x"
    record = json.loads((tmp_path / "stages.json").read_text())["sft"]
    assert record["finished"]
    assert record["seconds"] > 0


def test_a_stage_that_failed_is_run_again_and_its_seconds_add_up(learning: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "stages.json"
    with pytest.raises(SystemExit, match="sft: exit code 3"):
        learning.Stages(file).run("sft", [sys.executable, "-c", "raise SystemExit(3)"], {})
    failed = json.loads(file.read_text())["sft"]
    assert not failed["finished"]
    learning.Stages(file).run("sft", [sys.executable, "-c", ""], {})
    record = json.loads(file.read_text())["sft"]
    assert record["finished"]
    assert record["seconds"] > failed["seconds"]
    # what a run began with stays, beside what it went on with
    first, second = record["commands"]
    assert first.endswith("'raise SystemExit(3)'")
    assert second.endswith("-c ''")


def test_training_goes_on_where_there_is_a_checkpoint(learning: ModuleType, tmp_path: Path) -> None:
    run = tmp_path / "rl"
    assert learning.train("recipe", run, ["a=1"], ["b=2"]) == ["vla-train", "recipe", "a=1", "b=2", f"output_dir={run}"]
    (run / "checkpoints" / "step_000005").mkdir(parents=True)
    (run / "checkpoints" / "step_000010").mkdir()
    again = ["vla-train", "--resume", str(run)]
    assert learning.train("recipe", run, ["a=1"], []) == again
    # what is asked for now counts, not what the run began with
    assert learning.train("recipe", run, ["a=1"], ["b=3"], 9) == [*again, "b=3", "trainer.iterations=9"]
    assert learning.newest(run).name == "step_000010"


@pytest.mark.parametrize(("alone", "tasks"), [(True, ["--task", "3"]), (False, [])])
def test_what_is_demonstrated(learning: ModuleType, alone: bool, tasks: list[str]) -> None:
    args = argparse.Namespace(suite="spatial", task=3, alone=alone, seed=5)
    command = learning.demonstrate(args, "libero/x-v0")
    assert command[:4] == ["libero-gym", "demos", "--suite", "spatial"]
    assert command[4 : 4 + len(tasks) + 2] == [*tasks, "--per-task", "1"]
    assert command[-4:] == ["--seed", "5", "--out", "libero/x-v0"]


@pytest.mark.parametrize(("alone", "expected"), [(True, ["env.task=3"]), (False, [])])
def test_imitation_asks_for_the_tasks_that_were_demonstrated(
    learning: ModuleType, alone: bool, expected: list[str]
) -> None:
    # of a task that the dataset lacks SFT makes an error, so that it is told where one was demonstrated alone
    told = learning.imitate(argparse.Namespace(task=3, alone=alone), "libero/x-v0")
    assert [override for override in told if override.startswith("env.task")] == expected
    assert "algorithm.dataset=libero/x-v0" in told


def test_one_task_alone_needs_a_task(
    learning: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["learning.py", "spatial", "--alone"])
    with pytest.raises(SystemExit) as ended:
        learning.main()
    assert ended.value.code == 2
    assert "--task does not say which" in capsys.readouterr().err


def test_training_episodes_have_a_limit_of_their_own(learning: ModuleType, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "main_data.hdf5", "w") as file:
        for number, (task, steps) in enumerate([(0, 94), (4, 140), (0, 88), (1, 100)]):
            file.create_group(f"episode_{number}").attrs.update({"task_id": task, "total_steps": steps})
    # by each task's longest: 1.6 x 94 = 150.4, in chunks of 8: 152; 1.6 x 100 = 160; of 1.6 x 140 = 224 the suite's 220
    assert learning.training_limits(tmp_path / "main_data.hdf5", 220) == {0: 152, 1: 160, 4: 220}


def rows(folder: Path) -> None:
    """Two iterations of 64 episodes: 6,400 steps in 8 s of collecting, then 4,800 in 6 s; an update takes 2 s."""
    folder.mkdir()
    made = [
        {"rollout/success_rate": 0.5, "throughput/env_steps_per_second": 800.0, "time/rollout": 8.0},
        {
            "rollout/success_rate": 0.75,
            "throughput/env_steps_per_second": 800.0,
            "time/rollout": 6.0,
            "time/eval": 30.0,
        },
    ]
    lines = []
    for number, row in enumerate(made, 1):
        seconds = row["time/rollout"] + 2.0 + row.get("time/eval", 0.0)
        lines.append(json.dumps({"iteration": number, "rollout/episodes": 64, "time/iteration": seconds, **row}))
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def test_the_curve_counts_what_was_spent_before_and_no_evaluation(learning: ModuleType, tmp_path: Path) -> None:
    rows(tmp_path / "rl")
    first, second = learning.curve(tmp_path / "rl", before=100.0)
    assert (first["seconds"], second["seconds"]) == (110.0, 118.0)  # 100 + 8 + 2; then + 6 + 2
    assert (second["episodes"], second["env_steps"]) == (128, 11200.0)
    # 11,200 steps in 18 s
    assert learning.throughput([first, second])["env_steps_per_second"] == pytest.approx(622.2, abs=0.1)


def test_wilson_s_interval(report: ModuleType) -> None:
    # Newcombe (1998), table I: 81 of 263 gives 0.2553 to 0.3662
    assert report.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def result_of(learning: ModuleType, run: Path, **changes: object) -> dict[str, object]:
    """A run as its JSON has it."""
    curve = learning.curve(run, 0.0)
    return {
        "suite": "spatial",
        "task": 5,
        "algorithm": "grpo",
        "variant": "",
        "seed": 0,
        "seconds": {"all": 90.0},
        "sft": {"successes": 20, "episodes": 50, "success_rate": 0.4, "interval": [0.28, 0.54]},
        "rl": {"successes": 48, "episodes": 50, "success_rate": 0.96, "interval": [0.87, 0.99]},
        "curve": curve,
        "throughput": learning.throughput(curve),
        **changes,
    }


def test_a_point_of_the_curve_is_the_mean_of_the_last_iterations(
    learning: ModuleType, report: ModuleType, tmp_path: Path
) -> None:
    rows(tmp_path / "rl")
    first, second = report.smoothed(learning.curve(tmp_path / "rl", 0.0))
    assert first[0] == 0.5
    assert second == (0.625, *report.wilson(80, 128))  # 32 and 48 of 64


def test_the_table_has_a_row_a_run(learning: ModuleType, report: ModuleType, tmp_path: Path) -> None:
    rows(tmp_path / "rl")
    runs = [result_of(learning, tmp_path / "rl", **more) for more in ({}, {"task": None, "variant": "chunks of 4"})]
    head, _, one, all_tasks = report.table(runs).splitlines()
    assert one == "| libero_spatial 5 | GRPO | 0 | 20 of 50, 40.0% | 48 of 50, 96.0% | 128 | 622 | 1.5 min |"
    assert all_tasks.startswith("| libero_spatial | GRPO, chunks of 4 | 0 |")
    assert head.count("|") == one.count("|")


def test_the_plot_is_a_picture(learning: ModuleType, report: ModuleType, tmp_path: Path) -> None:
    rows(tmp_path / "rl")
    runs = [result_of(learning, tmp_path / "rl", seed=seed) for seed in range(3)]
    all_of_50 = {"successes": 50, "episodes": 50, "success_rate": 1.0, "interval": [0.93, 1.0 - 1e-16]}
    runs.append(result_of(learning, tmp_path / "rl", rl=all_of_50))
    report.plot(runs, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"


def test_each_task_has_a_curve_of_its_own(learning: ModuleType, report: ModuleType, tmp_path: Path) -> None:
    rows(tmp_path / "rl")
    file = tmp_path / "rl" / "metrics.jsonl"
    first, second = map(json.loads, file.read_text().splitlines())
    first["rollout/success_rate/open_the_top_drawer"] = 0.25
    second |= {"rollout/success_rate/open_the_top_drawer": 0.5, "rollout/success_rate/open_the_bottom_drawer": 1.0}
    file.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n")
    tasks = ["open_the_top_drawer", "open_the_bottom_drawer"]
    assert [entry["by_task"] for entry in learning.curve(tmp_path / "rl", 0.0)] == [
        {"open_the_top_drawer": 0.25},
        {"open_the_top_drawer": 0.5, "open_the_bottom_drawer": 1.0},
    ]
    assert report._shared_words(tasks) == (2, 1)
    assert [report._without(task, (2, 1)) for task in tasks] == ["top", "bottom"]
    assert report._without("open", report._shared_words(["open"])) == "open"
    each = {"tasks": tasks, "by_task": [5, 10], "episodes_by_task": [10, 10]}
    ends = {name: {**result_of(learning, tmp_path / "rl")[name], **each} for name in ("sft", "rl")}
    report.plot_tasks(result_of(learning, tmp_path / "rl", task=None, **ends), tmp_path / "tasks.png")
    assert (tmp_path / "tasks.png").read_bytes()[:4] == b"\x89PNG"


def test_a_curve_is_kept_as_columns_and_read_as_rows(learning: ModuleType, report: ModuleType, tmp_path: Path) -> None:
    rows(tmp_path / "rl")
    first, second = (result_of(learning, tmp_path / "rl", seed=seed) for seed in range(2))
    first["curve"][1]["by_task"] = {"open": 0.25}
    report.save(tmp_path / "runs.json", {"first": first, "second": second})
    text = (tmp_path / "runs.json").read_text()
    assert '   "episodes": [64, 128],\n' in text
    assert '"entropy": [null, null]' in text
    assert '"by_task": {"open": [null, 0.25]}' in text
    runs = report.read([tmp_path / "runs.json"])
    assert list(runs) == ["first", "second"]
    assert [row["by_task"] for row in runs["first"]["curve"]] == [{}, {"open": 0.25}]
    assert report.table(runs.values()) == report.table([first, second])
    # a run by itself stands in a file as it is, and has the file's name
    report.save(tmp_path / "alone.json", {"first": first})
    assert "suite" in json.loads((tmp_path / "alone.json").read_text())
    assert list(report.read([tmp_path / "alone.json"])) == ["alone"]


def test_rows_of_json_are_lines(learning: ModuleType) -> None:
    compact = importlib.import_module("compact_json").compact
    row = {"x": 0.5, "names": [], "of": "a" * 200}
    assert compact([row]).splitlines() == ["[", f" {json.dumps(row)}", "]"]  # longer than a line, but of plain values
    assert compact({"a": [1, {"b": 2}]}) == '{"a": [1, {"b": 2}]}'  # short enough
    nested = {"a": {"b": [row, row], "é": None}, "1": [[0.1, float("inf")]]}
    assert json.loads(compact(nested)) == nested
    assert compact(nested).count("\n") == 9


def test_the_published_runs_make_their_table(report: ModuleType) -> None:
    runs = report.read([Path(__file__).parents[1] / "benchmarks/results/learning.json"])
    names = [f"spatial_task3_soft_alone_{end}" for end in ("seed0", "seed1", "seed2", "ppo")]
    lines = report.table([runs[name] for name in [*names, "spatial_all"]]).splitlines()
    assert lines[3] == "| libero_spatial 3 | GRPO | 1 | 7 of 50, 14.0% | 49 of 50, 98.0% | 7,040 | 507 | 26.1 min |"
    assert (
        lines[6] == "| libero_spatial | GRPO | 4 | 199 of 500, 39.8% | 426 of 500, 85.2% | 24,064 | 502 | 118.2 min |"
    )


def test_the_summary_of_seeds(learning: ModuleType) -> None:
    seeds = importlib.import_module("seeds")

    def run(start: float, end: float, minutes: float, episodes: int) -> dict[str, object]:
        return {
            "suite": "spatial",
            "task": 3,
            "sft": {"success_rate": start},
            "rl": {"success_rate": end},
            "seconds": {"all": 60 * minutes},
            "curve": [{"episodes": 10}, {"episodes": episodes}],
        }

    assert seeds.summary([run(0.2, 0.96, 9.5, 2400), run(0.3, 0.9, 11.25, 2300)]) == (
        "libero_spatial 3, 2 seed(s): 25.0% to 93.0% on the mean, 90.0% at least; at most 11.2 min and 2,400 episodes"
    )
    assert seeds.place("goal:8") == ("goal", 8)
    for wrong in ("goal", "goal:x", "kitchen:1"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"'{wrong}'; allowed: SUITE:TASK, SUITE of spatial"):
            seeds.place(wrong)
