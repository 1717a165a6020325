"""Initial states, against torch's own reader of LIBERO's files."""

import pickle
import zipfile

import numpy as np
import pytest
import torch

from libero_gym.errors import InitStateError, LiberoGymError, SplitError
from libero_gym.tasks import load_suite
from libero_gym.tasks.init_states import InitStates, published_states, read_states
from libero_gym.tasks.suites import libero_folder

NONE = np.empty((0, 0))


@pytest.mark.parametrize("suite", ["libero_spatial", "libero_object", "libero_goal", "libero_10", "libero_90"])
def test_states_equal_those_that_torch_reads(suite):
    task = load_suite(suite).tasks[1]
    path = libero_folder() / "init_files" / suite / f"{task.name}.pruned_init"
    expected = torch.load(path, weights_only=False)
    np.testing.assert_array_equal(read_states(path), expected)
    assert len(InitStates(task, "eval", published_states(task), NONE)) == 50


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


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return print, ("this must not be printed",)

    path = tmp_path / "harmful.init"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harmful()))
    with pytest.raises(LiberoGymError, match=r"builtins\.print has no place"):
        read_states(path)


def test_a_truncated_file_is_named(tmp_path):
    path = tmp_path / "short.init"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(LiberoGymError, match=r"short\.init is not a file of initial states"):
        read_states(path)
