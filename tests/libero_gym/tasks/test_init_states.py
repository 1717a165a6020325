"""The published initial states and their splits."""

import numpy as np
import pytest

from libero_gym.errors import InitStateError, SplitError
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import InitStates, published_states

NONE = np.empty((0, 0))


def test_train_and_eval_share_no_state():
    for task in load_suite("libero_spatial").tasks:
        evaluation, train = published_states(task)
        assert (len(evaluation), len(train)) == (50, 50)
        assert not {state.tobytes() for state in evaluation} & {state.tobytes() for state in train}


def test_all_is_eval_then_train():
    task = load_suite("libero_10").tasks[0]
    evaluation, train = published_states(task)
    everything = InitStates(task, "all", published_states(task), NONE)
    np.testing.assert_array_equal(everything[0], evaluation[0])
    np.testing.assert_array_equal(everything[50], train[0])


def test_sampled_states_serve_where_libero_publishes_none():
    task = load_suite("libero_goal").tasks[0]
    published = published_states(task)
    sampled = np.zeros((3, published[0].shape[1]))
    assert len(InitStates(task, "train", published, sampled)) == 3


def test_unknown_split_and_state_name_what_is_allowed():
    task = load_suite("libero_spatial").tasks[0]
    with pytest.raises(SplitError, match=r"'evaluation'.*allowed: eval, train, all"):
        InitStates(task, "evaluation", published_states(task), NONE)
    with pytest.raises(InitStateError, match=r"50 of split 'eval'.*allowed: 0\.\.49"):
        InitStates(task, "eval", published_states(task), NONE)[50]
