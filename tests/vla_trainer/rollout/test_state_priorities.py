"""Which initial states training draws."""

from collections import Counter
from pathlib import Path

import known_toy
import numpy as np
import pytest

from vla_trainer.config.load import load_config
from vla_trainer.errors import ConfigError
from vla_trainer.rollout.priorities import TaskSampler
from vla_trainer.rollout.state_priorities import FLOOR, StateSampler
from vla_trainer.trainer import make_trainer
from vla_trainer.types import Episode, InitialState


def ended(task: int, state: int, successes: int, failures: int) -> list[Episode]:
    start = InitialState(0, task, state)
    return [Episode(start, float(won), 1, 8, won, won) for won in [True] * successes + [False] * failures]


def test_weights_are_the_variance_of_success() -> None:
    sampler = StateSampler({4: 4})
    assert sampler.weights(4) == pytest.approx([0.25] * 4)  # p = 1/2 of a state that nobody has met
    sampler.note([*ended(4, 0, 4, 4), *ended(4, 1, 8, 0), *ended(4, 2, 1, 7)])
    # p = 5/10, 9/10 and 2/10
    assert sampler.weights(4) == pytest.approx([0.25, 0.09, 0.16, 0.25])


def test_earlier_episodes_count_less_and_no_state_is_left_out() -> None:
    sampler = StateSampler({0: 1})
    sampler.note(ended(0, 0, 0, 8))
    sampler.note(ended(0, 0, 8, 0))
    # 8 successes of 8 + 8 / 2 episodes: p = 9/14
    assert sampler.weights(0) == pytest.approx([9 / 14 * 5 / 14])
    for _ in range(20):
        sampler.note(ended(0, 0, 64, 0))
    assert sampler.weights(0) == [FLOOR]


def test_states_are_drawn_in_proportion() -> None:
    sampler = StateSampler({0: 3})
    sampler.note([*ended(0, 0, 8, 0), *ended(0, 1, 2, 6)])
    # p = 9/10 and 3/10: weights 0.09, 0.21 and 0.25, of 0.55
    rng = np.random.default_rng(0)
    drawn = Counter(sampler.draw(rng, 0) for _ in range(20_000))
    # the deviation of a share of 20,000 is at most 0.0036
    for state, weight in enumerate((0.09, 0.21, 0.25)):
        assert drawn[state] / 20_000 == pytest.approx(weight / 0.55, abs=0.012)


@pytest.mark.parametrize("tasks", ["uniform", "prioritized"])
def test_it_joins_the_sampling_of_tasks_and_goes_on_from_its_state(tasks: str) -> None:
    one, other = (TaskSampler({0: 50, 1: 50}, tasks, "prioritized") for _ in range(2))
    episodes = [episode for state in range(49) for episode in ended(0, state, 8, 0)]
    one.note(dict(enumerate(episodes)))
    drawn = one.draw(np.random.default_rng(0), 4000, 0)
    of_first = Counter(start.init_state for start in drawn if start.task == 0)
    # 49 states of 0.09 and one of 0.25: 5.4% of the groups of task 0, not 2%
    assert of_first[49] / of_first.total() == pytest.approx(0.25 / (0.25 + 49 * 0.09), abs=0.02)
    other.restore(one.state())
    assert other.draw(np.random.default_rng(0), 4000, 0) == drawn


def test_uniform_starts_are_drawn_as_before() -> None:
    available = {0: 5, 1: 7}
    drawn = TaskSampler(available, "uniform", "uniform").draw(np.random.default_rng(5), 9, 3)
    assert drawn == TaskSampler(available, "uniform").draw(np.random.default_rng(5), 9, 3)


def test_where_it_cannot_be_used_it_says_so() -> None:
    with pytest.raises(ConfigError, match=r"rollout.starts=prioritized: .* does not list its initial states"):
        TaskSampler(None, "uniform", "prioritized")
    silent = Episode(InitialState(0, 0, 0), 0.0, 1, 8, False, None)
    with pytest.raises(ConfigError, match=r"rollout.starts=prioritized: .* does not report success"):
        TaskSampler({0: 2}, "uniform", "prioritized").note({0: silent})


def test_a_resumed_run_draws_the_same(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(known_toy.RECIPE)
    config = load_config(str(tmp_path / "recipe.yaml"), ["rollout.starts=prioritized", "rollout.episodes=80"])
    whole, parts = make_trainer(config), make_trainer(config)
    for _ in range(3):
        whole.collect()
    parts.load(whole.save(tmp_path / "checkpoints", 3, {}, None).publish())
    first, again = (
        [episode.initial_state for _, episode in sorted(trainer.collect().episodes.items())]
        for trainer in (whole, parts)
    )
    assert first == again
    whole.close()
    parts.close()
