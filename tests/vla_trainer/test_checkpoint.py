"""Checkpoints are whole or absent."""

from pathlib import Path

import pytest
import torch
from torch import nn

from vla_trainer import checkpoint
from vla_trainer.errors import CheckpointError


class Linear(nn.Linear):
    def save_pretrained(self, directory: Path) -> None:
        if self.bias is None:
            raise OSError("disk full")
        (directory / "policy.txt").write_text("here")


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    policy = Linear(2, 3)
    path = checkpoint.save(tmp_path / "checkpoints", 7, policy, {"iteration": 7, "rng": {"state": 2**100}})
    assert path.name == "step_000007"
    assert (path / "policy.txt").exists()
    another = Linear(2, 3)
    assert checkpoint.load(path, another) == {"iteration": 7, "rng": {"state": 2**100}}
    torch.testing.assert_close(another.weight, policy.weight)
    assert checkpoint.newest(tmp_path) == path


def test_an_interrupted_save_leaves_no_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "checkpoints", 1, Linear(2, 3), {})
    with pytest.raises(OSError, match="disk full"):
        checkpoint.save(tmp_path / "checkpoints", 2, Linear(2, 3, bias=False), {})
    assert checkpoint.newest(tmp_path).name == "step_000001"


def test_old_ones_go(tmp_path: Path) -> None:
    for step in (1, 2, 1_000_000):
        checkpoint.save(tmp_path, step, Linear(2, 3), {}, keep=2)
    assert [path.name for path in checkpoint.found(tmp_path)] == ["step_000002", "step_1000000"]


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        checkpoint.newest(tmp_path)
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        checkpoint.load(tmp_path, Linear(2, 3))
    path = checkpoint.save(tmp_path, 1, Linear(2, 3), {})
    with pytest.raises(CheckpointError, match="another policy"):
        checkpoint.load(path, Linear(5, 3))
