"""Which tasks a command line means."""

import pytest

from libero_gym.cli.task_options import chosen_tasks
from libero_gym.errors import OptionError, TaskError


def places(suites, names=None):
    return [(task.suite, task.index) for task in chosen_tasks(suites, names)]


def test_each_task_once_in_the_order_of_the_suites():
    assert places(["goal"], ["7", "1", "turn_on_the_stove"]) == [("libero_goal", 1), ("libero_goal", 7)]
    assert places(["goal", "spatial", "libero_goal"])[9:11] == [("libero_goal", 9), ("libero_spatial", 0)]


def test_the_union_is_130_tasks_by_their_numbers_among_all():
    assert len(places(["130"])) == len(places(["goal", "130"])) == 130
    # 20 tasks of libero_spatial and libero_object come before libero_goal, 40 with libero_goal and libero_10 before
    # libero_90.
    assert places(["130"], ["40", "21"]) == [("libero_goal", 1), ("libero_90", 0)]
    with pytest.raises(TaskError, match=r"unknown task '130' in libero/130-v0; allowed: 0\.\.129"):
        chosen_tasks(["130"], ["130"])
    with pytest.raises(OptionError, match="--task 1 with 2 suites"):
        chosen_tasks(["130", "goal"], ["1"])
