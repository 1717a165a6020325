"""GAE against numbers worked out by hand and against the definition, term by term."""

import numpy as np
import pytest
import torch

from vla_trainer import advantage
from vla_trainer.errors import ShapeError


def one_env(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=float)[:, None]


def test_an_episode_that_goes_on() -> None:
    # gamma 0.9, lambda 0.5, no ending, V = 1, 2, 3 and 4 after the last
    # delta_2 = 3 + 0.9 * 4 - 3 = 3.6;                A_2 = 3.6
    # delta_1 = 2 + 0.9 * 3 - 2 = 2.7;                A_1 = 2.7 + 0.45 * 3.6  = 4.32
    # delta_0 = 1 + 0.9 * 2 - 1 = 1.8;                A_0 = 1.8 + 0.45 * 4.32 = 3.744
    no = one_env(0, 0, 0).astype(bool)
    advantages, returns = advantage.gae(one_env(1, 2, 3), one_env(1, 2, 3), one_env(2, 3, 4), no, no, 0.9, 0.5)
    np.testing.assert_allclose(advantages, one_env(3.744, 4.32, 3.6))
    np.testing.assert_allclose(returns, one_env(4.744, 6.32, 6.6))


def test_after_a_termination_nothing_counts() -> None:
    # terminated at t = 1: delta_1 = 2 - 2 = 0, whatever next_values holds; A_1 = 0
    # delta_0 = 1 + 0.9 * 2 - 1 = 1.8; A_0 = 1.8 + 0.45 * 0 = 1.8; t = 2 is another episode: A_2 = 3.6
    terminated = one_env(0, 1, 0).astype(bool)
    next_values = one_env(2, np.nan, 4)
    advantages, _ = advantage.gae(
        one_env(1, 2, 3), one_env(1, 2, 3), next_values, terminated, np.zeros_like(terminated), 0.9, 0.5
    )
    np.testing.assert_allclose(advantages, one_env(1.8, 0, 3.6))


def test_a_truncation_bootstraps_from_its_own_final_observation() -> None:
    # truncated at t = 1 with V(final) = 10: delta_1 = 2 + 0.9 * 10 - 2 = 9, A_1 = 9: nothing of t = 2
    # A_0 = 1.8 + 0.45 * 9 = 5.85
    truncated = one_env(0, 1, 0).astype(bool)
    advantages, _ = advantage.gae(
        one_env(1, 2, 3), one_env(1, 2, 3), one_env(2, 10, 4), np.zeros_like(truncated), truncated, 0.9, 0.5
    )
    np.testing.assert_allclose(advantages, one_env(5.85, 9, 3.6))


def test_a_termination_at_the_time_limit_is_a_termination() -> None:
    both = np.array([[True]])
    advantages, returns = advantage.gae(one_env(1), one_env(0.25), one_env(10), both, both, 0.9, 0.5)
    assert advantages.item() == 0.75
    assert returns.item() == 1.0


def test_random_grids_against_the_definition() -> None:
    rng = np.random.default_rng(0)
    steps, envs, gamma, lam = 12, 5, 0.97, 0.9
    rewards, values, next_values = rng.normal(size=(3, steps, envs))
    terminated, truncated = rng.random((2, steps, envs)) < 0.15
    expected = np.zeros((steps, envs))
    for n in range(envs):
        for t in range(steps):
            # A_t = sum over l of (gamma lambda)^l delta_{t+l}, up to the first ending
            for later in range(t, steps):
                ended, cut = terminated[later, n], truncated[later, n]
                bootstrap = 0.0 if ended else gamma * next_values[later, n]
                delta = rewards[later, n] + bootstrap - values[later, n]
                expected[t, n] += (gamma * lam) ** (later - t) * delta
                if ended or cut:
                    break
    advantages, returns = advantage.gae(rewards, values, next_values, terminated, truncated, gamma, lam)
    np.testing.assert_allclose(advantages, expected)
    np.testing.assert_allclose(returns, expected + values)


def test_torch_in_torch_out() -> None:
    ones = torch.ones(3, 2)
    advantages, returns = advantage.gae(ones, ones, ones, ones > 2, ones > 2, 0.9, 0.5)
    assert advantages.dtype == returns.dtype == torch.float32
    # delta = 1 + 0.9 - 1 = 0.9; A = 0.9, 0.9 (1 + 0.45), 0.9 (1 + 0.45 + 0.45^2)
    torch.testing.assert_close(advantages[:, 0], torch.tensor([1.48725, 1.305, 0.9]))


def test_arguments_are_not_changed_and_shapes_are_checked() -> None:
    rewards = np.ones((3, 2))
    before = rewards.copy()
    advantage.gae(rewards, rewards, rewards, rewards > 2, rewards > 2, 0.9, 0.5)
    np.testing.assert_array_equal(rewards, before)
    with pytest.raises(ShapeError, match=r"\(3, 2\).*\(2, 3\)"):
        advantage.gae(rewards, rewards.T, rewards, rewards > 2, rewards > 2, 0.9, 0.5)
