"""Intervals of paired differences, against closed forms and SciPy."""

import math

import pytest
from ablation_cases import evaluation
from scipy import stats

from vla_trainer.ablation.statistics import difference, pair_episodes, paired_t_interval, t_quantile
from vla_trainer.evaluation.comparison import mcnemar_exact, newcombe_paired_interval


def test_quantiles_of_one_and_two_degrees_of_freedom_are_their_closed_forms() -> None:
    # nu = 1 is Cauchy's: t = tan(pi (0.975 - 1/2)); nu = 2: P[-t < T < t] = t / sqrt(2 + t^2) = 0.95
    assert t_quantile(1) == pytest.approx(math.tan(0.475 * math.pi), abs=1e-9)
    assert t_quantile(2) == pytest.approx(0.95 * math.sqrt(2 / (1 - 0.95**2)), abs=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 29, 200])
def test_quantiles_are_those_of_scipy(freedom: int) -> None:
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-9)


def test_the_interval_is_that_of_a_paired_t_test() -> None:
    point, base = [0.8, 0.62, 0.9, 0.71], [0.7, 0.66, 0.75, 0.6]
    found = difference(point, base, None)
    expected = stats.ttest_rel(point, base).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.mean == pytest.approx(0.08)  # (0.1 - 0.04 + 0.15 + 0.11) / 4
    assert found.seeds == 4


def test_two_seeds_by_hand_and_one_seed() -> None:
    # d = 0.1, 0.3: mean 0.2, s = 0.2 / sqrt 2, s / sqrt n = 0.1, t = 12.7062
    assert paired_t_interval([0.1, 0.3]) == pytest.approx((0.2 - 1.27062, 0.2 + 1.27062), abs=1e-5)
    assert paired_t_interval([0.1]) is None
    assert paired_t_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


def test_episodes_are_pooled_over_the_seeds() -> None:
    point = [evaluation([True, True, False], 0), evaluation([True, False, True], 1)]
    base = [evaluation([True, False, False], 0), evaluation([False, True, False], 1)]
    pairs, why = pair_episodes(point, base)
    assert why is None
    assert pairs is not None
    # seed 0: both, only the point, neither; seed 1: only the point, only the base, only the point
    assert (pairs.both, pairs.only_a, pairs.only_b, pairs.neither) == (1, 3, 1, 1)
    assert pairs.difference == pytest.approx(2 / 6)
    assert pairs.difference_interval == newcombe_paired_interval(1, 3, 1, 1)
    assert pairs.p_value == mcnemar_exact(3, 1)


def test_other_episodes_give_no_pairs_but_a_reason() -> None:
    pairs, why = pair_episodes([evaluation([True, True], 0)], [evaluation([True, True], 0, first_state=1)])
    assert pairs is None
    assert why is not None
    assert why.startswith("not the same episodes: 1 of the 2 of it")
    assert pair_episodes([], []) == (None, None)
