"""Lines through measurements, and transfers."""

import numpy as np
import pytest

from vla_trainer.errors import MeasurementError
from vla_trainer.planner import Line, Transfer, fit


def test_a_line_through_exact_points() -> None:
    found = fit([(1, 2.5), (2, 3.0), (8, 6.0)])  # 2 + n / 2
    assert (found.fixed, found.each) == pytest.approx((2.0, 0.5))
    assert found.seconds(4) == pytest.approx(4.0)


def test_least_squares() -> None:
    # means 2 and 3; each = ((-1)(-2) + 0 (1) + (1)(1)) / 2 = 1.5, fixed = 3 - 3 = 0
    found = fit([(1, 1.0), (2, 4.0), (3, 4.0)])
    assert (found.fixed, found.each) == pytest.approx((0.0, 1.5))


def test_coefficients_are_not_negative() -> None:
    # the free line is -1 + n; through the origin: (2 1 + 3 2) / (4 + 9)
    found = fit([(2, 1.0), (3, 2.0)])
    assert (found.fixed, found.each) == (0.0, pytest.approx(8 / 13))
    # quicker with more: the mean
    assert fit([(1, 3.0), (2, 1.0)]) == Line(fixed=2.0, each=0.0)


def test_no_other_allowed_line_is_nearer() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        n, seconds = rng.integers(1, 9, 6) + np.arange(6) / 10, rng.uniform(0, 5, 6)
        found = fit(list(zip(n.tolist(), seconds.tolist(), strict=True)))
        mine = ((found.fixed + found.each * n - seconds) ** 2).sum()
        for fixed, each in rng.uniform(0, 3, (200, 2)):
            assert mine <= ((fixed + each * n - seconds) ** 2).sum() + 1e-9


@pytest.mark.parametrize("points", [[], [(1, 2.0)], [(4, 2.0), (4, 3.0)], [(1, -1.0), (2, 1.0)], [(1, np.nan), (2, 1)]])
def test_points_that_give_no_line(points: list[tuple[float, float]]) -> None:
    with pytest.raises(MeasurementError, match="got"):
        fit(points)


def test_transfers() -> None:
    weights = Transfer(bytes=8e9, bytes_per_second=2e9, latency=0.5)
    assert weights.seconds == pytest.approx(4.5)
    assert weights.all_reduce_seconds(1) == 0.0
    # each of 4 ranks sends 2 * 3/4 of 8 GB
    assert weights.all_reduce_seconds(4) == pytest.approx(0.5 + 12e9 / 2e9)
    # half of that gathers them
    assert weights.ring_seconds(1) == 0.0
    assert weights.ring_seconds(4) == pytest.approx(0.5 + 6e9 / 2e9)
