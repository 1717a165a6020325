"""Weights are sent from where the policies compute, whatever memory they are kept in.

A device stands in for a GPU that is not there: "meta", whose tensors have no numbers. Groups are torch's "fake" ones,
which reach nobody. What is sent is compared with what is received in tests/integration/test_weight_sync.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vla_trainer.runtime.weight_sync import PolicyGroup, WeightSync
from vla_trainer.update.ranks import Ranks
from vla_trainer.update.sharding import shard

GPU = torch.device("meta")


class Network(nn.Module):
    """Two blocks of 4 x 4 + 4 weights, and a head of 4 x 3 + 3."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(4, 4)) for _ in range(2))
        self.head = nn.Linear(4, 3)

    def act(self) -> None:
        """Is not called."""

    evaluate = act


class Collectives(TorchDispatchMode):
    """Record the devices of what is exchanged between processes."""

    def __init__(self) -> None:
        super().__init__()
        self.devices: dict[str, set[str]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "c10d" in func.namespace:
            tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
            self.devices.setdefault(func.__name__.partition(".")[0], set()).update(x.device.type for x in tensors)
        return func(*args, **(kwargs or {}))


@pytest.fixture
def groups() -> Iterator[tuple[Any, Any]]:
    """Process groups of two that learn, and of the first of them and one that acts; this process is the first."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=3)
    try:
        yield dist.new_group([0, 1]), dist.new_group([0, 2])
    finally:
        dist.destroy_process_group()


@pytest.mark.parametrize("several", [True, False], ids=["two learn", "one learns"])
def test_offloaded_weights_are_sent_from_the_device(groups: tuple[Any, Any], several: bool) -> None:
    learners, receivers = groups
    policy, ranks = Network(), Ranks(learners) if several else Ranks()
    if several:
        shard(policy, ranks, blocks_in=torch.bfloat16)
    assert {weight.device.type for weight in policy.parameters()} == {"cpu"}  # the host's memory
    group = PolicyGroup(ranks, receivers=1, sync_group=receivers, learners_act=False, device=GPU)
    with Collectives() as seen:
        sent = WeightSync(policy, group, learns=True, acts=False, blocks_in=torch.bfloat16).run()
    # gloo, which exchanges what is on the CPU, would wait for ever for one that receives with NCCL
    assert seen.devices["broadcast_"] == {"meta"}
    assert set.union(*seen.devices.values()) == {"meta"}
    assert ("all_gather_into_tensor" in seen.devices) == several
    # blocks in bfloat16, the head in float32
    assert sent == 2 * 2 * (4 * 4 + 4) + 4 * (4 * 3 + 3)
    assert {weight.device.type for weight in policy.parameters()} == {"cpu"}


def test_what_only_acts_receives_on_the_device(groups: tuple[Any, Any]) -> None:
    policy = Network().to(GPU)
    group = PolicyGroup(rank=2, receivers=1, sync_group=groups[1], device=GPU)
    with Collectives() as seen:
        assert WeightSync(policy, group, learns=False, acts=True).run() == 0
    assert seen.devices["broadcast_"] == {"meta"}
