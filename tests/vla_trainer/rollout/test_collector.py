"""The collector in environments where every number is known (see count_toy)."""

import count_toy
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

from vla_trainer.algorithms import GRPO, PPO
from vla_trainer.config.schema import Env
from vla_trainer.errors import PolicyError
from vla_trainer.rollout.collector import Collector
from vla_trainer.rollout.envs import make_envs
from vla_trainer.rollout.sampling import PolicySampler
from vla_trainer.types import InitialState, Rollout

BOTH = pytest.mark.parametrize("env_id", ["toy/Count-v0", "toy/CountVector-v0"])


def make(env_id: str, num_envs: int, critic: bool = True) -> tuple[VectorEnv, count_toy.CountPolicy, Collector]:
    envs = make_envs(Env(id=env_id), num_envs)
    policy = count_toy.CountPolicy(critic)
    return envs, policy, Collector(envs, PolicySampler(policy))


def seeds(*numbers: int) -> list[InitialState]:
    return [InitialState(number) for number in numbers]


def states_of(rollout: Rollout, number: int) -> list[list[float]]:
    """The observations that the policy acted on in one episode, in order."""
    return rollout.inputs["state"][rollout.episode[rollout.mask] == number].tolist()


@BOTH
def test_a_horizon_bootstraps_truncations_and_not_terminations(env_id: str) -> None:
    # environment 0: seed 12 (2 policy steps, terminates), then seed 23 (3 policy steps, truncated)
    # environment 1: seed 13 (3 policy steps, truncated), then seed 15, of which the horizon T = 4 shows 1 of 5
    _, _, collector = make(env_id, 2)
    rollout = collector.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    assert rollout.mask.all()
    assert rollout.slots == rollout.env_steps == 8
    np.testing.assert_array_equal(rollout.rewards.T, [[1, 2, 1, 2], [1, 2, 3, 1]])
    np.testing.assert_array_equal(rollout.terminated.T, [[0, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(rollout.truncated.T, [[0, 0, 0, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(rollout.values.T, [[1200, 1201, 2300, 2301], [1300, 1301, 1302, 1500]])
    # after a step that ended nothing: the next row, or beyond the horizon the present observation;
    # terminated: 0; truncated: V(final) = 1303, not the next episode's 1500
    np.testing.assert_array_equal(rollout.next_values.T, [[1201, 0, 2301, 2302], [1301, 1302, 1303, 1501]])
    assert [rollout.episodes[number].episode_return for number in (0, 1)] == [3, 6]
    assert [rollout.episodes[number].terminated for number in (0, 1)] == [True, False]
    assert set(rollout.episodes) == {0, 1}


@BOTH
def test_the_next_horizon_goes_on_where_the_last_one_stopped(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    stream = count_toy.Stream(seeds(12, 13, 23, 15, 14))
    collector.horizon(4, stream)
    rollout = collector.horizon(2, stream)
    # environment 0: the third policy step of seed 23, then seed 14; environment 1: seed 15 goes on
    np.testing.assert_array_equal(rollout.rewards.T, [[3, 1], [2, 3]])
    np.testing.assert_array_equal(rollout.next_values.T, [[2303, 1401], [1502, 1503]])
    assert rollout.episodes[0].episode_return == 6
    assert rollout.episodes[0].policy_steps == 3


@BOTH
def test_a_batch_is_the_grid_under_the_mask_in_order(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    rollout = collector.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    batch = PPO(gamma=1.0, lam=0.0, normalize_advantages=False).batch(rollout)
    assert batch.inputs["state"].tolist() == [
        [12, 0], [13, 0], [12, 1], [13, 1], [23, 0], [13, 2], [23, 1], [15, 0],
    ]  # fmt: skip
    torch.testing.assert_close(batch.log_probs, -batch.tokens)
    # lambda 0, gamma 1: A = r + V' - V
    expected = [1 + 1, 1 + 1, 2 - 1201, 2 + 1, 1 + 1, 3 + 1, 2 + 1, 1 + 1]
    torch.testing.assert_close(batch.advantages, torch.tensor(expected, dtype=torch.float32))
    assert batch.episode.tolist() == [0, 1, 0, 1, 2, 1, 2, 3]


@BOTH
def test_a_time_limit_that_belongs_to_the_task_ends_what_follows(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    rollout = collector.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    told = PPO(gamma=1.0, lam=1.0, normalize_advantages=False, bootstrap_time_limit=False)
    batch = told.batch(rollout)
    # lambda 1, gamma 1: A is what is still to come less V. Seed 13 was cut after rewards 1, 2, 3, with V 1300, 1301,
    # 1302: nothing follows. Seeds 23 and 15 go on beyond the horizon, where V is 2302 and 1501.
    assert batch.advantages[[1, 3, 5]].tolist() == [6 - 1300, 5 - 1301, 3 - 1302]
    assert batch.advantages[[4, 6, 7]].tolist() == [3 + 2302 - 2300, 2 + 2302 - 2301, 1 + 1501 - 1500]


@BOTH
def test_values_may_be_fitted_to_other_returns_than_advantages_are_of(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    rollout = collector.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    short = {"gamma": 1.0, "lam": 0.0, "normalize_advantages": False, "bootstrap_time_limit": False}
    batch, one_lambda = PPO(**short, critic_lam=1.0).batch(rollout), PPO(**short).batch(rollout)
    torch.testing.assert_close(batch.advantages, one_lambda.advantages)
    # what is still to come, as above: seed 13 had the rewards 1, 2, 3; seeds 23 and 15 go on with V 2302 and 1501
    assert batch.returns is not None
    assert batch.returns[[1, 3, 5, 4, 6, 7]].tolist() == [6, 5, 3, 3 + 2302, 2 + 2302, 1 + 1501]
    assert one_lambda.returns is not None
    assert one_lambda.returns[[1, 3, 5]].tolist() == [1 + 1301, 2 + 1302, 3]


@BOTH
def test_episodes_share_environments_and_finished_ones_are_not_looked_at(env_id: str) -> None:
    # three episodes of 1, 4 and 3 policy steps in two environments: 0 takes the third when it has finished the first
    _envs, policy, collector = make(env_id, 2, critic=False)
    rollout = collector.episodes(seeds(11, 14, 13))
    np.testing.assert_array_equal(rollout.episode.T, [[0, 2, 2, 2], [1, 1, 1, 1]])
    assert rollout.mask.all()
    assert rollout.values is None
    assert [rollout.episodes[number].episode_return for number in range(3)] == [1, 10, 6]
    assert policy.looked_at == 8
    assert states_of(rollout, 2) == [[13, 0], [13, 1], [13, 2]]


@BOTH
def test_the_mask_ends_with_the_episode(env_id: str) -> None:
    _envs, policy, collector = make(env_id, 3, critic=False)
    rollout = collector.episodes(seeds(11, 14))  # the third environment has nothing to do at all
    np.testing.assert_array_equal(rollout.mask.T, [[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(rollout.episode.T, [[0, -1, -1, -1], [1, 1, 1, 1], [-1, -1, -1, -1]])
    np.testing.assert_array_equal(rollout.rewards.T, [[1, 0, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]])
    assert rollout.truncated.sum() == 1
    assert rollout.terminated.sum() == 1
    assert policy.looked_at == len(rollout.tokens) == rollout.mask.sum() == 5
    # 4 policy steps of 3 environments, of which 5 were used
    assert rollout.slots == 12


@BOTH
def test_each_episode_s_decisions_are_there_when_it_ends(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    ended = {}
    # 2, 3, 1 and 4 policy steps in two environments
    rollout = collector.episodes(seeds(12, 13, 11, 14), ended.__setitem__)
    assert list(ended) == [0, 1, 2, 3] or list(ended) == [0, 2, 1, 3]
    lengths = torch.from_numpy(rollout.lengths[rollout.mask])
    for number, rows in ended.items():
        mine = torch.from_numpy(rollout.episode[rollout.mask] == number)
        assert len(rows.tokens) == rollout.episodes[number].policy_steps
        torch.testing.assert_close(rows.tokens, rollout.tokens[mine])
        torch.testing.assert_close(rows.log_probs, rollout.log_probs[mine])
        torch.testing.assert_close(rows.inputs["state"], rollout.inputs["state"][mine])
        torch.testing.assert_close(rows.lengths, lengths[mine])
        assert rows.chunk == rollout.action_rewards.shape[-1]


def test_groups_without_a_signal_are_dropped() -> None:
    _, _, collector = make("toy/CountVector-v0", 2, critic=False)
    # group 0: returns 3 and 6; group 1: 3 and 3
    rollout = collector.episodes(seeds(12, 13, 22, 12))
    batch = GRPO(group_size=2).batch(count_toy.grouped(rollout, 2))
    assert set(batch.episode.tolist()) == {0, 1}
    assert len(batch) == 2 + 3
    assert batch.informative_groups == 0.5
    # mean 4.5, deviation sqrt(4.5): A = -+1.5 / 2.12132 = -+0.70711, the same for all steps of an episode
    expected = torch.where(batch.episode == 0, -0.70711, 0.70711)
    torch.testing.assert_close(batch.advantages, expected, atol=1e-4, rtol=0)
    assert len(batch.inputs["state"]) == len(batch.log_probs) == 5
    assert len(GRPO(group_size=2, keep_mean_return=(5, 9)).batch(count_toy.grouped(rollout, 2))) == 0


def test_starts_reach_the_environment() -> None:
    _, _, collector = make("toy/CountVector-v0", 2, critic=False)
    rollout = collector.episodes(
        [InitialState(11, task=3, init_state=7), InitialState(12, task=3, init_state=8), InitialState(13, 5, 1)]
    )
    found = [(rollout.episodes[number].task_id, rollout.episodes[number].init_state_id) for number in range(3)]
    assert found == [(3, 7), (3, 8), (5, 1)]
    assert [rollout.episodes[number].success for number in range(3)] == [False, True, False]


@BOTH
def test_a_snapshot_brings_running_episodes_back(env_id: str) -> None:
    _, _, collector = make(env_id, 2)
    collector.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    expected = collector.horizon(2, count_toy.Stream(seeds(14, 16)))
    _, _, another = make(env_id, 2)
    first = another.horizon(4, count_toy.Stream(seeds(12, 13, 23, 15)))
    _, _, resumed = make(env_id, 2)
    resumed.replay(another.snapshot())
    rollout = resumed.horizon(2, count_toy.Stream(seeds(14, 16)))
    assert len(first.tokens) == 8
    np.testing.assert_array_equal(rollout.rewards, expected.rewards)
    np.testing.assert_array_equal(rollout.next_values, expected.next_values)
    torch.testing.assert_close(rollout.inputs["state"], expected.inputs["state"])
    assert rollout.episodes == expected.episodes


def test_a_horizon_needs_values() -> None:
    _, _, collector = make("toy/Count-v0", 2, critic=False)
    with pytest.raises(PolicyError, match="value head"):
        collector.horizon(2, count_toy.Stream(seeds(12, 13)))


def test_little_is_spent_on_waiting() -> None:
    # 200 episodes of 1 to 9 policy steps, about 1,000 in all; 8 environments wait for the last one 8 policy steps at
    # most
    lengths = np.random.default_rng(0).integers(1, 10, 200)
    _, policy, collector = make("toy/CountVector-v0", 8, critic=False)
    rollout = collector.episodes(seeds(*(10 + int(length) for length in lengths)))
    assert rollout.mask.sum() == policy.looked_at == lengths.sum()
    assert rollout.mask.sum() / rollout.slots >= 0.95
