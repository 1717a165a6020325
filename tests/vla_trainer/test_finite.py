"""Where a number is not finite."""

import numpy as np
import pytest

from vla_trainer.finite import first_bad, float_arrays, index_text


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
