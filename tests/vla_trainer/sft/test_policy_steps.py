"""Demonstrations as policy steps."""

import os

import numpy as np
import pytest

from vla_trainer.errors import DatasetError
from vla_trainer.sft.dataset import Demonstration
from vla_trainer.sft.policy_steps import PolicySteps, chunk_targets, foreseeable, kept_steps


def test_a_chunk_is_the_next_actions_and_the_last_one_is_repeated_past_the_end():
    actions = np.array([[1.0], [2.0], [3.0]])
    # C = 4 of T = 3: 1 2 3 and 3 again; 2 3 3 3; 3 3 3 3
    expected = [[1, 2, 3, 3], [2, 3, 3, 3], [3, 3, 3, 3]]
    assert chunk_targets(actions, 4)[..., 0].tolist() == expected
    assert chunk_targets(actions, 4).dtype == np.float32
    assert chunk_targets(actions, 1)[..., 0].tolist() == [[1], [2], [3]]


def test_no_ops_are_what_openvla_leaves_out():
    still, moving = 5e-5, 0.1
    actions = np.array(
        [
            [still, -1.0],  # first step: left out, whatever the gripper
            [moving, -1.0],  # kept
            [still, -1.0],  # the gripper as in the last kept step: left out
            [still, 1.0],  # the gripper closes: kept
            [-still, 1.0],  # left out
            [moving, 1.0],  # kept
        ]
    )
    assert kept_steps(actions, 1e-4).tolist() == [1, 3, 5]
    assert kept_steps(actions, None).tolist() == [0, 1, 2, 3, 4, 5]
    # as in the published rule, a gripper's move counts only after a step that was kept
    assert kept_steps(actions, 0.2).tolist() == []
    # of all numbers the norm: |(0.08, 0.08)| = 0.113
    assert kept_steps(np.array([[0.08, 0.08, 1.0]]), 0.1).tolist() == [0]


def demonstration(first: int, steps: int) -> Demonstration:
    numbers = np.arange(first, first + steps)
    images = np.broadcast_to(numbers[:, None, None, None], (steps, 4, 4, 3)).astype(np.uint8)
    observations = {"image": images, "state": numbers[:, None].astype(np.float32), "words": [str(n) for n in numbers]}
    return Demonstration(observations, np.stack([numbers, numbers], axis=1).astype(np.float32))


def test_policy_steps_are_gathered_as_a_vector_environment_batches_them():
    keys = ["image", "state", "words"]
    read: list[int] = []
    policy_steps = PolicySteps.read(
        [demonstration(0, 3), demonstration(10, 2)], 5, chunk=2, keys=keys, on_episode=read.append
    )
    assert len(policy_steps) == 5
    assert read == [1, 2]
    taken = policy_steps.observations(np.array([4, 0]))
    assert taken["image"].shape == (2, 4, 4, 3)
    assert taken["image"].dtype == np.uint8
    assert taken["image"][:, 0, 0, 0].tolist() == [11, 0]
    assert taken["state"].tolist() == [[11.0], [0.0]]
    assert taken["words"] == ["11", "0"]
    # a chunk ends with its episode: after 2 comes 2, not 10
    assert policy_steps.chunks[:, :, 0].tolist() == [[0, 1], [1, 2], [2, 2], [10, 11], [11, 11]]


def test_what_follows_a_disturbance_cannot_be_foreseen():
    intended = np.zeros((5, 2))
    actions = intended.copy()
    actions[1, 0], actions[2, 1], actions[4, 0] = 0.05, 0.3, -0.2  # action noise, and disturbances at 2 and 4
    # C = 3: up to the first disturbance, its own step included, actions follow from the observation; past the end
    # nothing is disturbed
    expected = [[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]]
    assert foreseeable(actions, intended, 3).tolist() == np.array(expected, dtype=bool).tolist()
    assert foreseeable(actions, intended, 1).all()


def test_intended_actions_are_imitated_where_they_are_known():
    known = demonstration(0, 3)
    intended = known.actions + np.array([0.0, 0.25], np.float32)
    demonstrations = [Demonstration(known.observations, known.actions, intended), demonstration(10, 2)]
    policy_steps = PolicySteps.read(demonstrations, 5, chunk=2, keys=["state"], imitate="intended")
    assert policy_steps.chunks[:, 0].tolist() == [[0, 0.25], [1, 1.25], [2, 2.25], [10, 10], [11, 11]]
    # each step of the first demonstration was disturbed
    assert policy_steps.learned.tolist() == [[True, False]] * 3 + [[True, True]] * 2
    executed = PolicySteps.read(demonstrations, 5, chunk=2, keys=["state"])
    assert executed.chunks[:, 0].tolist() == [[n, n] for n in (0, 1, 2, 10, 11)]
    assert executed.learned.all()


def test_steps_that_are_left_out_are_not_seen():
    policy_steps = PolicySteps.read([demonstration(0, 4)], 4, chunk=1, keys=["state"], noop_threshold=1.5)
    # actions (0, 0) and (1, 1) are below the threshold; (1, 1) has another last number, but comes first
    assert policy_steps.observations(np.arange(len(policy_steps)))["state"][:, 0].tolist() == [2.0, 3.0]


def test_observations_that_are_no_dict():
    states = np.arange(6, dtype=np.float32).reshape(3, 2)
    policy_steps = PolicySteps.read([Demonstration(states, np.zeros((3, 1)))], 3, chunk=None, keys=None)
    assert policy_steps.observations(np.array([2])).tolist() == [[4.0, 5.0]]
    assert policy_steps.chunks.shape == (3, 1, 1)


def test_nothing_but_no_ops_is_an_error():
    still = Demonstration(np.zeros((3, 2), np.float32), np.zeros((3, 2)))
    with pytest.raises(DatasetError, match="noop_threshold"):
        PolicySteps.read([still], 3, chunk=None, keys=None, noop_threshold=1e-4)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the room for images cannot be taken beforehand here")
def test_a_full_disk_is_an_error_not_a_signal(tmp_path, monkeypatch):
    # one petabyte of images, more than a file system gives
    huge = Demonstration({"image": np.zeros((1, 1024, 1024, 3), np.uint8)}, np.zeros((1, 2), np.float32))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(DatasetError, match="TMPDIR"):
        PolicySteps.read([huge], 350_000_000, chunk=1, keys=["image"])
