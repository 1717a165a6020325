"""Files that come from anybody: damaged, of wrong types, or made to do harm. Each gives one short line."""

import copy
import json
import os
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.checkpoint.policy_files import read_policy
from vla_policy.checkpoint.weight_file import file_weights
from vla_policy.errors import CheckpointError, ConfigError, VLAPolicyError

PROJECTOR = "proprio_projector--latest_checkpoint.pt"


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


class Harmful:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def short(error):
    """One line, without torch's advice to run what the file holds."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    assert "weights_only" not in text
    assert "trust" not in text
    return True


@pytest.mark.parametrize("form", ["archive", "before torch 1.6", "plain pickle"])
@pytest.mark.parametrize("name", [PROJECTOR, "action_head--1_checkpoint.pt", "pytorch_model.bin"])
def test_a_pickle_is_never_run(folder, tmp_path, name, form):
    marker = tmp_path / "was run"
    data = {"model.fc1.weight": torch.zeros(1), "x": Harmful(marker)}
    if name.endswith(".bin"):
        (folder / "model.safetensors").unlink()
    if form == "plain pickle":
        (folder / name).write_bytes(pickle.dumps(data))
    else:
        torch.save(data, folder / name, _use_new_zipfile_serialization=form == "archive")
    with pytest.raises(CheckpointError, match=name) as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)
    assert not marker.exists()
    if form == "archive":
        assert f"{os.mkdir.__module__}.mkdir" in str(error.value)
    pickle.loads(pickle.dumps(Harmful(marker)))  # that it would have been run
    assert marker.exists()


@pytest.mark.parametrize("size", [0, 1, 3, 4, 40, 0.5, 0.99])
@pytest.mark.parametrize("name", [PROJECTOR, "value_head.safetensors", "model.safetensors"])
def test_truncated_files(folder, name, size):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: size if isinstance(size, int) else int(size * len(whole))])
    with pytest.raises(CheckpointError, match=rf"{name}.* cannot be read; it may be truncated") as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds a list; a dict of tensors is needed"),
        ({"model": {"fc1.weight": torch.zeros(1)}}, "entry model is a dict"),
        ({"fc1.weight": 3.0}, "entry fc1.weight is a float"),
        ({3: torch.zeros(1)}, "entry 3 is a Tensor; names and tensors"),
        ({"fc1.weight": torch.zeros(1).expand(10**12)}, r"\(1000000000000,\) takes more bytes than the file has"),
        ({"fc1.weight": torch.zeros(3)}, r"fc1.weight has shape \(3,\); \(D, P\) is needed"),
        ({"x" * 10_000: 3}, r"entry xxx.*\.\.\. is a int"),
    ],
)
def test_pickles_of_other_content(folder, content, message):
    torch.save(content, folder / PROJECTOR)
    with pytest.raises(CheckpointError, match=message) as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)


def test_files_of_torch_before_archives_are_read(tmp_path):
    torch.save({"a": torch.arange(3.0)}, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    ((name, tensor),) = file_weights(tmp_path / "old.bin")
    assert (name, tensor.tolist()) == ("a", [0.0, 1.0, 2.0])


def test_a_value_head_of_other_shapes_gives_one_line(folder):
    weights = load_file(folder / "value_head.safetensors")
    save_file({name: weight[..., :1].clone() for name, weight in weights.items()}, folder / "value_head.safetensors")
    with pytest.raises(CheckpointError, match=r"does not fit the value head.*mlp\.0\.weight") as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)


def paths(data, at=()):
    """Every place of a JSON object, lists as a whole."""
    for key, value in data.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from paths(value, (*at, key))


WRONG = ["x", -7, 1.5, True, [], ["x"], [None], {}, {"x": 1}, 10**30, "9" * 10_000, float("nan")]


def what_is_built(folder):
    """All that `from_pretrained` builds a policy from, but for the weights; it reads them first."""
    parts, _ = read_policy(folder, {})
    network = parts.network
    shapes = {name: weight.shape for name, weight in network.weights.items()}
    return network.config, network.source_config["norm_stats"], shapes, parts.config, parts.unnorm_key


@pytest.mark.slow
def test_every_field_of_config_json_with_every_wrong_type(folder):
    """What is refused is refused by name, in one line; what is taken can be built."""
    whole = json.loads((folder / "config.json").read_text())
    OpenVLAOFTPolicy.from_pretrained(folder)
    built = [what_is_built(folder)]
    refused, problems = 0, []
    for place in paths(whole):
        for wrong in WRONG:
            data = copy.deepcopy(whole)
            owner = data
            for key in place[:-1]:
                owner = owner[key]
            owner[place[-1]] = wrong
            (folder / "config.json").write_text(json.dumps(data))
            try:
                if (parts := what_is_built(folder)) not in built:  # of equal parts the same policy is made
                    OpenVLAOFTPolicy.from_pretrained(folder)
                    built.append(parts)
            except Exception as error:
                refused += 1
                if not isinstance(error, VLAPolicyError) or "\n" in str(error) or len(str(error)) > 1200:
                    problems.append(f"{place} = {str(wrong)[:40]!r}: {type(error).__name__}: {str(error)[:200]}")
    assert not problems
    # of 12 values some are right, as 1.5 is for rope_theta, and nobody reads some fields
    assert refused > 400


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("text_config", "hidden_size"), "96", r"text_config\.hidden_size is '96'; allowed: an integer"),
        (("text_config", "num_hidden_layers"), 10**9, r"num_hidden_layers is 1000000000; .* at most 1024"),
        (("text_config", "rope_theta"), float("nan"), r"rope_theta is nan; allowed: a finite number"),
        (("text_config",), [1], r"text_config is \[1\]; allowed: an object"),
        (("timm_model_ids",), "vit", r"timm_model_ids is 'vit'; allowed: a list \(text each\)"),
        (("timm_model_ids",), ["hf-hub:a/b", "hf-hub:a/b"], r"'hf-hub:a/b'; a model of timm's own is needed"),
        (("image_sizes",), [32.0, 32.0], r"image_sizes is \[32.0, 32.0\]; allowed: a list \(an integer each\)"),
        (("use_fused_vision_backbone",), "no", r"use_fused_vision_backbone is 'no'; allowed: true or false"),
        (
            ("vla_policy", "timm_model_args"),
            [{"checkpoint_path": "x.pth"}, {}],
            r"'checkpoint_path'; allowed: patch_size",
        ),
        (("vla_policy", "chunk"), True, r"chunk is True; allowed: an integer"),
        (("vla_policy", "policy"), [1], r"vla_policy\.policy is \[1\]; allowed: an object"),
        (("vla_policy", "policy", "top_k"), "5", r"top_k is '5'; allowed: an integer or null"),
        (("vla_policy", "policy", "image_keys"), "image", r"image_keys is 'image'; allowed: a list"),
        (("vla_policy", "policy", "pipeline", "size"), None, r"image pipeline: size is None; allowed: an integer"),
        (("vla_policy", "policy", "pipeline"), {"sise": 3}, r"image pipeline: unknown options sise; allowed: size"),
        (("vla_policy", "policy", "value_head"), 3, r"value_head is 3; allowed"),
        (("vla_policy", "policy", "value_head", "hidden"), [64.5], r"value head: hidden is \(64.5,\); allowed"),
        (("vla_policy", "unnorm_key"), 3, r"vla_policy\.unnorm_key is 3; allowed: text"),
        (("vla_policy",), 3, r"vla_policy is 3; allowed: an object"),
        (("bos", "x"), 3, None),
    ],
)
def test_wrong_types_are_named(folder, place, value, message):
    data = json.loads((folder / "config.json").read_text())
    owner = data
    for key in place[:-1]:
        owner = owner.setdefault(key, {})
    owner[place[-1]] = value
    (folder / "config.json").write_text(json.dumps(data))
    if message is None:  # keys of others are left alone
        OpenVLAOFTPolicy.from_pretrained(folder)
        return
    with pytest.raises(ConfigError, match=message) as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[" * 100_000, b"null", b'{"a": ' + b"9" * 5000 + b"}"])
@pytest.mark.parametrize("name", ["config.json", "dataset_statistics.json"])
def test_what_is_no_json_object(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=name) as error:
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert short(error)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": [1]}, r"weight_map is \[1\]; allowed: an object"),
        ({"weight_map": {"a": 1}}, r"weight_map is .*; allowed: an object"),
        ({"weight_map": {"a": "../../other/model.safetensors"}}, r"names files of other folders: \.\./"),
    ],
)
def test_an_index_of_other_content(folder, index, message):
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=message) as error:
        OpenVLAOFTModel.from_pretrained(folder)
    assert short(error)


def test_a_state_of_other_content(build_tiny):
    policy = build_tiny()
    for bad in (b"{", b"3", b'{"key": "a"}', b"\xff"):
        with pytest.raises(CheckpointError, match="holds no statistics"):
            policy.set_extra_state(torch.frombuffer(bytearray(bad), dtype=torch.uint8))
    assert policy.stats.key == "tiny"
