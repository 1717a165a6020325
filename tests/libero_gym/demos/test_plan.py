"""Where attempts start."""

from libero_gym.demos.plan import Plan, expert_rng, plan_attempt
from libero_gym.tasks.suites import load_suite

TASK = load_suite("spatial").tasks[3]


def test_each_state_comes_once_before_one_comes_again():
    attempts = [plan_attempt(0, TASK, number, states=5) for number in range(10)]
    states = [attempt.init_state for attempt in attempts]
    assert sorted(states[:5]) == sorted(states[5:]) == [0, 1, 2, 3, 4]
    assert states[:5] != states[5:]
    assert len({attempt.seed for attempt in attempts}) == 10


def test_it_is_of_the_seed_the_task_and_the_number_alone():
    assert plan_attempt(7, TASK, 4, 50) == plan_attempt(7, TASK, 4, 50)
    others = (plan_attempt(8, TASK, 4, 50), plan_attempt(7, load_suite("spatial").tasks[4], 4, 50))
    assert all(other.seed != plan_attempt(7, TASK, 4, 50).seed for other in others)
    assert expert_rng(5).random() == expert_rng(5).random() != expert_rng(6).random()


def test_how_many_attempts_there_are():
    assert Plan("spatial", per_task=5).attempts == 25  # 3 * 5 + 10
    assert Plan("spatial", per_task=5, max_attempts=7).attempts == 7
    assert Plan("spatial", per_task=5, keep_failures=True).attempts == 5
