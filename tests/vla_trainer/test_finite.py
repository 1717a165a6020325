"""Numbers and weights that are not finite."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from vla_trainer.finite import first_bad, float_arrays, index_text, not_finite


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_first_bad_number_is_found(dtype: type) -> None:
    values = np.full((4, 3), np.finfo(dtype).max, dtype)  # each is finite, their sum is not
    assert first_bad(values) is None
    values[2, 1], values[3, 0] = np.inf, np.nan
    assert first_bad(values) == (2, 1)
    # two that cancel are NaN in a sum
    values[2, 1], values[3, 0] = np.inf, -np.inf
    assert first_bad(values) == (2, 1)
    assert index_text((2, 1)) == "[2][1]"
    assert first_bad(np.zeros((0, 3), dtype)) is None
    assert first_bad(np.arange(5)) is None


def test_arrays_of_floats_are_found_in_dicts_and_tuples() -> None:
    image, state = np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 8), np.float32)
    obs = {"image": image, "state": state, "pair": (state, image), "instruction": ["go", "go"]}
    assert [name for name, _ in float_arrays(obs)] == ['observation["state"]', 'observation["pair"][0]']
    assert [name for name, _ in float_arrays(state)] == ["observation"]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        self.register_buffer("mask", torch.tensor([0.0, -math.inf]))


def test_weights_that_cannot_be_computed_with_are_found() -> None:
    network = Network()
    assert not_finite(network) == []  # a mask may hold infinities
    for bad in (math.nan, math.inf, -math.inf, 1e30):  # 1e30^2 overflows float32
        with torch.no_grad():
            network.trained[1] = bad
        assert not_finite(network) == ["trained"]
    with torch.no_grad():
        network.trained[1], network.frozen[0], network.mask[0] = 1e15, math.nan, math.nan
    assert not_finite(network) == ["frozen", "mask"]
    assert not_finite(network, trained_only=True) == []


def test_a_wide_weight_is_measured_in_its_own_type() -> None:
    network = Network().double()
    with torch.no_grad():
        network.trained[0] = 1e30
    assert not_finite(network) == []


def test_a_state_is_looked_at_in_the_place_of_the_weights() -> None:
    network = Network()
    state = {**network.state_dict(), "trained": torch.full((3,), math.nan)}
    assert not_finite(network, state) == ["trained"]
    assert not_finite(network) == []
