"""The mean over episodes that RLinf and SimpleVLA-RL compute, each spelled out from how it is computed there."""

import torch
from torch import Tensor

from vla_trainer import loss
from vla_trainer.algorithms import GRPO
from vla_trainer.config.load import load_config, recipe_names

T, N, C, A = 6, 5, 4, 3
LENGTHS = torch.tensor([T * C, T * C, 9, 2, 17])
"""Actions until each episode ends; the first two last to the limit."""


def rollout() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities (T, N, K), new and old, advantages (N,), mask (T, N, K); float64."""
    generator = torch.Generator().manual_seed(0)
    old = torch.randn(T, N, C * A, generator=generator, dtype=torch.float64)
    new = old + 0.3 * torch.randn(old.shape, generator=generator, dtype=torch.float64)
    advantages = torch.tensor([-1.0, -0.5, 1.2, 2.0, 0.1], dtype=torch.float64)
    action = torch.arange(T * C).reshape(T, 1, C).expand(T, N, C)
    mask = (action < LENGTHS[:, None]).repeat_interleave(A, dim=2)
    return new.requires_grad_(), old, advantages, mask


def per_token(new: Tensor, old: Tensor, advantages: Tensor) -> Tensor:
    """-min(A rho, A clip(rho, 0.8, 1.28)), (T, N, K)."""
    rho, wide = (new - old).exp(), advantages[:, None]
    return -torch.minimum(wide * rho, wide * rho.clamp(0.8, 1.28))


def rlinf(new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """RLinf a3816b5, `masked_mean_ratio` (rlinf/utils/utils.py) as the embodied worker calls it: a plain mean over all
    entries, those under the mask as 0, each divided by its episode's share of the time limit, L / (T C)."""
    share = (LENGTHS.double() / (T * C))[:, None]
    return (torch.where(mask, per_token(new, old, advantages), 0.0) / share).mean()


def simple_vla_rl(new: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """SimpleVLA-RL 7c51662, `update_policy` (verl/workers/actor/dp_rob.py): a trajectory is a micro-batch, cut into
    parts; a part's token mean counts by its tokens over the trajectory's, and the trajectory as 1 / N."""
    losses = per_token(new, old, advantages)
    total = torch.zeros((), dtype=torch.float64)
    for n in range(N):
        for part in torch.arange(T).split(2):
            tokens = mask[part, n]
            if tokens.any():
                total = total + losses[part, n][tokens].mean() * tokens.sum() / mask[:, n].sum() / N
    return total


def value_and_gradient(value: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    return value, torch.autograd.grad(value, new)[0]


def test_episode_mean_is_what_both_compute() -> None:
    new, old, advantages, mask = rollout()
    wide = advantages.expand(T, N)
    ours = loss.policy_loss(new, old, wide, mask, 0.2, 0.28, aggregate="episode-mean")[0]
    value, gradient = value_and_gradient(ours, new)
    for theirs in (rlinf, simple_vla_rl):
        expected, slope = value_and_gradient(theirs(new, old, advantages, mask), new)
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-9)
        torch.testing.assert_close(gradient, slope, rtol=0, atol=1e-9)
    # and what the mean over tokens is not: its gradient points elsewhere
    other = loss.policy_loss(new, old, wide, mask, 0.2, 0.28)[0]
    _, slope = value_and_gradient(other, new)
    cosine = (slope * gradient).sum() / slope.norm() / gradient.norm()
    assert cosine < 0.95


def test_the_shares_of_a_batch_are_the_same() -> None:
    # as the update computes them, in float32: rows are the policy steps that were taken
    new, old, advantages, mask = rollout()
    rows = mask.any(-1).flatten().nonzero().squeeze(1)
    episode = torch.arange(N).repeat(T)[rows]
    new_rows, old_rows, valid = (grid.reshape(T * N, -1)[rows] for grid in (new, old, mask))
    weights = loss.aggregation_weights(episode, "episode-mean", valid.sum(-1))
    ours, _ = loss.policy_loss(new_rows, old_rows, advantages[episode], valid, 0.2, 0.28, weights=weights)
    torch.testing.assert_close(ours, rlinf(new, old, advantages, mask), rtol=1e-6, atol=1e-7)


def test_the_recipes_of_the_field_take_it_and_the_tiny_ones_do_not() -> None:
    for name in recipe_names():
        algorithm = load_config(name, []).algorithm
        if isinstance(algorithm, GRPO):
            expected = "episode-mean" if "_grpo_openvlaoft" in name else "token-mean"
            assert algorithm.aggregate == expected, name
