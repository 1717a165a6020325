"""The table of metrics."""

import pytest

from vla_trainer.errors import UnknownMetricError
from vla_trainer.metrics import METRICS, check, table, wilson_interval

CONTRACT = [
    "actor/loss",
    "actor/value_loss",
    "actor/entropy",
    "actor/grad_norm",
    "actor/lr",
    "actor/approx_kl",
    "actor/clip_fraction",
    "rollout/reward_mean",
    "rollout/reward_std",
    "rollout/episode_length",
    "rollout/success_rate",
    "rollout/useful_step_fraction",
    "env/success_rate",
    "env/step_reward",
    "env/termination_rate",
    "eval/success_rate",
    "throughput/env_steps_per_second",
]


def test_every_metric_of_the_contract_is_defined_and_in_the_docs_table() -> None:
    assert set(CONTRACT) <= set(METRICS)
    assert all(f"| `{name}` |" in table() for name in METRICS)


def test_an_unknown_metric_is_an_error() -> None:
    check({"actor/loss": 0.0, "eval/success_rate/open the drawer": 1.0, "rollout/success_rate/open the drawer": 1.0})
    with pytest.raises(UnknownMetricError, match='did you mean "actor/loss"'):
        check({"actor/los": 0.0})


def test_wilson_interval() -> None:
    # 8 of 10 at 95%: (0.8 + 0.19207 -+ 1.95996 sqrt(0.016 + 0.0096036)) / 1.38415 = 0.49016, 0.94332 (Wilson 1927)
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.49016, abs=1e-4)
    assert high == pytest.approx(0.94332, abs=1e-4)
    assert wilson_interval(0, 0) == (0, 1)
    assert wilson_interval(0, 10)[0] == pytest.approx(0)
    assert wilson_interval(10, 10)[1] == pytest.approx(1)
