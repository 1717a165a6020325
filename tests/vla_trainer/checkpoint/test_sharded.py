"""A checkpoint of several processes, whose weights and optimizer are in files of their own, read by one process.

Several ranks write and read such files in update/test_ranks.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import rank_cases
import rank_processes
import torch
from gymnasium import spaces

from vla_trainer import checkpoint
from vla_trainer.checkpoint import sharded
from vla_trainer.config.schema import Actor
from vla_trainer.errors import CheckpointError
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.ranks import Ranks

STEPS = 3


def make(width: int = 6, seed: int = 0, frozen: bool = True) -> tuple[GaussianPolicy, torch.optim.Optimizer]:
    policy = GaussianPolicy(spaces.Box(-1, 1, (4,)), spaces.Box(-1, 1, (2,)), hidden=(width,), seed=seed)
    policy.actor[0].requires_grad_(not frozen)
    return policy, make_optimizer(policy, Actor(lr=1e-2))


def learn(policy: GaussianPolicy, optimizer: torch.optim.Optimizer, steps: int) -> None:
    """Some loss goes down; the critic has no part in it."""
    observations = torch.linspace(-1, 1, 12).reshape(3, 4).numpy()
    with torch.no_grad():
        out = policy.act(observations, deterministic=True)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        policy.evaluate(out.inputs, out.tokens + 0.5).log_probs.sum().neg().backward()
        optimizer.step()


class Elsewhere:
    """A policy that other processes have: they write it, here is nothing of it."""

    def __init__(self, policy: GaussianPolicy, optimizer: torch.optim.Optimizer) -> None:
        self._policy, self._optimizer = policy, optimizer

    def save_pretrained(self, folder: Path) -> None:
        sharded.save(folder / checkpoint.SHARDS, self._policy, self._optimizer, Ranks())

    def state_dict(self) -> None:
        """Is in the shards."""


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, GaussianPolicy, torch.optim.Optimizer]:
    """A checkpoint, and what was saved in it."""
    policy, optimizer = make()
    learn(policy, optimizer, STEPS)
    path = checkpoint.save(tmp_path / "checkpoints", 4, Elsewhere(policy, optimizer), {"iteration": 4})  # type: ignore[arg-type]
    return path, policy, optimizer


def test_weights_moments_and_state_come_back(written: tuple[Path, GaussianPolicy, torch.optim.Optimizer]) -> None:
    path, saved, saved_optimizer = written
    assert torch.load(path / checkpoint.STATE_FILE, weights_only=True)["policy"] is None  # they come from the shards
    policy, optimizer = make(seed=1)
    learn(policy, optimizer, 1)  # what it had before does not stay
    assert checkpoint.load(path, policy, optimizer)["iteration"] == 4
    for name, weight in saved.state_dict().items():
        assert torch.equal(policy.state_dict()[name], weight), name
    names = dict(policy.named_parameters())
    moved = {name for name, weight in saved.named_parameters() if weight in saved_optimizer.state}
    assert moved == {name for name, weight in names.items() if weight in optimizer.state}
    # the frozen layer is not the optimizer's, and the critic was never moved
    assert "log_std" in moved
    assert not any(name.startswith(("actor.0", "critic")) for name in moved)
    for name in moved:
        moments, others = optimizer.state[names[name]], saved_optimizer.state[dict(saved.named_parameters())[name]]
        assert moments.keys() == others.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert moments["step"] == STEPS
        assert all(torch.equal(moments[key], others[key]) for key in others)


def test_learning_goes_on_as_if_nothing_had_been(written: tuple[Path, GaussianPolicy, torch.optim.Optimizer]) -> None:
    path, saved, saved_optimizer = written
    policy, optimizer = make(seed=1)
    checkpoint.load(path, policy, optimizer)
    learn(saved, saved_optimizer, 2)
    learn(policy, optimizer, 2)
    for name, weight in saved.state_dict().items():
        assert torch.equal(policy.state_dict()[name], weight), name


def test_weights_alone_are_read_too(written: tuple[Path, GaussianPolicy, torch.optim.Optimizer]) -> None:
    path, saved, _ = written
    policy, optimizer = make(seed=1, frozen=False)  # what learns may be other weights
    assert checkpoint.load(path, policy)["iteration"] == 4
    assert all(torch.equal(policy.state_dict()[name], weight) for name, weight in saved.state_dict().items())
    assert not optimizer.state


def test_the_best_one_is_followed(written: tuple[Path, GaussianPolicy, torch.optim.Optimizer]) -> None:
    path, saved, optimizer = written
    score = checkpoint.Score("eval/success_rate", 0.5)
    checkpoint.save(path.parent, 5, Elsewhere(saved, optimizer), {"iteration": 5}, score=score)  # type: ignore[arg-type]
    policy, _ = make(seed=1)
    assert checkpoint.load(path.parent / "best", policy)["iteration"] == 5
    assert torch.equal(policy.log_std, saved.log_std)


def test_one_rank_goes_on_from_a_checkpoint_of_one_process_to_the_last_bit(tmp_path: Path) -> None:
    policy, batch = rank_cases.make(8)
    optimizer = make_optimizer(policy, rank_cases.ACTOR)
    rank_cases.take_update(policy, optimizer, batch)
    state = {"optimizer": optimizer.state_dict(), "iteration": 1}
    path = checkpoint.save(tmp_path / "checkpoints", 1, policy, state)
    saved = {name: tensor.clone() for name, tensor in rank_cases.whole(policy, optimizer).items()}
    (tmp_path / "ranks").mkdir()
    ((loaded, after),) = rank_processes.run(rank_cases.go_on_from_one_process, tmp_path / "ranks", 1, path)
    rank_cases.take_update(policy, optimizer, batch)
    for expected, found in ((saved, loaded), (rank_cases.whole(policy, optimizer), after)):
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(found[name], tensor), name
    assert not torch.equal(saved["log_std.weight"], after["log_std.weight"])


def test_another_policy_is_named(written: tuple[Path, GaussianPolicy, torch.optim.Optimizer]) -> None:
    path, _, _ = written
    # hidden layers of 6 and of 7
    with pytest.raises(CheckpointError, match=r"step_000004.*another policy than the config makes: .*\(6.*\(7"):
        checkpoint.load(path, *make(width=7))
    deeper = GaussianPolicy(spaces.Box(-1, 1, (4,)), spaces.Box(-1, 1, (2,)), hidden=(6, 6), seed=0)
    with pytest.raises(CheckpointError, match="another policy than the config makes: it lacks actor"):
        checkpoint.load(path, deeper)


def test_shards_that_are_missing_or_damaged_are_named(
    written: tuple[Path, GaussianPolicy, torch.optim.Optimizer],
) -> None:
    path, _, _ = written
    (part,) = (path / checkpoint.SHARDS).glob("*.distcp")
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"cannot read .*step_000004/shards"):
        checkpoint.load(path, *make())
    (path / checkpoint.SHARDS / sharded.METADATA_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"shards is not a sharded checkpoint: it has no \.metadata"):
        checkpoint.load(path, *make())
