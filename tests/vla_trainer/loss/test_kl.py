"""The penalty for leaving a reference."""

from math import exp, log

import pytest
import torch

from vla_trainer.errors import ShapeError
from vla_trainer.loss import kl_loss


def test_numbers() -> None:
    # r = reference / present = 2 and 1; the third entry is masked: ((2 - 1 - log 2) + 0) / 2
    present = torch.log(torch.tensor([[0.25, 0.5, 0.1]]))
    reference = torch.log(torch.tensor([[0.5, 0.5, 0.9]]))
    mask = torch.tensor([[True, True, False]])
    assert kl_loss(present, reference, mask).item() == pytest.approx((1 - log(2)) / 2)
    weights = torch.tensor([[0.1, 0.2, 0.7]])
    assert kl_loss(present, reference, mask, weights=weights).item() == pytest.approx(0.1 * (1 - log(2)))


def test_its_mean_over_samples_is_the_divergence() -> None:
    # KL(p || q) of p = (0.7, 0.3), q = (0.5, 0.5): 0.7 log 1.4 + 0.3 log 0.6 = 0.082283
    p, q = torch.tensor([0.7, 0.3]), torch.tensor([0.5, 0.5])
    draws = torch.multinomial(p, 200_000, replacement=True, generator=torch.Generator().manual_seed(0))[:, None]
    everything = torch.ones_like(draws, dtype=torch.bool)
    measured = kl_loss(p.log()[draws], q.log()[draws], everything)
    assert measured.item() == pytest.approx(0.7 * log(1.4) + 0.3 * log(0.6), rel=0.02)


def test_the_gradient_pulls_towards_the_reference() -> None:
    # d/dx (r - 1 - log r) with r = exp(ref - x): 1 - r
    present = torch.tensor([[0.0]], requires_grad=True)
    kl_loss(present, torch.tensor([[-1.0]]), torch.ones(1, 1, dtype=torch.bool)).backward()
    assert present.grad.item() == pytest.approx(1 - exp(-1))


def test_shapes() -> None:
    with pytest.raises(ShapeError, match="one shape"):
        kl_loss(torch.zeros(2, 3), torch.zeros(2), torch.ones(2, 3, dtype=torch.bool))


@pytest.mark.parametrize(
    ("nats", "expected", "slope"),
    [
        (100.0, exp(20) - 21, 0.0),  # r = exp(clamp(100)); beyond the clamp there is no gradient
        (-100.0, exp(-20) + 19, 0.0),
        (5.0, exp(5) - 6, 1 - exp(5)),  # d/dx (r - 1 - log r), r = exp(ref - x): 1 - r
    ],
)
def test_log_ratios_are_clamped_to_20_nats(nats: float, expected: float, slope: float) -> None:
    present = torch.zeros(1, 1, requires_grad=True)
    penalty = kl_loss(present, torch.full((1, 1), nats), torch.ones(1, 1, dtype=torch.bool))
    penalty.backward()
    assert penalty.item() == pytest.approx(expected)
    assert present.grad is not None
    assert present.grad.item() == pytest.approx(slope)
