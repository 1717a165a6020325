"""What folders hold, and what is wrong with them in a line."""

import json
from pathlib import Path

import ablation_cases
import pytest
import report_cases

from vla_trainer.ablation.result import ablation_result
from vla_trainer.errors import ComparisonError, DamagedRunError, ReportError
from vla_trainer.report.folders import read_folders


def test_a_run_is_read_whole(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run", overrides=["trainer.seed=5"]))
    assert (run.label, run.recipe, run.value("trainer", "seed")) == ("run", "pendulum_ppo", 5)
    assert [row.metrics["rollout/success_rate"] for row in run.rows] == [0.25, 0.5, 0.5, 0.75, 0.75, 1.0]
    # six iterations of 4 episodes, 100 steps and half a minute
    assert (run.rows[-1].episodes, run.rows[-1].env_steps, run.rows[-1].minutes) == (24, 600, 3.0)
    assert run.evaluation is not None
    assert run.evaluation.successes == 3
    assert run.provenance is not None
    assert "in training: its <walls> are soft" in run.notices
    assert run.notes == []


def test_labels_are_as_short_as_they_may_be(tmp_path: Path) -> None:
    folders = [report_cases.write_run(tmp_path / name) for name in ("a/seed_0", "b/seed_0", "b/seed_1")]
    assert [run.label for run in read_folders(folders).runs] == ["a/seed_0", "b/seed_0", "seed_1"]


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"nothing is no folder"):
        read_folders([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match=r"empty is no run.*config\.yaml, eval\.json, ablation\.json, sweep\.json"):
        read_folders([tmp_path / "empty"])
    run = report_cases.write_run(tmp_path / "run")
    with pytest.raises(ReportError, match="given twice"):
        read_folders([run, tmp_path / "empty" / ".." / "run"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nonsense", "Expecting value"),
        ("[1, 2]", "no object of numbers"),
        ('{"actor/lr": 1}', "has no 'iteration'"),
        ('{"iteration": 7, "actor/lr": "much"}', "much"),
        ('{"iteration": 7, "actor/lr": NaN}', "NaN is no number"),
        ('{"iteration": 6}', "iteration 6 follows iteration 6"),
    ],
)
def test_damaged_metrics_are_named_by_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    file = report_cases.write_run(tmp_path / "run") / "metrics.jsonl"
    file.write_text(f"{file.read_text()}{line}\n")
    with pytest.raises(DamagedRunError, match=rf"metrics\.jsonl: line 7 .*{reason}"):
        read_folders([tmp_path / "run"])


def test_half_a_last_line_is_of_a_run_that_goes_on(tmp_path: Path) -> None:
    file = report_cases.write_run(tmp_path / "run") / "metrics.jsonl"
    file.write_text(file.read_text() + '{"iteration": 7, "actor/')
    assert len(report_cases.read_run(tmp_path / "run").rows) == 6


def test_a_number_that_was_not_finite_is_left_out(tmp_path: Path) -> None:
    rows = [report_cases.metrics(1, 0.5)]
    rows[0]["actor/lr"] = None  # type: ignore[assignment]
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run", rows=rows))
    assert "actor/lr" not in run.rows[0].metrics


def test_an_evaluation_without_training_is_enough(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    (folder / "config.yaml").unlink()
    (folder / "metrics.jsonl").unlink()
    run = report_cases.read_run(folder)
    assert run.rows == []
    assert run.tree == {}
    assert any("evaluation without training" in note for note in run.notes)
    (folder / "eval.json").write_text("{}")
    with pytest.raises(ComparisonError, match=r"eval\.json is not"):
        read_folders([folder])


def test_a_config_of_another_version_is_shown_and_not_checked(tmp_path: Path) -> None:
    folder = report_cases.write_run(tmp_path / "run")
    file = folder / "config.yaml"
    file.write_text(file.read_text() + "unheard_of: 3\n")
    run = report_cases.read_run(folder)
    assert run.config is None
    assert run.value("unheard_of") == 3
    assert any("unheard_of" in note for note in run.notes)


def test_an_ablation_is_read_with_its_plot(tmp_path: Path) -> None:
    plan = ablation_cases.plan(tmp_path, "actor.lr=0.5")
    records = {planned.folder: ablation_cases.record([0.5] * 6) for planned in plan.runs}
    folder = tmp_path / "ablation"
    folder.mkdir()
    ablation_result(plan, records, {}, versions=["v 1"]).write(folder / "ablation.json")
    (folder / "ablation.png").write_bytes(b"png")
    contents = read_folders([folder])
    assert contents.runs == []
    assert [point.name for point in contents.ablations[0].result.points] == ["base", "actor.lr=0.5"]
    assert contents.ablations[0].plot == b"png"
    (folder / "ablation.json").write_text(json.dumps({"recipe": 3}))
    with pytest.raises(ComparisonError, match=r"ablation\.json is not"):
        read_folders([folder])
