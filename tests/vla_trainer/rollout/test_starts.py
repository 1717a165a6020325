"""Where episodes begin."""

import itertools

import numpy as np
import pytest

from vla_trainer.errors import ConfigError
from vla_trainer.records import Start
from vla_trainer.rollout import starts


def test_groups_have_one_start_each() -> None:
    drawn = starts.draw_groups(np.random.default_rng(0), {3: 2, 5: 40}, episodes=12, group_size=4)
    groups = [drawn[0:4], drawn[4:8], drawn[8:12]]
    assert all(len(set(group)) == 1 for group in groups)
    assert len({group[0] for group in groups}) == 3
    assert all(start.task in (3, 5) and start.init_state < {3: 2, 5: 40}[start.task] for start in drawn)


def test_the_same_generator_draws_the_same_starts() -> None:
    first = list(itertools.islice(starts.draw_forever(np.random.default_rng(1), None), 5))
    assert first == list(itertools.islice(starts.draw_forever(np.random.default_rng(1), None), 5))
    assert len(set(first)) == 5
    assert first[0].task is None


def test_evaluation_has_each_state_exactly_once() -> None:
    listed = starts.list_for_evaluation({0: 3, 4: 2}, None)
    assert [(start.task, start.init_state) for start in listed] == [(0, 0), (4, 0), (0, 1), (4, 1), (0, 2)]
    assert starts.list_for_evaluation({0: 3, 4: 2}, 2) == listed[:2]
    with pytest.raises(ConfigError, match="there are 5 start states"):
        starts.list_for_evaluation({0: 3, 4: 2}, 6)


def test_evaluation_by_seed_needs_a_number() -> None:
    assert starts.list_for_evaluation(None, 2) == [Start(0), Start(1)]
    with pytest.raises(ConfigError, match=r"eval\.episodes is missing"):
        starts.list_for_evaluation(None, None)
