"""Rows of the report's tables."""

import pytest

from vla_trainer.evaluation.result import TaskCount
from vla_trainer.report.tables import rate_row


def test_a_rate_with_its_interval() -> None:
    row = rate_row("bowl", TaskCount("bowl", 50, 45, 0.9, (0.786, 0.957), 97.25))
    assert (row.counted, row.rate, row.steps) == ("45/50", "90.0%", "97.2")
    assert row.ends == pytest.approx((78.6, 90, 95.7))


def test_episodes_of_an_environment_without_success_are_no_successes() -> None:
    row = rate_row("all", TaskCount("all", 50, 0, None, (0.0, 1.0), 200.0))  # type: ignore[arg-type]
    assert (row.counted, row.rate, row.ends) == ("-/50", "-", None)
