"""Rollouts of several processes are, merged, what one process collects."""

import sys
from pathlib import Path

import count_toy
import numpy as np
import pytest
import torch

from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.algorithms.queues import ListQueue, PerEnvQueue
from vla_trainer.runtime import object_store
from vla_trainer.runtime.episode_queue import GroupOrder, ListOrder
from vla_trainer.types import InitialState, Rollout

sys.path.insert(0, str(Path(__file__).parent))
from split_collection import INIT_STATES, Split, one_collector

N = 8
GRIDS = ("mask", "episode", "rewards", "lengths", "terminated", "truncated", "action_rewards", "version")


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a store has several."""
    monkeypatch.setattr(object_store, "CHUNK_BYTES", 200)


def same(split: Split, merged: Rollout, expected: Rollout) -> None:
    for name in GRIDS:
        np.testing.assert_array_equal(getattr(merged, name), getattr(expected, name), err_msg=name)
    assert torch.equal(merged.tokens, expected.tokens)
    assert torch.equal(merged.log_probs, expected.log_probs)
    assert merged.inputs.keys() == expected.inputs.keys() == {"state", "token"}
    for key in expected.inputs:
        assert torch.equal(split.opened(merged, key), expected.inputs[key])
    assert merged.episodes == expected.episodes
    assert (merged.env_steps, merged.slots) == (expected.env_steps, expected.slots)


@pytest.mark.parametrize("stages", [1, 2])
@pytest.mark.parametrize(("processes", "acting"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_a_horizon_is_that_of_one_process(processes: int, acting: int, stages: int) -> None:
    split, alone = Split(N, processes, stages, acting), one_collector(N, stages)
    queue = PerEnvQueue(11, INIT_STATES, N)
    for policy_steps in (9, 3):  # the second goes on in the middle of episodes
        queue.begin_rollout()
        expected = alone.horizon(policy_steps, queue)
        merged = split.horizon(policy_steps)
        same(split, merged, expected)
        np.testing.assert_array_equal(merged.values, expected.values)
        np.testing.assert_array_equal(merged.next_values, expected.next_values)
        # what is compared has ends of both kinds, samples that differ, and the version that acted
        assert merged.mask.all()
        assert merged.episodes
        assert len({tuple(row) for row in merged.tokens.tolist()}) == N * policy_steps
        assert (merged.version == 4).all()
        one, other = (PPO().batch(rollout) for rollout in (merged, expected))
        assert torch.equal(one.advantages, other.advantages)
        assert torch.equal(one.returns, other.returns)
    assert [sum(stream.begun) for stream in split.streams] == [
        sum(queue.begun[first + n] for first in place.first_env_indices for n in range(place.envs_per_stage))
        for place in split.places
    ]
    for each in (split, alone):
        each.close()


def test_ends_of_both_kinds_are_compared() -> None:
    # or the test above would say less than it seems to
    merged = Split(N, 2).horizon(9)
    assert merged.terminated.any()
    assert merged.truncated.any()


@pytest.mark.parametrize("stages", [1, 2])
def test_episodes_are_those_of_one_process(stages: int) -> None:
    # seeds end in 1 to 9: so many policy steps each; even ones terminate, odd ones are truncated
    listed = [InitialState(seed) for seed in (15, 12, 19, 14, 13, 18, 11, 16, 17, 12, 19, 13)]
    split, alone = Split(4, 2, stages, 2, critic=False), one_collector(4, stages, critic=False)
    merged, expected = split.episodes(ListOrder(listed, 0), (7, 5)), alone.episodes(ListQueue(listed, seed=0))
    assert merged.episodes == expected.episodes
    assert merged.env_steps == expected.env_steps == sum(initial_state.seed % 10 for initial_state in listed)
    assert merged.values is merged.next_values is None
    # which process ran an episode is another matter; in the batch, episode by episode, nothing of it is left
    one, other = (GRPO(group_size=4).batch(count_toy.grouped(rollout, 4)) for rollout in (merged, expected))
    assert torch.equal(one.tokens, other.tokens)
    assert torch.equal(one.advantages, other.advantages)
    assert torch.equal(one.episode, other.episode)
    # references were selected as tensors are
    state = one.inputs["state"].open(split.objects.__getitem__)[torch.arange(len(one))]  # type: ignore[union-attr]
    assert torch.equal(state, other.inputs["state"])
    for each in (split, alone):
        each.close()


def test_processes_that_stop_earlier_wait_to_the_end() -> None:
    # process 0 (columns 0 and 2: one of each stage) takes episodes of 1 policy step, process 1 (columns 1 and 3) has
    # what is left: 3 and 5 policy steps
    split = Split(4, 2, stages=2, critic=False)
    one, other = split.collectors
    first = one.episodes([InitialState(11), InitialState(21)])
    second = other.episodes([InitialState(13), InitialState(15)])
    merged = split.merged([first, second])
    np.testing.assert_array_equal(merged.mask.T, [[1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1] * 5])
    np.testing.assert_array_equal(
        merged.episode.T, [[0, -1, -1, -1, -1], [0, 0, 0, -1, -1], [1, -1, -1, -1, -1], [1] * 5]
    )
    np.testing.assert_array_equal(merged.version[merged.mask], 4)
    assert not merged.version[~merged.mask].any()
    # rows: by time, then by column
    assert split.opened(merged, "state").tolist() == [
        [11, 0], [13, 0], [21, 0], [15, 0], [13, 1], [15, 1], [13, 2], [15, 2], [15, 3], [15, 4],
    ]  # fmt: skip
    # 2 stages of one environment: 1 + 1 and 3 + 5 slots
    assert (merged.slots, merged.env_steps) == (10, 10)
    split.close()


def test_a_process_that_had_nothing() -> None:
    split = Split(6, 3, critic=False)
    merged = split.episodes(ListOrder([InitialState(12), InitialState(13)], 0), (2, 0, 0))
    # columns 0 and 1 are process 0's, which took both episodes; the others are there all the same, empty
    assert merged.mask.shape == (3, 6)
    assert merged.action_rewards.shape == (3, 6, 1)
    assert merged.mask.sum(0).tolist() == [2, 3, 0, 0, 0, 0]
    assert (merged.episode[:, 2:] == -1).all()
    assert split.opened(merged, "state").tolist() == [[12, 0], [13, 0], [12, 1], [13, 1], [13, 2]]
    # and where only the last one had something
    last = split.collectors[2].episodes([InitialState(11)])
    merged = split.merged([None, None, last])
    assert merged.mask.tolist() == [[False] * 4 + [True, False]]
    assert split.opened(merged, "state").tolist() == [[11, 0]]


def test_groups_that_were_run_by_several_processes() -> None:
    # two groups of 4 with equal returns each, which is no signal: one further group
    split = Split(6, 2, critic=False)
    merged = split.episodes(GroupOrder([InitialState(12), InitialState(13), InitialState(14)], 2, 4, 0, None), (9, 3))
    assert merged.resampled_groups == 1
    # process 1 had 0 to 2, and process 0, columns 0 to 2, the others
    assert set(merged.episode[:, 3:][merged.mask[:, 3:]]) == {0, 1, 2}
    assert set(merged.episode[:, :3][merged.mask[:, :3]]) == set(range(3, 12))
    assert sorted(merged.episodes) == list(range(12))
    assert [merged.episodes[number].initial_state.seed for number in (0, 4, 8)] == [12, 13, 14]


def test_films_and_sums_are_of_all_processes() -> None:
    split = Split(4, 2, critic=False)
    parts = [collector.episodes([InitialState(12), InitialState(13)]) for collector in split.collectors]
    for number, part in enumerate(parts):
        part.videos.append(f"video {number}")  # type: ignore[arg-type]
    merged = split.merged(parts)
    assert merged.videos == ["video 0", "video 1"]
    assert merged.env_steps == sum(part.env_steps for part in parts) == 2 * (2 + 3)
    assert merged.slots == sum(part.slots for part in parts) == 2 * 2 * 3
