"""Dr.GRPO and RLOO against numbers worked out by hand, and against plain loops over episodes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from vla_trainer import advantage
from vla_trainer.advantage.grpo import GROUP_ADVANTAGES
from vla_trainer.errors import ShapeError

RETURNS = np.array([1.0, 0.0, 3.0, 0.0, 6.0, 2.0, 2.0])
GROUP = np.array([7, 2, 7, 2, 2, 4, 4])


def test_dr_grpo_leaves_the_deviation_out() -> None:
    # group 7: 1, 3: mean 2; group 2: 0, 0, 6: mean 2; group 4: 2, 2, without variance
    advantages, informative = advantage.dr_grpo(RETURNS, GROUP)
    np.testing.assert_allclose(advantages, [-1, -2, 1, -2, 4, 0, 0])
    assert informative.tolist() == [True] * 5 + [False] * 2


def test_rloo_compares_with_the_others() -> None:
    # group 7: 1 - 3, 3 - 1; group 2: 0 - (0 + 6) / 2 twice, 6 - (0 + 0) / 2
    advantages, informative = advantage.rloo(RETURNS, GROUP)
    np.testing.assert_allclose(advantages, [-2, -3, 2, -3, 6, 0, 0])
    assert informative.tolist() == [True] * 5 + [False] * 2


def plain_dr_grpo(returns: list[float], i: int) -> float:
    return returns[i] - sum(returns) / len(returns)


def plain_rloo(returns: list[float], i: int) -> float:
    others = [other for j, other in enumerate(returns) if j != i]
    return returns[i] - sum(others) / len(others)


@pytest.mark.parametrize(("name", "plain"), [("dr_grpo", plain_dr_grpo), ("rloo", plain_rloo)])
@pytest.mark.parametrize("seed", [0, 1])
def test_random_groups_against_a_plain_loop(name: str, plain: Callable[[list[float], int], float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 25, 60)
    returns = rng.choice([0.0, 0.0, 5.0, 3.7], 60)
    expected = []
    for i in range(60):
        members = [j for j in range(60) if group[j] == group[i]]
        in_group = [returns[j] for j in members]
        equal = len(set(in_group)) == 1
        expected.append(0.0 if equal else plain(in_group, members.index(i)))
    advantages, _ = GROUP_ADVANTAGES[name](returns, group)  # type: ignore[index]
    np.testing.assert_allclose(advantages, expected, atol=1e-12)


def test_how_the_three_are_related() -> None:
    rng = np.random.default_rng(3)
    returns, group = rng.normal(size=40), np.repeat(np.arange(5), 8)
    plain, without, others = (GROUP_ADVANTAGES[name](returns, group)[0] for name in ("grpo", "dr_grpo", "rloo"))
    np.testing.assert_allclose(others, 8 / 7 * without)  # G / (G - 1)
    deviations = returns.reshape(5, 8).std(axis=1, ddof=1).repeat(8)
    np.testing.assert_allclose(plain * (deviations + 1e-6), without)
    # a baseline: within a group, each of them sums to 0
    for advantages in (plain, without, others):
        np.testing.assert_allclose(advantages.reshape(5, 8).sum(axis=1), 0, atol=1e-9)


def test_torch_in_torch_out_and_shapes_are_checked() -> None:
    for compute in GROUP_ADVANTAGES.values():
        advantages, informative = compute(torch.tensor([0.0, 1.0]), torch.tensor([0, 0]))
        assert advantages.dtype == torch.float32
        assert informative.dtype == torch.bool
        with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
            compute(np.zeros(3), np.zeros(2))
