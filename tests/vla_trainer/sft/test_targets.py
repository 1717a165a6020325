"""Demonstrated actions as targets, exactly or with noise."""

import numpy as np
import pytest
import torch

from vla_trainer.errors import PolicyError
from vla_trainer.sft.targets import Targets

# half the distance from the 1% to the 99% quantile of the first action of 101 policy steps: 0.49 x 2 and 0.49 x 4
CHUNKS = np.stack([np.linspace(-1, 1, 101), np.linspace(-2, 2, 101)], axis=-1)[:, None].repeat(3, axis=1)
ROWS = np.full(4000, 50)
"""Policy steps whose actions are 0."""


class Hundredths:
    """Tokens are hundredths of an action's numbers, two for each action."""

    def observe(self, obs):
        return obs

    def encode(self, actions):
        return torch.from_numpy(np.round(actions * 100.0).astype(np.int64)).flatten(1)


class Halving(Hundredths):
    """With an L1 head."""

    def normalize_actions(self, actions):
        return torch.from_numpy(actions / 2.0)

    def regress(self, inputs):
        raise AssertionError("targets are not regressed")


def targets(noise=0.0, loss="cross_entropy"):
    return Targets(Halving(), loss, CHUNKS.astype(np.float32), noise)


def test_without_noise_targets_are_the_demonstrated_actions():
    first = targets().of(np.array([100, 0]), np.random.default_rng(0))
    assert first.tolist() == [[100, 200] * 3, [-100, -200] * 3]
    assert torch.equal(targets(loss="l1").of(np.array([100]), np.random.default_rng(0))[0, 0], torch.tensor([0.5, 1.0]))


def test_noise_has_the_requested_deviation_in_each_dimension_and_sampled_anew():
    sampled = targets(0.1).of(ROWS, np.random.default_rng(0)).double().reshape(-1, 2)
    assert len(sampled) == 12_000
    assert sampled.mean(0).abs().max() < 0.5
    # 0.1 x 0.98 and 0.1 x 1.96, in hundredths; 12,000 samples estimate a deviation to 0.6%
    assert sampled.std(0).tolist() == pytest.approx([9.8, 19.6], rel=0.03)
    made = targets(0.1)
    once, again = made.of(ROWS[:8], np.random.default_rng(1)), made.of(ROWS[:8], np.random.default_rng(2))
    assert not torch.equal(once, again)
    assert torch.equal(once, made.of(ROWS[:8], np.random.default_rng(1)))


def test_an_l1_head_gets_noise_in_its_own_units():
    sampled = targets(0.1, "l1").of(ROWS, np.random.default_rng(0))
    assert sampled.shape == (4000, 3, 2)
    assert sampled.reshape(-1, 2).std(0).tolist() == pytest.approx([0.049, 0.098], rel=0.03)


def test_tokens_that_do_not_divide_by_action_are_refused():
    class Joint(Hundredths):
        def encode(self, actions):
            return torch.zeros((len(actions), 4), dtype=torch.int64)

    with pytest.raises(PolicyError, match="encodes 3 actions as 4 tokens"):
        Targets(Joint(), "cross_entropy", CHUNKS.astype(np.float32))


def test_a_policy_that_cannot_imitate_is_named_with_what_it_lacks():
    with pytest.raises(PolicyError, match=r"loss=l1: a Linear has no observe\(\), normalize_actions\(\), regress\(\)"):
        Targets(torch.nn.Linear(1, 1), "l1", np.zeros((1, 1, 1), np.float32))
