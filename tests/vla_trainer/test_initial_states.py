"""Where episodes begin."""

import numpy as np
import pytest

from vla_trainer.errors import ConfigError
from vla_trainer.initial_states import evaluation_states, sample_initial_state
from vla_trainer.types import InitialState


def test_the_same_generator_draws_the_same_starts() -> None:
    first, again = ([sample_initial_state(rng, None) for _ in range(5)] for rng in map(np.random.default_rng, (1, 1)))
    assert first == again
    assert len(set(first)) == 5
    assert first[0].task is None


def test_evaluation_has_each_state_exactly_once() -> None:
    listed = evaluation_states({0: 3, 4: 2}, None)
    assert [(initial_state.task, initial_state.init_state) for initial_state in listed] == [
        (0, 0),
        (4, 0),
        (0, 1),
        (4, 1),
        (0, 2),
    ]
    assert evaluation_states({0: 3, 4: 2}, 2) == listed[:2]
    with pytest.raises(ConfigError, match="there are 5 initial states"):
        evaluation_states({0: 3, 4: 2}, 6)


def test_evaluation_by_seed_needs_a_number() -> None:
    assert evaluation_states(None, 2) == [InitialState(0), InitialState(1)]
    with pytest.raises(ConfigError, match=r"eval\.episodes is missing"):
        evaluation_states(None, None)
