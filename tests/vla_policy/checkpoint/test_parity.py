"""The published code's answers for a network whose weights follow a formula (shared/fixtures/openvla_oft/README.md)."""

import json
import shutil
import zlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vla_policy import ActionTokenizer, OpenVLAOFTModel
from vla_policy.action_stats import read_stats

LENGTHS = {0: 17, 1: 23, 2: 11}


def random_state(text):
    return np.random.RandomState(zlib.crc32(b"oft-a" + text.encode()))


def weight(name, shape):
    x = random_state(name).standard_normal(int(np.prod(shape))).reshape(shape).astype(np.float32)
    if len(shape) >= 2:
        x = x / np.float32(np.sqrt(np.prod(shape[1:])))
    elif name.endswith("scale_factor"):
        x = 0.3 + 0.05 * x
    elif "norm" in name and name.endswith("weight"):
        x = 1 + 0.1 * x
    else:
        x = 0.1 * x
    if name == "language_model.lm_head.weight":
        x[31744:32000] *= 6
    return torch.from_numpy(x.astype(np.float32))


@pytest.fixture(scope="module")
def model(parity_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    shapes = json.loads((parity_folder / "shapes.json").read_text())
    save_file({name: weight(name, shape) for name, shape in shapes.items()}, folder / "model.safetensors")
    shutil.copy(parity_folder / "config.json", folder)
    loaded = OpenVLAOFTModel.from_pretrained(folder, num_images=1)
    shutil.rmtree(folder)
    return loaded


@pytest.fixture(scope="module")
def expected(parity_folder):
    with np.load(parity_folder / "expected.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def samples(expected):
    inputs = {}
    for k, length in LENGTHS.items():
        random = random_state(f"sample{k}")
        ids = [1, *random.randint(3, 30000, length - 2).tolist(), 29871]
        assert ids == expected[f"s{k}_input_ids"].tolist()
        inputs[k] = (torch.tensor(ids), torch.from_numpy(random.standard_normal((1, 6, 224, 224)).astype(np.float32)))
    return inputs


def check(logits, hidden, k, expected):
    assert np.abs(logits.numpy() - expected[f"s{k}_action_logits"]).max() < 1e-4
    assert np.abs(hidden.numpy() - expected[f"s{k}_action_hidden"]).max() < 1e-4
    ids = logits.argmax(-1).numpy() + 31744
    np.testing.assert_array_equal(ids, expected[f"s{k}_argmax_full_vocab"])
    return ids


@pytest.mark.parametrize("k", LENGTHS)
def test_alone(model, samples, expected, parity_folder, k):
    ids, pixels = samples[k]
    with torch.no_grad():
        output = model(ids[None], pixels)
    tokens = check(output.logits[0], output.hidden[0], k, expected)
    norm_stats = json.loads((parity_folder / "config.json").read_text())["norm_stats"]
    stats = read_stats(norm_stats, "libero_tiny", "q99", "none")
    actions = stats.to_env(ActionTokenizer().decode(tokens).reshape(8, 7))
    np.testing.assert_allclose(actions, expected[f"s{k}_actions"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("left", [False, True])
def test_padded_in_a_batch(model, samples, expected, left):
    ids = torch.full((3, 23), 32000)
    for k, (prompt, _) in samples.items():
        ids[k, slice(23 - len(prompt), 23) if left else slice(len(prompt))] = prompt
    with torch.no_grad():
        output = model(ids, torch.cat([pixels for _, pixels in samples.values()]), ids != 32000)
    for k in samples:
        check(output.logits[k], output.hidden[k], k, expected)


def test_one_pixel_less_is_noticed(model, samples, expected):
    """The oracle is sharp: another image moves the logits by far more than the tolerance."""
    ids, pixels = samples[2]
    with torch.no_grad():
        output = model(ids[None], pixels.roll(1, dims=-1))
    assert np.abs(output.logits[0].numpy() - expected["s2_action_logits"]).max() > 1e-2
