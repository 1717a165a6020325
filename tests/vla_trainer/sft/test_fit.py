"""Optimizer steps on demonstrated policy steps."""

import copy

import numpy as np
import pytest
import torch
from gymnasium import spaces
from reach_toy import BINS, CHUNK, DIMS, TokenPolicy

from vla_trainer.algorithms import SFT
from vla_trainer.config.schema import Actor
from vla_trainer.errors import TrainingDivergedError
from vla_trainer.sft.fit import fit
from vla_trainer.sft.loader import DemoBatch
from vla_trainer.update.finite import StepGuard
from vla_trainer.update.optimizer import make_optimizer

OBSERVATION = spaces.Dict(state=spaces.Box(-2, 2, (4,), np.float32))
ACTION = spaces.Box(-1, 1, (CHUNK, DIMS), np.float32)
SIZE = 12


def policy() -> TokenPolicy:
    torch.manual_seed(0)
    made = TokenPolicy(OBSERVATION, ACTION)
    torch.nn.init.normal_(made.head.weight)
    return made


def batch() -> DemoBatch:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(0, BINS, (SIZE, CHUNK * DIMS), generator=generator)
    state = torch.randn((SIZE, 4), generator=generator)
    learned = torch.ones((SIZE, CHUNK), dtype=torch.bool)
    # of some policy steps only the first actions
    for row in range(0, SIZE, 3):
        learned[row, 1 + row % CHUNK :] = False
    return DemoBatch({"state": state}, tokens, learned, 1.0)


def one_step(micro: int) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    made = policy()
    actor = Actor(lr=1e-3, global_batch_size=SIZE, micro_batch_size=micro, max_grad_norm=1e9)
    settings = SFT(dataset="d", optimizer_steps=1)
    metrics = fit(made, make_optimizer(made, actor), iter([batch()]), settings, actor)
    return metrics, {name: weight.grad for name, weight in made.named_parameters() if weight.grad is not None}


def test_the_loss_is_the_cross_entropy_of_the_demonstrated_tokens():
    made, data = policy(), batch()
    logits = made.head(made.trunk(data.inputs["state"])).unflatten(-1, (-1, BINS))
    # torch's own, mean over the tokens of the actions that are learned from, nats
    rows = data.learned.repeat_interleave(DIMS, dim=1)
    assert 0 < (~rows).sum() < rows.numel() / 2
    expected = torch.nn.functional.cross_entropy(logits[rows], data.targets[rows])
    metrics, _ = one_step(SIZE)
    assert metrics["actor/loss"] == pytest.approx(expected.item(), rel=1e-6)
    probabilities = logits.softmax(-1)
    entropy = -(probabilities * probabilities.log()).sum(-1)[rows].mean()
    assert metrics["actor/entropy"] == pytest.approx(entropy.item(), rel=1e-5)


def test_the_gradient_does_not_depend_on_the_micro_batch():
    whole_metrics, whole = one_step(SIZE)
    for micro in (1, 5):
        metrics, parts = one_step(micro)
        assert metrics["actor/loss"] == pytest.approx(whole_metrics["actor/loss"], rel=1e-6)
        assert parts.keys() == whole.keys()
        for name, gradient in whole.items():
            assert torch.allclose(parts[name], gradient, rtol=1e-5, atol=1e-7), name


def test_the_critic_is_left_alone():
    made = policy()
    before = copy.deepcopy(made.state_dict())
    actor = Actor(lr=1e-2, global_batch_size=SIZE)
    fit(made, make_optimizer(made, actor), iter([batch()] * 3), SFT(dataset="d", optimizer_steps=3), actor)
    moved = {name for name, weight in made.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved
    assert not any(name.startswith("critic") for name in moved)


class Regressing(torch.nn.Module):
    """A head of numbers: zero for every input."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = torch.nn.Parameter(torch.zeros(2, 3))

    def observe(self, obs):
        return obs

    def normalize_actions(self, actions):
        return torch.from_numpy(actions) / 2.0

    def regress(self, inputs):
        return self.offset.expand(len(inputs["x"]), 2, 3)


def test_l1_is_the_mean_distance_in_normalized_units():
    made = Regressing()
    targets = torch.full((4, 2, 3), 0.25)
    actor = Actor(lr=1e-3, global_batch_size=4, micro_batch_size=3)
    settings = SFT(dataset="d", loss="l1", optimizer_steps=1)
    optimizer = torch.optim.AdamW([{"name": "actor", "params": list(made.parameters()), "lr": 1e-3}])
    targets[1, 1] = 9.0
    learned = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
    metrics = fit(made, optimizer, iter([DemoBatch({"x": torch.zeros(4)}, targets, learned, 1.0)]), settings, actor)
    assert metrics["actor/loss"] == pytest.approx(0.25)  # |0 - 0.25|; the action of 9 is not learned from


def test_a_step_that_is_not_finite_moves_nothing_and_several_end_the_run() -> None:
    made, good, bad = policy(), batch(), batch()
    bad.inputs["state"][4] = torch.nan
    actor = Actor(lr=1e-3, global_batch_size=SIZE, micro_batch_size=5, max_skipped_steps=2)
    optimizer, guard = make_optimizer(made, actor), StepGuard(2)
    settings = SFT(dataset="d", optimizer_steps=3)
    metrics = fit(made, optimizer, iter([good, bad, good]), settings, actor, guard=guard)
    assert (metrics["actor/optimizer_steps"], metrics["actor/skipped_steps"]) == (2, 1)
    # as if there had been two batches
    alone = policy()
    expected = fit(alone, make_optimizer(alone, actor), iter([good, good]), SFT(dataset="d", optimizer_steps=2), actor)
    assert metrics["actor/loss"] == expected["actor/loss"]
    assert metrics["actor/grad_norm"] == expected["actor/grad_norm"]
    assert all(torch.equal(weight, alone.state_dict()[name]) for name, weight in made.state_dict().items())
    # in a row over iterations
    one = SFT(dataset="d", optimizer_steps=1)
    assert fit(made, optimizer, iter([bad]), one, actor, guard=guard)["actor/skipped_steps"] == 1
    with pytest.raises(TrainingDivergedError, match="2 optimizer steps in a row were skipped"):
        fit(made, optimizer, iter([bad]), one, actor, guard=guard)
