"""Where episodes begin."""

import numpy as np
import pytest

from vla_trainer.errors import ConfigError
from vla_trainer.records import Start
from vla_trainer.rollout import starts


def test_the_same_generator_draws_the_same_starts() -> None:
    first, again = ([starts.draw(rng, None) for _ in range(5)] for rng in map(np.random.default_rng, (1, 1)))
    assert first == again
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
