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


def test_the_best_iteration_is_the_first_of_equals():
    assert "best reward 4 in iteration 2" in logged([1.0, 4.0, 2.0, 4.0])


def test_success_says_more_than_reward_and_an_evaluation_most():
    out = io.StringIO()
    logger = ConsoleLogger(3, console=Console(file=out, width=120))
    logger.log(1, {"rollout/reward_mean": 5.0, "rollout/success_rate": 0.25})
    logger.log(2, {"rollout/reward_mean": 1.0, "rollout/success_rate": 0.5})
    assert logger._best() == "best success 50.0% in iteration 2"
    logger.log(3, {"rollout/reward_mean": 1.0, "rollout/success_rate": 0.0, "eval/success_rate": 0.125})
    logger.close()
    assert "best eval 12.5% in iteration 3" in out.getvalue()


def test_a_terminal_shows_the_best_beside_the_bar():
    out = io.StringIO()
    logger = ConsoleLogger(3, console=Console(file=out, width=120, force_terminal=True))
    logger.log(1, {"rollout/reward_mean": 5.0, "rollout/success_rate": 0.25, "time/iteration": 2.0})
    logger.close()
    text = out.getvalue()
    assert "0:00:04 left" in text  # two iterations of 2 s
    assert "best success 25.0% in iteration 1" in text


def test_a_long_run_is_thinned():
    rows = [line for line in logged([1.0] * 100).splitlines() if line.startswith("│")]
    # Every third of 100 iterations, and the last one.
    assert len(rows) == 34 <= MAX_ROWS
    assert rows[-1].split("│")[1].strip() == "100"
