import pytest
import torch

from vla_policy.errors import ConfigError
from vla_policy.value_head import ValueHead, ValueHeadConfig


def test_starts_at_zero_and_learns():
    head = ValueHead(8, ValueHeadConfig(hidden=(16,)))
    head.reset_parameters(torch.Generator().manual_seed(0))
    hidden = torch.randn(5, 3, 8)
    assert torch.equal(head(hidden), torch.zeros(5))
    head(hidden).sum().backward()
    assert head.mlp[-1].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("pool", ["mean", "first"])
def test_pool_reads_the_documented_position(pool):
    head = ValueHead(4, ValueHeadConfig(hidden=(), pool=pool))
    torch.nn.init.ones_(head.mlp[-1].weight)
    hidden = torch.tensor([[[1.0, 0, 0, 0], [0, 3.0, 0, 0]]])
    # sum of the mean of the two = 2; sum of the first = 1
    assert head(hidden).item() == (2.0 if pool == "mean" else 1.0)


def test_detach_stops_the_gradient():
    for detach in (False, True):
        head = ValueHead(4, ValueHeadConfig(hidden=(4,), detach=detach))
        hidden = torch.randn(2, 3, 4, requires_grad=True)
        head(hidden).sum().backward()
        assert (hidden.grad is None) == detach


def test_values_are_float32_for_bfloat16_states():
    assert ValueHead(4, ValueHeadConfig())(torch.zeros(2, 3, 4, dtype=torch.bfloat16)).dtype == torch.float32


def test_errors():
    with pytest.raises(ConfigError, match="'last'"):
        ValueHeadConfig(pool="last")
    with pytest.raises(ConfigError, match="hidden"):
        ValueHeadConfig(hidden=(0,))
