"""What a run was at its end, and when it was good for the first time."""

import json
from pathlib import Path

import pytest
from ablation_cases import record, row

from vla_trainer.ablation.curve import Budget, choose_curve, choose_metric, final_value, reached, smoothed
from vla_trainer.ablation.runs import Record, read_record


def test_the_end_is_the_mean_of_five_iterations_and_the_last_evaluation() -> None:
    rows = [row(number, rollout_success_rate=number / 10) for number in range(1, 8)]
    rows.append(row(8, eval_success_rate=0.25))  # an iteration in which no episode ended
    rows.append(row(9, eval_success_rate=0.75, rollout_success_rate=0.8))
    # 0.4, 0.5, 0.6, 0.7, 0.8
    assert final_value(rows, "rollout/success_rate") == pytest.approx(0.6)
    assert final_value(rows, "eval/success_rate") == 0.75
    assert final_value(rows, "rollout/reward_mean") is None
    assert final_value(rows[:2], "rollout/success_rate") == pytest.approx(0.15)


def test_a_threshold_is_reached_by_the_mean_of_five() -> None:
    # one lucky iteration is not enough: means of five are 0.2, 0.4, 0.6, 0.8
    rows = record([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]).rows
    assert [value for _, value in smoothed(rows, "rollout/success_rate")] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert reached(rows, "rollout/success_rate", 0.5) == Budget(7, 70, 700, 3.5)
    assert reached(rows, "rollout/success_rate", 0.8) == Budget(8, 80, 800, 4.0)
    assert reached(rows, "rollout/success_rate", 0.81) is None
    assert reached(rows[:4], "rollout/success_rate", 0.0) is None
    evaluated = [row(1, eval_success_rate=0.2), row(2), row(3, eval_success_rate=0.9)]
    assert reached(evaluated, "eval/success_rate", 0.8) == Budget(3, 30, 300, 1.5)


def test_runs_are_compared_by_success_where_there_is_any() -> None:
    def of(**metrics: float) -> Record:
        return Record([row(1, **metrics)], None, [])

    everything = {"eval_success_rate": 0.5, "eval_reward_mean": 1.0, "rollout_success_rate": 0.2}
    assert choose_metric([of(**everything)]) == "eval/success_rate"
    assert choose_metric([of(**everything), of(rollout_success_rate=0.1)]) == "rollout/success_rate"
    # a staged reward, whose policy never succeeds
    staged = [
        of(rollout_success_rate=0.0, rollout_reward_mean=1.5),
        of(rollout_success_rate=0.0, rollout_reward_mean=2.0),
    ]
    assert (choose_metric(staged), choose_curve(staged)) == ("rollout/reward_mean", "rollout/reward_mean")
    assert (choose_metric([of(rollout_success_rate=0.0)]), choose_metric([])) == ("rollout/success_rate", None)
    assert choose_curve([of(**everything)]) == "rollout/success_rate"
    assert choose_curve([of(eval_success_rate=0.5)]) == "eval/success_rate"  # supervised fine-tuning
    assert choose_metric([of(rollout_success_rate=0.5), of(eval_success_rate=0.5)]) is None


def test_what_was_spent_is_added_up_from_the_rows(tmp_path: Path) -> None:
    rows = [
        {"iteration": 1, "rollout/episodes": 3.0, "throughput/env_steps_per_second": 64 / 0.7, "time/rollout": 0.7},
        {"iteration": 2, "rollout/episodes": 0.0, "throughput/env_steps_per_second": 64 / 0.3, "time/rollout": 0.3},
        {"iteration": 3, "rollout/reward_mean": None, "throughput/env_steps_per_second": 61 / 0.9, "time/rollout": 0.9},
    ]
    lines = [json.dumps(tree | {"time/iteration": 30.0}) for tree in rows]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"iteration": 4, "roll']))  # killed while writing
    found = read_record(tmp_path)
    assert [(r.iteration, r.episodes, r.env_steps, r.minutes) for r in found.rows] == [
        (1, 3, 64, 0.5),
        (2, 3, 128, 1.0),
        (3, 3, 189, 1.5),
    ]
    assert "rollout/reward_mean" not in found.rows[2].metrics
    assert (found.evaluation, found.notices) == (None, [])
    assert read_record(tmp_path / "nowhere").rows == []
