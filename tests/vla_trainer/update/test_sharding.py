"""What is gathered one at a time; the rest needs several processes, see test_ranks.py."""

import pytest
import torch
from gymnasium import spaces
from torch import nn

from vla_trainer.errors import BackendError, PolicyError
from vla_trainer.policy.gaussian import GaussianPolicy
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import blocks_of, shard


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList(nn.Sequential(nn.Linear(2, 2)) for _ in range(2))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(Block(), Block())
        self.head = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
        self.linears = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.single = nn.ModuleList([Block()])


def test_blocks_are_what_repeats_and_has_parts_and_the_outermost_of_it() -> None:
    network = Network()
    # not the layers of a head; of a list with one member, what repeats inside it
    assert blocks_of(network) == [*network.trunk, *network.single[0].inner]
    assert blocks_of(nn.ModuleDict({"network": network})) == blocks_of(network)


def test_a_policy_may_name_its_blocks() -> None:
    network = Network()
    network.fsdp_modules = lambda: [network.head]
    assert blocks_of(network) == [network.head]


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
        shard(policy, TwoRanks(), precision="bf16", gradient_checkpointing=True)
    shard(policy, Ranks(), precision="bf16", gradient_checkpointing=True)  # nothing is sharded on one
