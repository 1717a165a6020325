"""Learning rates, moments, and the steps and weights that are refused."""

import math

import pytest
import reach_toy
import torch
from gymnasium import spaces
from torch import nn

from vla_trainer.config.schema import Actor
from vla_trainer.errors import PolicyError, TrainingDivergedError
from vla_trainer.update.optimizer import StepGuard, check_weights, make_optimizer, move_moments, set_learning_rates

SPACES = (spaces.Dict(state=spaces.Box(-1, 1, (4,))), spaces.Box(-1, 1, (reach_toy.CHUNK, reach_toy.DIMS)))
GOOD = {"loss": 0.1, "value_loss": 2.0, "grad_norm": 1e30}


def test_learning_rates_are_per_group() -> None:
    policy = reach_toy.TokenPolicy(*SPACES)
    optimizer = make_optimizer(policy, Actor(lr=1e-3, critic_lr=1e-2))
    assert [group["lr"] for group in optimizer.param_groups] == [1e-3, 1e-2]
    without = reach_toy.TokenPolicy(*SPACES, critic=False)
    with pytest.raises(PolicyError, match="names no critic"):
        make_optimizer(without, Actor(critic_lr=1e-2))


def test_both_rates_are_scaled() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "name": name} for name in ("actor", "critic")]
    optimizer = torch.optim.AdamW(groups)
    set_learning_rates(optimizer, Actor(lr=1e-3, critic_lr=1e-2), 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [5e-4, 5e-3]
    set_learning_rates(optimizer, Actor(lr=1e-3), 0.1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-4, 1e-4])


def test_moments_move_and_counts_stay() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step()
    state = optimizer.state[weight]
    before = state["exp_avg"].clone()
    move_moments(optimizer, "cpu")
    torch.testing.assert_close(state["exp_avg"], before)
    optimizer.step()  # as if they had not moved
    move_moments(optimizer, "meta")  # a device that every machine has
    assert {name: value.device.type for name, value in state.items()} == {
        "step": "cpu",
        "exp_avg": "meta",
        "exp_avg_sq": "meta",
    }


def test_steps_in_a_row_are_counted_and_a_good_one_starts_again() -> None:
    guard = StepGuard(3)
    steps = [GOOD, {**GOOD, "grad_norm": math.nan}, {**GOOD, "loss": math.inf}, GOOD, {**GOOD, "value_loss": math.nan}]
    assert [guard.allows(step) for step in steps] == [True, False, False, True, False]
    assert guard.in_a_row == 1
    assert not guard.allows({"grad_norm": math.inf, "loss": 0.0})
    with pytest.raises(TrainingDivergedError, match=r"3 optimizer steps in a row .*max_skipped_steps=3.* loss is nan$"):
        guard.allows({"grad_norm": 1.0, "loss": math.nan})
    assert TrainingDivergedError.exit_code == 1


def test_weights_that_are_not_finite_are_an_error() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.requires_grad_(False)
    check_weights(layer, "the weights")
    layer.weight[0, 1] = math.nan
    with pytest.raises(TrainingDivergedError, match="the weights are not finite: weight"):
        check_weights(layer, "the weights")
    check_weights(layer, "the weights", trained_only=True)  # it is frozen
    layer.weight.requires_grad_(True)
    with pytest.raises(TrainingDivergedError, match="the weights are not finite: weight"):
        check_weights(layer, "the weights", trained_only=True)
