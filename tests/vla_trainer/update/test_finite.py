"""Which steps and weights are refused."""

import math

import pytest
import torch
from torch import nn

from vla_trainer.errors import TrainingDivergedError
from vla_trainer.update.finite import StepGuard, check_weights, not_finite

GOOD = {"loss": 0.1, "value_loss": 2.0, "grad_norm": 1e30}


def test_steps_in_a_row_are_counted_and_a_good_one_starts_again() -> None:
    guard = StepGuard(3)
    steps = [GOOD, {**GOOD, "grad_norm": math.nan}, {**GOOD, "loss": math.inf}, GOOD, {**GOOD, "value_loss": math.nan}]
    assert [guard.allows(step) for step in steps] == [True, False, False, True, False]
    assert guard.in_a_row == 1
    assert not guard.allows({"grad_norm": math.inf, "loss": 0.0})
    with pytest.raises(TrainingDivergedError, match=r"3 optimizer steps in a row .*max_skipped_steps=3.* loss is nan$"):
        guard.allows({"grad_norm": 1.0, "loss": math.nan})
    assert TrainingDivergedError.exit_code == 1


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("mask", torch.tensor([0.0, -math.inf]))


def test_weights_that_cannot_be_computed_with_are_found() -> None:
    network = Network()
    assert not_finite(network) == []  # a mask may hold infinities
    check_weights(network, "the weights")
    for bad in (math.nan, math.inf, -math.inf, 1e30):  # 1e30^2 overflows float32
        with torch.no_grad():
            network.trained[1] = bad
        assert not_finite(network) == ["trained"]
        with pytest.raises(TrainingDivergedError, match="the weights are not finite: trained"):
            check_weights(network, "the weights", trained_only=True)
    with torch.no_grad():
        network.trained[1], network.frozen[0], network.mask[0] = 1e15, math.nan, math.nan
    assert not_finite(network) == ["frozen", "mask"]
    check_weights(network, "the weights", trained_only=True)


def test_a_wide_weight_is_measured_in_its_own_type() -> None:
    network = Network().double()
    with torch.no_grad():
        network.trained[0] = 1e30
    assert not_finite(network) == []


def test_a_state_is_looked_at_in_the_place_of_the_weights() -> None:
    network = Network()
    state = {**network.state_dict(), "trained": torch.full((3,), math.nan)}
    assert not_finite(network, state) == ["trained"]
    assert not_finite(network) == []
