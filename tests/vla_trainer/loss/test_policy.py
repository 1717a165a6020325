"""The policy loss against numbers worked out by hand."""

from math import exp

import pytest
import torch
from torch import Tensor

from vla_trainer import loss
from vla_trainer.errors import ShapeError


def log_ratio(*ratios: float) -> Tensor:
    return torch.tensor(ratios).log()


def loss_of(ratio: float, advantage: float, **changes: float | None) -> float:
    clips = {"clip_low": 0.2, "clip_high": 0.28, "dual_clip": None} | changes
    value, _ = loss.policy_loss(
        log_ratio(ratio), torch.zeros(1), torch.tensor([advantage]), torch.tensor([True]), **clips
    )
    return value.item()


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [
        (1.1, 2.0, -2.2),  # inside: -A rho
        (1.5, 2.0, -2.56),  # above, A > 0: -A (1 + 0.28)
        (0.5, 2.0, -1.0),  # below, A > 0: max(-1, -1.6) = -1: no clip in the direction that repairs
        (0.5, -2.0, 1.6),  # below, A < 0: -A (1 - 0.2)
        (1.5, -2.0, 3.0),  # above, A < 0: max(3, 2.56)
    ],
)
def test_clipping(ratio: float, advantage: float, expected: float) -> None:
    assert loss_of(ratio, advantage) == pytest.approx(expected)


def test_dual_clip_bounds_only_negative_advantages() -> None:
    assert loss_of(10.0, -2.0) == pytest.approx(20.0)
    assert loss_of(10.0, -2.0, dual_clip=3.0) == pytest.approx(6.0)  # -c A = 3 * 2
    assert loss_of(2.0, -2.0, dual_clip=3.0) == pytest.approx(4.0)  # below the bound
    assert loss_of(10.0, 2.0, dual_clip=3.0) == pytest.approx(-2.56)


def test_metrics_count_tokens() -> None:
    # B = 2, K = 2; ratios 1, 1.5, 0.5, 1; two of four are outside [0.8, 1.28]
    # k3: 0 + (0.5 - ln 1.5) + (-0.5 - ln 0.5) + 0 = -0.405465 + 0.693147 = 0.287682; / 4
    old = torch.zeros(2, 2)
    new = torch.tensor([[1.0, 1.5], [0.5, 1.0]]).log()
    _, metrics = loss.policy_loss(new, old, torch.ones(2), torch.ones(2, dtype=torch.bool), 0.2, 0.28)
    assert metrics["clip_fraction"] == pytest.approx(0.5)
    assert metrics["approx_kl"] == pytest.approx(0.287682 / 4, abs=1e-6)


def test_the_mask_hides_whatever_is_under_it() -> None:
    new = torch.tensor([[0.1, 0.2], [float("nan"), float("inf")]], requires_grad=True)
    mask = torch.tensor([True, False])
    advantages = torch.tensor([1.0, float("nan")])
    value, metrics = loss.policy_loss(new, torch.zeros(2, 2), advantages, mask, 0.2, 0.28)
    value.backward()
    # -(e^0.1 + e^0.2) / 2
    assert value.item() == pytest.approx(-(1.1051709 + 1.2214028) / 2)
    assert new.grad is not None
    assert new.grad[1].abs().sum() == 0
    assert metrics["clip_fraction"] == 0


def test_nothing_under_the_mask_is_a_loss_of_zero() -> None:
    new = torch.zeros(2, requires_grad=True)
    value, metrics = loss.policy_loss(new, torch.zeros(2), torch.ones(2), torch.zeros(2, dtype=torch.bool), 0.2, 0.28)
    value.backward()
    assert value.item() == 0
    assert metrics == {"approx_kl": 0, "clip_fraction": 0}


def test_aggregation_over_a_grid() -> None:
    # T = 2, N = 2, K = 2 at ratio 1: a token's loss is -A. Episode 0 has both steps, episode 1 only the first.
    # tokens under the mask: A = 1, 1 (t = 0, n = 0), 5, 5 (t = 0, n = 1), 3, 3 (t = 1, n = 0)
    # token-mean: (2 * 1 + 2 * 5 + 2 * 3) / 6 = 3; episode-mean: ((1 + 3) / 2 + 5) / 2 = 3.5
    zeros = torch.zeros(2, 2, 2)
    advantages = torch.tensor([[1.0, 5.0], [3.0, 100.0]])
    mask = torch.tensor([[True, True], [True, False]])
    by_token, _ = loss.policy_loss(zeros, zeros, advantages, mask, 0.2, 0.28, aggregate="token-mean")
    by_episode, _ = loss.policy_loss(zeros, zeros, advantages, mask, 0.2, 0.28, aggregate="episode-mean")
    assert by_token.item() == pytest.approx(-3)
    assert by_episode.item() == pytest.approx(-3.5)


def test_weights_over_a_batch() -> None:
    # the same grid as a batch: policy steps of episodes 0, 1, 0
    episode = torch.tensor([0, 1, 0])
    torch.testing.assert_close(loss.aggregation_weights(episode, "token-mean"), torch.full((3,), 1 / 3))
    weights = loss.aggregation_weights(episode, "episode-mean")
    torch.testing.assert_close(weights, torch.tensor([0.25, 0.5, 0.25]))
    # of two tokens a policy step each has half of its share
    weights = loss.aggregation_weights(episode, "episode-mean", torch.tensor([2, 2, 2]))
    torch.testing.assert_close(weights, torch.tensor([0.125, 0.25, 0.125]))
    zeros, everything = torch.zeros(3, 2), torch.ones(3, dtype=torch.bool)
    value, _ = loss.policy_loss(zeros, zeros, torch.tensor([1.0, 5.0, 3.0]), everything, 0.2, 0.28, weights=weights)
    assert value.item() == pytest.approx(-3.5)
    # policy steps of 2, 2 and 1 tokens: a fifth each; or half an episode each, episode 0 over 2 + 1 tokens
    entries = torch.tensor([2, 2, 1])
    torch.testing.assert_close(loss.aggregation_weights(episode, "token-mean", entries), torch.full((3,), 0.2))
    weights = loss.aggregation_weights(episode, "episode-mean", entries)
    torch.testing.assert_close(weights, torch.tensor([1 / 6, 1 / 4, 1 / 6]))


@pytest.mark.parametrize("aggregate", ["token-mean", "episode-mean"])
def test_the_gradient_does_not_depend_on_micro_batches(aggregate: str) -> None:
    generator = torch.Generator().manual_seed(0)
    old, advantages = torch.randn(10, 4, generator=generator), torch.randn(10, generator=generator)
    initial = old + 0.3 * torch.randn(10, 4, generator=generator)
    episode = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    gradients = []
    for size in (10, 3, 1):
        new = initial.clone().requires_grad_()
        weights = loss.aggregation_weights(episode, aggregate, torch.full((10,), 4))
        for rows in torch.arange(10).split(size):
            everything = torch.ones(len(rows), dtype=torch.bool)
            value, _ = loss.policy_loss(
                new[rows], old[rows], advantages[rows], everything, 0.2, 0.28, 3.0, weights=weights[rows]
            )
            value.backward()
        gradients.append(new.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_what_is_wrong_is_named() -> None:
    zeros, mask = torch.zeros(3, 2), torch.ones(3, dtype=torch.bool)
    with pytest.raises(ShapeError, match="advantages"):
        loss.policy_loss(zeros, zeros, torch.zeros(2), mask, 0.2, 0.28)
    with pytest.raises(ValueError, match="token-mean"):
        loss.policy_loss(zeros, zeros, torch.zeros(3), mask, 0.2, 0.28, aggregate="sum")


@pytest.mark.parametrize(
    ("nats", "advantage", "dual_clip", "expected", "slope"),
    [
        (100.0, -1.0, None, exp(20), 0.0),  # -A exp(clamp(100)): finite in float32, where exp(100) is not, and flat
        (100.0, -1.0, 3.0, 3.0, 0.0),  # -c A
        (100.0, 1.0, None, -1.28, 0.0),  # clipped, as any ratio above 1.28
        (-100.0, 1.0, None, -exp(-20), 0.0),
        (10.0, -1.0, None, exp(10), exp(10)),  # inside: d(-A exp(x))/dx = -A exp(x)
        (-10.0, 1.0, None, -exp(-10), -exp(-10)),
    ],
)
def test_log_ratios_are_clamped_to_20_nats(
    nats: float, advantage: float, dual_clip: float | None, expected: float, slope: float
) -> None:
    new = torch.tensor([nats], requires_grad=True)
    value, metrics = loss.policy_loss(
        new, torch.zeros(1), torch.tensor([advantage]), torch.tensor([True]), 0.2, 0.28, dual_clip
    )
    value.backward()
    assert value.item() == pytest.approx(expected)
    assert new.grad is not None
    assert new.grad.item() == pytest.approx(slope)
    # k3 of the clamped log-ratio x: exp(x) - 1 - x
    inside = max(-20.0, min(20.0, nats))
    assert metrics["approx_kl"] == pytest.approx(exp(inside) - 1 - inside)


def test_the_clamp_changes_no_ordinary_number() -> None:
    generator = torch.Generator().manual_seed(0)
    old, advantages = torch.randn(50, 4, generator=generator), torch.randn(50, generator=generator)
    new = (old + 3 * torch.randn(50, 4, generator=generator)).requires_grad_()
    value, _ = loss.policy_loss(new, old, advantages, torch.ones(50, dtype=torch.bool), 0.2, 0.28)
    # PPO's objective without a clamp, to the last bit
    plain = (new - old).exp()
    wide = advantages[:, None].expand(50, 4)
    terms = torch.maximum(-wide * plain, -wide * plain.clamp(1 - 0.2, 1 + 0.28))
    expected = (terms * torch.full((50, 4), 1 / 200)).sum()
    assert torch.equal(value, expected)
    assert torch.equal(torch.autograd.grad(value, new)[0], torch.autograd.grad(expected, new)[0])
