"""What a person reads at the end of a run."""

import io

from rich.console import Console

from vla_trainer.loggers.console import MAX_ROWS, ConsoleLogger


def logged(rewards):
    out = io.StringIO()
    logger = ConsoleLogger(len(rewards), console=Console(file=out, width=120))
    for iteration, reward in enumerate(rewards, start=1):
        logger.log(iteration, {"rollout/reward_mean": reward, "actor/loss": 0.5})
    logger.close()
    return out.getvalue()


def test_a_line_an_iteration_and_a_table():
    text = logged([1.0, 2.0, 4.0])
    assert "iteration 2/3  reward 2  loss 0.5" in text
    assert "value loss" not in text  # a metric that no iteration has gets no column
    # One of three iterations stands for the beginning and one for the end.
    assert "mean reward of the first 1 iterations 1, of the last 1 4" in text


def test_beginning_and_end_are_means_over_five():
    # First five: (1 + 2 + 3 + 4 + 5) / 5 = 3; last five: (8 + 9 + 10 + 11 + 12) / 5 = 10.
    assert "first 5 iterations 3, of the last 5 10" in logged([float(i) for i in range(1, 13)])


def test_a_long_run_is_thinned():
    rows = [line for line in logged([1.0] * 100).splitlines() if line.startswith("│")]
    # Every third of 100 iterations, and the last one.
    assert len(rows) == 34 <= MAX_ROWS
    assert rows[-1].split("│")[1].strip() == "100"
