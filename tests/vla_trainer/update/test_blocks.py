"""What a block is, and one that only acts; that it computes what a sharded one does is in
tests/integration/test_weight_sync.py."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from vla_trainer.update.blocks import block_dtype, blocks_of, hold_blocks, sent_dtypes

BF16, FP32 = torch.bfloat16, torch.float32


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList(nn.Sequential(nn.Linear(2, 2)) for _ in range(2))
        self.register_buffer("scale", torch.full((2,), 1 / 3))

    def forward(self, x: Tensor, extra: dict[str, Tensor], rows: Tensor) -> tuple[Tensor, ...]:
        return x, extra["y"], rows, self.scale


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


@pytest.mark.parametrize(("precision", "processes", "dtype"), [("bf16", 2, BF16), ("bf16", 1, None), ("fp32", 2, None)])
def test_one_process_alone_computes_under_autocast(precision: str, processes: int, dtype: torch.dtype | None) -> None:
    assert block_dtype(precision, processes=processes) == dtype  # type: ignore[arg-type]


def test_weights_of_blocks_and_what_goes_into_them_are_cast() -> None:
    network = Network()
    expected = network.trunk[0].inner[0][0].weight.detach().bfloat16()
    hold_blocks(network, BF16)
    names = {name for name, weight in network.named_parameters() if weight.dtype == BF16}
    assert names == {name for name, _ in network.named_parameters() if name.startswith(("trunk", "single"))}
    assert torch.equal(network.trunk[0].inner[0][0].weight, expected)
    x, y, rows, scale = network.trunk[0](torch.ones(2) / 3, {"y": torch.ones(2) / 3}, rows=torch.arange(2))
    assert (x.dtype, y.dtype, rows.dtype) == (BF16, BF16, torch.int64)
    assert scale.dtype == FP32  # a buffer, which FSDP leaves


def test_blocks_are_sent_in_their_type_and_the_rest_in_its_own() -> None:
    network = Network()
    of_learner = sent_dtypes(network, BF16)
    assert set(sent_dtypes(network, None).values()) == {FP32}
    hold_blocks(network, BF16)
    assert sent_dtypes(network, None) == of_learner
    assert {of_learner["trunk.0.inner.0.0.weight"], of_learner["head.0.weight"]} == {BF16, FP32}
