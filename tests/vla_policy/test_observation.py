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
        (change("image", np.zeros((2, 32, 32), np.uint8)), r"\(2, 32, 32\).*\(N, H, W, 3\) uint8 is needed"),
        (change("image", np.zeros((2, 32, 32, 3), np.int64)), "int64.*uint8 is needed"),
        (change("image", np.zeros((2, 0, 32, 3), np.uint8)), r"\(2, 0, 32, 3\)"),
        (change("wrist_image", np.zeros((3, 32, 32, 3), np.uint8)), "numbers of samples differ"),
        (change("state", np.zeros((2, 7), np.float32)), r"\(2, 7\).*\(2, 8\)"),
        (change("state", np.full((2, 8), np.nan, np.float32)), r"\[0, 0\] is nan"),
        (change("state", np.zeros((2, 8), int)), "floats are needed"),
        (change("instruction", ["open it", ""]), "sentence is needed"),
        (change("instruction", ["open it"]), "numbers of samples differ"),
        (change("instruction", 7), "int; 2 strings"),
        (change("instruction", ["a" * 10_000, "b"]), "prompt of .* tokens; max_prompt_length is 48"),
    ],
)
def test_errors_name_key_value_and_what_is_allowed(tiny, make_observation, spoil, message):
    with pytest.raises(ObservationError, match=message):
        tiny.act(spoil(make_observation(2)))


@pytest.mark.parametrize("side", [16, 33, 500])
def test_an_image_of_another_size_is_resized(tiny, make_observation, side):
    observation = make_observation(2)
    observation["image"] = np.full((2, side, side + 5, 3), 77, np.uint8)
    images = tiny.act(observation).inputs["images"]
    assert images.shape == (2, 2, 32, 32, 3)
    assert (images[:, 0] == 77).all()  # a plain image stays plain


def test_text_beyond_ascii_is_spelled_in_bytes(tiny, make_observation):
    observation = make_observation(2)
    observation["instruction"] = ["öffne die Schublade 🤖", "open it"]
    inputs = tiny.act(observation).inputs
    assert inputs["prompt_length"][0] > inputs["prompt_length"][1]
    assert (inputs["input_ids"][0, : inputs["prompt_length"][0]] > 0).all()  # 0 is the unknown token


def test_images_are_prepared_where_the_network_is(build_tiny, make_observation):
    policy = build_tiny().to("meta")
    inputs = policy._observe(make_observation(2))
    assert {name: tensor.device.type for name, tensor in inputs.items()} == {
        name: "meta" if name == "images" else "cpu" for name in inputs
    }
    assert inputs["images"].shape[0] == 2


def test_what_a_policy_returns_is_on_the_cpu(tiny, make_observation):
    inputs = tiny.act(make_observation(2)).inputs
    assert {tensor.device.type for tensor in inputs.values()} == {"cpu"}
