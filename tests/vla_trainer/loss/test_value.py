"""The value loss against numbers worked out by hand."""

import pytest
import torch

from vla_trainer import loss
from vla_trainer.errors import ShapeError
from vla_trainer.loss.value import huber


def test_huber_is_half_a_square_near_zero_and_a_line_beyond() -> None:
    # delta 2: x = 1: 1/2; x = 2: 2; x = -5: 2 (5 - 1) = 8
    torch.testing.assert_close(huber(torch.tensor([1.0, 2.0, -5.0]), 2.0), torch.tensor([0.5, 2.0, 8.0]))
    assert huber(torch.tensor(-5.0), None).item() == 12.5


def test_the_worse_of_clipped_and_unclipped() -> None:
    # V_old = 0, V = 1, R = 2, eps 0.2: V_clipped = 0.2; max(1/2, 1.8^2 / 2 = 1.62) = 1.62
    # V_old = 0, V = 1, R = 0.3:         max(0.7^2 / 2 = 0.245, 0.1^2 / 2)    = 0.245; mean 0.9325; both moved further
    values, old, returns = torch.ones(2), torch.zeros(2), torch.tensor([2.0, 0.3])
    value, metrics = loss.value_loss(values, old, returns, torch.tensor([True, True]), 0.2, 10.0)
    assert value.item() == pytest.approx((1.62 + 0.245) / 2)
    assert metrics["value_clip_fraction"] == 1


def test_the_mask_and_no_clip() -> None:
    values = torch.tensor([[1.0, float("nan")]], requires_grad=True)
    value, _ = loss.value_loss(
        values, torch.zeros(1, 2), torch.tensor([[3.0, 9.0]]), torch.tensor([[True, False]]), None, None
    )
    value.backward()
    assert value.item() == pytest.approx(2.0)
    torch.testing.assert_close(values.grad, torch.tensor([[-2.0, 0.0]]))


def test_shapes_are_checked() -> None:
    with pytest.raises(ShapeError):
        loss.value_loss(torch.zeros(2), torch.zeros(3), torch.zeros(2), torch.ones(2) > 0, None, None)
