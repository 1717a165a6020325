"""What cannot be sharded; the rest needs several processes, see test_ranks.py."""

import pytest
import torch
from gymnasium import spaces
from torch import nn

from vla_trainer.errors import BackendError, PolicyError
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import shard


class TwoRanks(Ranks):
    def __init__(self) -> None:
        super().__init__()
        self.size = 2


def test_a_weight_that_is_one_number_is_an_error() -> None:
    policy = GaussianPolicy(spaces.Box(-1, 1, (2,)), spaces.Box(-1, 1, (2,)))
    policy.register_parameter("scale", nn.Parameter(policy.log_std.detach()[0].clone()))
    with pytest.raises(PolicyError, match=r"weight scale has the shape \(\)"):
        shard(policy, TwoRanks())


def test_a_torch_that_cannot_recompute_in_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = GaussianPolicy(spaces.Box(-1, 1, (2,)), spaces.Box(-1, 1, (2,)))
    monkeypatch.setattr(torch, "__version__", "2.12.1+cu130")
    with pytest.raises(BackendError, match=r"needs torch 2.13; this is 2.12.1\+cu130"):
        shard(policy, TwoRanks(), blocks_in=torch.bfloat16, gradient_checkpointing=True)
    shard(policy, Ranks(), blocks_in=torch.bfloat16, gradient_checkpointing=True)  # nothing is sharded on one
