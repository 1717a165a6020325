"""Learning rates and temperature over a run."""

import pytest

from vla_trainer.config.schema import Actor, RolloutConfig
from vla_trainer.schedule import lr_factor, temperature_at


def factors(actor: Actor, iterations: int) -> list[float]:
    return [lr_factor(actor, iteration, iterations) for iteration in range(1, iterations + 1)]


def test_constant() -> None:
    assert factors(Actor(), 3) == [1, 1, 1]


def test_linear_after_a_warm_up() -> None:
    # two iterations up: 1/3, 2/3; then four from 1 towards 0.2 in steps of 0.2
    actor = Actor(lr_schedule="linear", lr_warmup_iterations=2, lr_final_fraction=0.2)
    assert factors(actor, 6) == pytest.approx([1 / 3, 2 / 3, 1, 0.8, 0.6, 0.4])


def test_cosine() -> None:
    # (1 + cos(pi d)) / 2 at d = 0, 1/4, 1/2, 3/4
    assert factors(Actor(lr_schedule="cosine"), 4) == pytest.approx([1, 0.8535534, 0.5, 0.1464466], abs=1e-6)


def test_temperature_moves_on_a_line() -> None:
    # four steps of -0.1 from 1 to 0.6 after the last iteration, where it then stays
    falling = RolloutConfig(temperature=1.0, temperature_final=0.6)
    assert [temperature_at(falling, n, 4) for n in (1, 2, 3, 4, 5, 9)] == pytest.approx([1, 0.9, 0.8, 0.7, 0.6, 0.6])
    assert temperature_at(RolloutConfig(temperature=0.5, temperature_final=1.5), 2, 2) == 1.0
    assert temperature_at(RolloutConfig(temperature=1.6), 3, 4) == 1.6
