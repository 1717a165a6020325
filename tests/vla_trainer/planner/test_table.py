"""Predictions as text."""

from vla_trainer.planner import Amounts, Line, StageTimes, describe_predictions

TIMES = StageTimes(
    Line(0.01, 0.1), Line(0.05, 0.01), Line(0.1, 0.05), offload=0.5, measured_on="one GPU, 8 environments"
)
AMOUNTS = Amounts(num_envs=64, horizon=2, action_chunk=8)


def test_layouts_of_8_to_64_gpus() -> None:
    lines = describe_predictions(TIMES, AMOUNTS, "times.json").splitlines()
    assert "a prediction, not a measurement" in lines[0]
    assert "times.json (one GPU, 8 environments)" in lines[0]
    rows = [line.split() for line in lines[3:]]
    suggested = [row for row in rows if row[0] == "*"]
    assert [row[1] for row in suggested] == ["8", "16", "32", "64"]
    assert len(rows) == 4 * 3
    # collocated on 8 GPUs, one stage of 8 environments, as many threads: 2 (0.01 + 0.1 + 0.05 + 0.08) + 0.13 s; an
    # update of 16 policy steps, 0.1 + 0.8 s; 0.5 s of moving
    assert ["8", "collocated", "1", "2.01", "0.61", "0.9", "0", "0.5"] in [
        [cell for cell in row if cell != "*"][:8] for row in rows
    ]


def test_sizes_that_are_left_out_are_named() -> None:
    output = describe_predictions(TIMES, Amounts(num_envs=11, horizon=1), "times.json", sizes=(2, 8, 12), rows=1)
    assert "note: 8 GPUs: env.num_envs=11 divides over no layout" in output
    assert "note: 12 GPUs are not a whole number of machines with 8" in output
    assert sum(line.startswith("*  ") for line in output.splitlines()) == 1
