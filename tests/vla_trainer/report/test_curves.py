"""Values, intervals and means of learning curves."""

from pathlib import Path

import pytest
import report_cases

from vla_trainer.report.curves import axes_of, interval_of, last_with, panels_of, pooled, series_of

SUCCESS = "rollout/success_rate"


def test_points_are_those_of_metrics_jsonl(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run"))
    (series,) = series_of([run], SUCCESS)
    assert [point.value for point in series.points] == [0.25, 0.5, 0.5, 0.75, 0.75, 1.0]
    assert [point.place("iterations") for point in series.points] == [1, 2, 3, 4, 5, 6]
    assert [point.place("episodes") for point in series.points] == [4, 8, 12, 16, 20, 24]
    assert [point.place("minutes") for point in series.points] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    # (0.25 + 0.5 + 0.5 + 0.75 + 0.75) / 5 = 0.55, (0.5 + 0.5 + 0.75 + 0.75 + 1) / 5 = 0.7
    assert [point.mean for point in series.points] == [None] * 4 + [pytest.approx(0.55), pytest.approx(0.7)]


def test_interval_of_3_of_4(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run", rates=[0.75]))
    # n = 4, p = 3/4, z^2 = 3.84146: middle p + z^2/8 = 1.230182, spread z sqrt(p (1 - p)/4 + z^2/64) = 1.959964
    # sqrt(0.046875 + 0.060023) = 0.640814, both over 1 + z^2/4 = 1.960365
    assert interval_of(run.rows[0], SUCCESS) == pytest.approx((0.300642, 0.954413), abs=1e-5)
    # of a return there is none, and of a rate without a number of episodes
    assert interval_of(run.rows[0], "rollout/reward_mean") is None
    del run.rows[0].metrics["rollout/episodes"]
    assert interval_of(run.rows[0], SUCCESS) is None


def test_the_interval_of_an_evaluation_is_the_one_that_was_logged(tmp_path: Path) -> None:
    row = report_cases.metrics(1, 0.5)
    row |= {"eval/success_rate": 0.5, "eval/success_rate_low": 0.1, "eval/success_rate_high": 0.8}
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run", rows=[row]))
    assert interval_of(run.rows[0], "eval/success_rate") == (0.1, 0.8)
    assert interval_of(report_cases.read_run(tmp_path / "run").rows[0], "actor/lr") is None


def test_pooled_episodes_of_the_last_iterations(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run"))
    # 2 + 2 + 3 + 3 + 4 of 5 times 4
    assert pooled(last_with(run, SUCCESS)) == (14, 20)


def test_charts_and_axes_are_those_that_a_run_has_numbers_for(tmp_path: Path) -> None:
    learned = report_cases.read_run(report_cases.write_run(tmp_path / "rl"))
    rows = [{"iteration": 1, "actor/loss": 2.0, "actor/lr": 0.1, "time/iteration": 6.0}]
    supervised = report_cases.read_run(report_cases.write_run(tmp_path / "sft", rows=rows))
    assert axes_of([supervised]) == ["iterations", "minutes"]
    assert axes_of([supervised, learned]) == ["episodes", "iterations", "minutes"]
    assert panels_of([supervised]) == ["actor/loss", "actor/lr"]
    # a policy loss says nothing of how good a policy is
    assert "actor/loss" not in panels_of([supervised, learned])
    # it has no place on an axis of episodes
    assert series_of([supervised], "actor/lr", "episodes") == []
    assert len(series_of([supervised], "actor/lr", "minutes")) == 1
    # the run's number is its place in the report, also where another has no such curve
    assert [series.run for series in series_of([supervised, learned], SUCCESS)] == [1]
