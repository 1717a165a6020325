import numpy as np
import pytest
import torch

from vla_policy.errors import ObservationError


def test_inputs_have_constant_trailing_shapes(tiny, make_observation):
    short, long = make_observation(1), make_observation(5)
    short["instruction"] = ["open it"]
    first, second = (tiny.act(o).inputs for o in (short, long))
    assert {k: v.shape[1:] for k, v in first.items()} == {k: v.shape[1:] for k, v in second.items()}
    assert {k: v.dtype for k, v in first.items()} == {
        "images": torch.uint8,
        "input_ids": torch.int64,
        "prompt_length": torch.int64,
        "proprio": torch.float32,
    }
    assert all(len(v) == 5 and v.device.type == "cpu" for v in second.values())


def test_one_string_stands_for_all(tiny, make_observation):
    observation = make_observation(3)
    observation["instruction"] = "open it"
    as_list = tiny.act({**observation, "instruction": ["open it"] * 3}).inputs
    assert torch.equal(tiny.act(observation).inputs["input_ids"], as_list["input_ids"])


def test_numpy_strings(tiny, make_observation):
    observation = make_observation(3)
    as_array = tiny.act({**observation, "instruction": np.array(observation["instruction"])}).inputs
    assert torch.equal(tiny.act(observation).inputs["input_ids"], as_array["input_ids"])


def change(key, value):
    return lambda o: {**o, key: value}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda o: {k: v for k, v in o.items() if k != "state"}, "missing keys state"),
        (change("depth", np.zeros((2, 8, 8))), "unknown keys depth"),
        (change("image", np.zeros((2, 32, 32, 3), np.float32)), "float32.*uint8 is needed"),
        (change("wrist_image", np.zeros((2, 32, 32, 1), np.uint8)), "wrist_image"),
        (change("wrist_image", np.zeros((3, 32, 32, 3), np.uint8)), "numbers of samples differ"),
        (change("state", np.zeros((2, 7), np.float32)), r"\(2, 7\).*\(2, 8\)"),
        (change("state", np.full((2, 8), np.nan, np.float32)), r"\[0, 0\] is nan"),
        (change("state", np.zeros((2, 8), int)), "floats are needed"),
        (change("instruction", ["open it", ""]), "sentence is needed"),
        (change("instruction", ["open it"]), "numbers of samples differ"),
        (change("instruction", 7), "int; 2 strings"),
    ],
)
def test_errors_name_key_value_and_what_is_allowed(tiny, make_observation, spoil, message):
    with pytest.raises(ObservationError, match=message):
        tiny.act(spoil(make_observation(2)))
