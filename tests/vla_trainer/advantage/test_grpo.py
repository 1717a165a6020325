"""GRPO against numbers worked out by hand."""

import numpy as np
import pytest
import torch

from vla_trainer import advantage
from vla_trainer.algorithms.queues import GroupOrder
from vla_trainer.errors import ShapeError
from vla_trainer.types import Episode, InitialState


def test_groups_are_compared_within_themselves() -> None:
    # group 7: 1, 3: mean 2, unbiased deviation sqrt(((-1)^2 + 1^2) / 1) = sqrt 2
    # group 2: 0, 0, 6: mean 2, unbiased deviation sqrt((4 + 4 + 16) / 2) = sqrt 12
    returns = np.array([1.0, 0.0, 3.0, 0.0, 6.0])
    group = np.array([7, 2, 7, 2, 2])
    advantages, informative = advantage.grpo(returns, group)
    a, b = 1 / (2**0.5 + 1e-6), 2 / (12**0.5 + 1e-6)
    np.testing.assert_allclose(advantages, [-a, -b, a, -b, 2 * b])
    assert informative.all()
    assert informative.dtype == bool


def test_a_group_of_equals_carries_no_signal() -> None:
    advantages, informative = advantage.grpo(np.array([5.0, 5.0, 0.0, 1.0, 3.0]), np.array([0, 0, 1, 1, 2]))
    np.testing.assert_array_equal(informative, [False, False, True, True, False])
    np.testing.assert_array_equal(advantages[[0, 1, 4]], 0)


def test_torch_in_torch_out() -> None:
    advantages, informative = advantage.grpo(torch.tensor([0.0, 1.0]), torch.tensor([0, 0]))
    assert advantages.dtype == torch.float32
    assert informative.dtype == torch.bool
    # mean 0.5, deviation sqrt(0.5)
    torch.testing.assert_close(advantages, torch.tensor([-0.70711, 0.70711]), atol=1e-5, rtol=0)


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError):
        advantage.grpo(np.zeros(3), np.zeros(2))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_groups_against_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    episodes = 60
    # few numbers of groups and few different returns, so that there are groups of one and groups of equals
    group = rng.integers(0, 25, episodes)
    returns = rng.choice([0.0, 0.0, 5.0, 3.7], episodes)
    expected, informative = [], []
    for i in range(episodes):
        members = [returns[j] for j in range(episodes) if group[j] == group[i]]
        mean = sum(members) / len(members)
        equal = all(member == members[0] for member in members)
        deviation = 1.0 if equal else (sum((member - mean) ** 2 for member in members) / (len(members) - 1)) ** 0.5
        expected.append(0.0 if equal else (returns[i] - mean) / (deviation + 1e-6))
        informative.append(not equal)
    assert 0 < sum(informative) < episodes
    advantages, found = advantage.grpo(returns, group)
    np.testing.assert_allclose(advantages, expected, atol=1e-12)
    np.testing.assert_array_equal(found, informative)
    # neither the scale nor the offset of the returns matters, but for the 1e-6
    moved, _ = advantage.grpo(100 * returns - 7, group)
    np.testing.assert_allclose(moved, advantages, atol=1e-5)


def test_returns_that_are_equal_up_to_rounding_have_no_variance() -> None:
    # 0.1 three times, added in two orders with a 1 that cancels: 0.30000000000000004 and 0.3000000000000003
    one, other = 0.1 + 0.1 + 0.1, (1 + 0.1 + 0.1 + 0.1) - 1
    assert one != other
    # and in float32, as environments give rewards: sums of the same rewards in two orders differ by some 1e-7 of them
    rewards = np.random.default_rng(0).uniform(0, 1, 200).astype(np.float32)
    forth, back = (float(np.add.accumulate(part)[-1]) for part in (rewards, rewards[::-1]))
    assert forth != back
    group = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    returns = np.array([one, other, forth, back, 0.0, 1e-5, 100.0, 100.001])
    advantages, informative = advantage.grpo(returns, group)
    # 1e-6 + 1e-6 max |return|: 2e-6 or so for the first, 1e-4 for the second; 1e-5 > 1e-6 and 1e-3 > 1.01e-4 are signal
    assert informative.tolist() == [False] * 4 + [True] * 4
    assert advantages[:4].tolist() == [0.0] * 4
    # two returns apart by d: (d / 2) / (d / sqrt(2) + 1e-6)
    for at, d in ((4, 1e-5), (6, 1e-3)):
        assert advantages[at + 1] == pytest.approx((d / 2) / (d / 2**0.5 + 1e-6), rel=1e-6)


def test_the_queue_replaces_a_group_whose_returns_are_equal_up_to_rounding() -> None:
    queue = GroupOrder([InitialState(1), InitialState(2)], groups=1, group_size=2, seed=0).queue()
    for number, total in enumerate((0.1 + 0.1 + 0.1, (1 + 0.1 + 0.1 + 0.1) - 1)):
        queue.take(0)
        queue.finished(number, Episode(InitialState(1), total, 1, 1, True, None, group=0))
    assert queue.resampled == 1
