"""The learning rate that follows the KL of updates: its arithmetic, undone updates, a whole run, a resume."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import hidden_state_toy
import pytest
import reach_toy
import torch
from toy_runs import go_on, rows_of, train

from vla_trainer.config.load import parse_config
from vla_trainer.config.schema import Actor
from vla_trainer.errors import ConfigError
from vla_trainer.learning_rate import LearningRateFollower
from vla_trainer.update.step_size import Backup, mean_kl, measured_rows

ADAPTIVE = ("actor.lr_schedule=adaptive", "actor.update_kl=0.01")


def follower(**keys: Any) -> LearningRateFollower:
    return LearningRateFollower(Actor(lr_schedule="adaptive", update_kl=0.01, **keys))


def test_the_factor_goes_with_the_root_of_the_kl():
    rate = follower()
    rate.follow(0.01 / 1.21, undone=False)
    assert rate.factor == pytest.approx(1.1)  # sqrt(1.21)
    rate.follow(0.01 * 1.44, undone=False)
    assert rate.factor == pytest.approx(1.1 / 1.2)  # sqrt(1.44)


def test_it_changes_by_a_half_at_most_and_stays_within_its_range():
    rate = follower()
    rate.follow(1e-9, undone=False)
    assert rate.factor == 1.5
    rate.follow(0.0, undone=False)
    assert rate.factor == 2.25
    rate.follow(100.0, undone=False)
    assert rate.factor == pytest.approx(1.5)
    rate.follow(100.0, undone=True)
    assert rate.factor == pytest.approx(0.75)
    for _ in range(50):
        rate.follow(100.0, undone=False)
    assert rate.factor == 0.02
    for _ in range(50):
        rate.follow(0.0, undone=False)
    assert rate.factor == 50.0


def test_the_kl_of_two_normal_distributions():
    # KL(N(0, 1), N(m, 1)) = m^2 / 2 = 0.02 for m = 0.2; of 200,000 samples, the error of the mean is below 1%
    x = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    old, new = -(x**2) / 2, -((x - 0.2) ** 2) / 2
    kl = mean_kl(new, old, torch.ones(len(x), dtype=torch.int64), "token_level", 1)
    assert kl == pytest.approx(0.02, rel=0.02)


def test_tokens_that_do_not_count_are_left_out():
    new, old = torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 0.0]])
    # one action of one token counts: rho = e
    assert mean_kl(new, old, torch.tensor([1]), "token_level", 1) == pytest.approx(math.e - 2)


def test_rows_are_spread_over_a_batch():
    assert measured_rows(3).tolist() == [0, 1, 2]
    rows = measured_rows(10_000)
    assert len(rows) == len(set(rows.tolist())) == 512
    assert (rows[0], rows[-1]) == (0, 9999)


def test_a_backup_brings_back_weights_and_moments():
    policy = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=0.1)

    def step(seed: int) -> None:
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        policy(x).square().sum().backward()
        optimizer.step()

    step(0)
    backup = Backup(policy, optimizer)
    step(1)
    expected = [weight.detach().clone() for weight in policy.parameters()]
    step(2)
    backup.restore()
    step(1)  # the same step from the same weights and moments
    for weight, wanted in zip(policy.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.detach(), wanted, rtol=0, atol=0)


def trained(folder: Path, recipe: str, *overrides: str) -> list[dict[str, Any]]:
    return train(folder, recipe, *overrides)[1]


@pytest.mark.parametrize("rate", ["1e-3", "3e-2"])
def test_updates_come_to_move_the_policy_by_the_target(tmp_path, rate):
    """From a rate that is far too small, and from one that is far too large."""
    rows = trained(tmp_path, reach_toy.PPO_RECIPE, *ADAPTIVE, f"actor.lr={rate}", "trainer.iterations=30")
    last = [row["actor/update_kl"] for row in rows[-8:]]
    assert 0.3 * 0.01 < sum(last) / len(last) < 3 * 0.01
    first = float(rate)
    for before, row in pairwise(rows):
        change = min(max(math.sqrt(0.01 / before["actor/update_kl"]), 1 / 1.5), 1.5)
        wanted = min(max(before["actor/lr"] * change, first * 0.02), first * 50)
        assert row["actor/lr"] == pytest.approx(wanted)


def test_an_update_that_goes_too_far_is_undone(tmp_path):
    far = (*ADAPTIVE, "actor.lr=0.1", "actor.undo_above=4", "algorithm.epochs=4")
    rows = trained(tmp_path, hidden_state_toy.RECIPE, *far, "trainer.iterations=8")
    undone = [row["actor/undone_updates"] for row in rows]
    assert undone[0] == 1.0
    assert rows[0]["actor/update_kl"] > 0.04
    assert rows[1]["actor/lr"] == pytest.approx(0.05)
    assert undone[-1] == 0.0


def test_a_resume_goes_on_with_the_rate(tmp_path):
    settings = (*ADAPTIVE, "actor.undo_above=4", "trainer.save_every=2")
    whole = trained(tmp_path / "whole", reach_toy.PPO_RECIPE, *settings, "trainer.iterations=4")
    trained(tmp_path / "parts", reach_toy.PPO_RECIPE, *settings, "trainer.iterations=2")
    go_on(tmp_path / "parts" / "run", "trainer.iterations=4")
    assert rows_of(tmp_path / "parts" / "run") == whole


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["actor.lr_schedule=adaptive"], 'actor.lr_schedule="adaptive" needs actor.update_kl'),
        (["actor.update_kl=0.01"], 'actor.update_kl is not read by lr_schedule="constant"'),
        (["actor.undo_above=3"], 'actor.undo_above is not read by lr_schedule="constant"'),
        ([*ADAPTIVE, "actor.lr_final_fraction=0.1"], "actor.lr_final_fraction is not read by"),
    ],
)
def test_keys_that_do_not_fit_are_named(overrides, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(hidden_state_toy.RECIPE, overrides, source="test")
