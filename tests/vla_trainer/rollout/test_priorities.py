"""Which tasks training draws."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import known_toy
import numpy as np
import pytest

from vla_trainer.config.load import load_config
from vla_trainer.errors import ConfigError
from vla_trainer.initial_states import sample_initial_state
from vla_trainer.rollout.priorities import FLOOR, WINDOW, TaskSampler
from vla_trainer.trainer import make_trainer
from vla_trainer.types import Episode, InitialState

AVAILABLE = {2: 5, 3: 7, 9: 4}


def ended(task: int, successes: int, failures: int) -> list[Episode]:
    initial_state = InitialState(0, task, 0)
    return [Episode(initial_state, float(won), 1, 8, won, won) for won in [True] * successes + [False] * failures]


def note(sampler: TaskSampler, *episodes: list[Episode]) -> None:
    listed = [episode for each in episodes for episode in each]
    sampler.note(dict(enumerate(listed)))


def test_uniform_is_each_start_by_itself() -> None:
    sampler = TaskSampler(AVAILABLE, "uniform")
    note(sampler, ended(2, 9, 0))
    rng = np.random.default_rng(3)
    assert sampler.draw(np.random.default_rng(3), 4, 2) == [sample_initial_state(rng, AVAILABLE) for _ in range(6)]


def test_a_task_that_fails_more_is_drawn_more() -> None:
    sampler = TaskSampler(AVAILABLE, "prioritized")
    assert set(sampler.weights().values()) == {0.5}
    # 3 of 8: 1 - 4/10; 0 of 6: 1 - 1/8; 30 of 30: 1 - 31/32, less than the floor
    note(sampler, ended(2, 3, 5), ended(3, 0, 6), ended(9, 30, 0))
    assert sampler.weights() == pytest.approx({2: 0.6, 3: 0.875, 9: FLOOR})
    # of 67 groups 0.6, 0.875 and 0.2 in 1.675 are 24, 35 and 8; of 10 further ones 3.6, 5.2 and 1.2
    drawn = sampler.draw(np.random.default_rng(0), 67, 10)
    assert Counter(initial_state.task for initial_state in drawn[:67]) == {2: 24, 3: 35, 9: 8}
    further = Counter(initial_state.task for initial_state in drawn[67:])
    assert (further[2] in (3, 4), further[3] in (5, 6), further[9] in (1, 2)) == (True, True, True)
    assert all(0 <= initial_state.init_state < AVAILABLE[initial_state.task] for initial_state in drawn)
    assert len({initial_state.seed for initial_state in drawn}) == 77
    tasks = [initial_state.task for initial_state in drawn[:67]]
    assert tasks != sorted(tasks)  # the further ones, too, are of any task from the first on


def test_only_the_latest_episodes_count() -> None:
    sampler = TaskSampler({0: 1}, "prioritized")
    note(sampler, ended(0, WINDOW, 0))
    note(sampler, ended(0, 0, WINDOW // 2))
    # half of the window are the new failures: 33 of 66
    assert sampler.weights() == pytest.approx({0: 0.5})


def test_it_goes_on_from_its_state() -> None:
    one, other = (TaskSampler(AVAILABLE, "prioritized") for _ in range(2))
    note(one, ended(2, 3, 5), ended(9, 1, 0))
    other.restore(one.state())
    assert one.draw(np.random.default_rng(1), 8, 0) == other.draw(np.random.default_rng(1), 8, 0)


def test_an_environment_without_tasks_or_success_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"task_sampling=prioritized: .*does not list its tasks; allowed: uniform"):
        TaskSampler(None, "prioritized")
    silent = [replace(episode, success=None) for episode in ended(2, 1, 0)]
    with pytest.raises(ConfigError, match="does not report success; allowed: uniform"):
        note(TaskSampler(AVAILABLE, "prioritized"), silent)
    rng = np.random.default_rng(3)
    expected = [sample_initial_state(rng, None), sample_initial_state(rng, None)]
    assert TaskSampler(None, "uniform").draw(np.random.default_rng(3), 2, 0) == expected


def test_a_run_turns_to_what_fails_and_a_resumed_one_draws_the_same(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(known_toy.RECIPE)
    told = ["rollout.task_sampling=prioritized", "rollout.episodes=80"]
    config = load_config(str(tmp_path / "recipe.yaml"), told)
    whole = make_trainer(config)
    groups = [Counter(e.initial_state.task for e in whole.collect().episodes.values()) for _ in range(2)]
    assert set(groups[0].values()) == {8}  # 80 episodes in groups of 4: two groups of each of the ten tasks
    # task 9 succeeds from 45 of its 50 states and task 0 from none, whoever acts
    assert groups[1][0] > groups[1][9]
    path = whole.save(tmp_path / "checkpoints", 2, {}, None).publish()
    parts = make_trainer(config)
    parts.load(path)
    first, again = (
        [episode.initial_state for _, episode in sorted(b.collect().episodes.items())] for b in (whole, parts)
    )
    assert first == again
    whole.close()
    parts.close()
