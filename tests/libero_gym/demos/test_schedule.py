"""Initial states and seeds of attempts."""

from libero_gym.demos.schedule import DemoSchedule, expert_rng, schedule_attempt
from libero_gym.tasks.suites import load_suite

TASK = load_suite("spatial").tasks[3]


def test_every_state_comes_once_before_a_state_comes_again():
    attempts = [schedule_attempt(0, TASK, number, states=5) for number in range(10)]
    states = [attempt.init_state for attempt in attempts]
    assert sorted(states[:5]) == sorted(states[5:]) == [0, 1, 2, 3, 4]
    assert states[:5] != states[5:]
    assert len({attempt.seed for attempt in attempts}) == 10


def test_an_attempt_depends_on_the_seed_the_task_and_the_number_alone():
    assert schedule_attempt(7, TASK, 4, 50) == schedule_attempt(7, TASK, 4, 50)
    others = (schedule_attempt(8, TASK, 4, 50), schedule_attempt(7, load_suite("spatial").tasks[4], 4, 50))
    assert all(other.seed != schedule_attempt(7, TASK, 4, 50).seed for other in others)
    assert expert_rng(5).random() == expert_rng(5).random() != expert_rng(6).random()


def test_how_many_attempts_there_are():
    assert DemoSchedule("spatial", per_task=5).attempt_limit == 25  # 3 * 5 + 10
    assert DemoSchedule("spatial", per_task=5, max_attempts=7).attempt_limit == 7
    assert DemoSchedule("spatial", per_task=5, keep_failures=True).attempt_limit == 5
