"""The published layout, written and read back."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.checkpoint.key_map import to_file, to_module
from vla_policy.checkpoint.save import split
from vla_policy.errors import CheckpointError, ConfigError, ObservationError, UnnormKeyError, UnsupportedError
from vla_policy.model.heads import L1ActionHead


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def contents(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


@pytest.mark.parametrize("temperature", [1.0, 1.6])
def test_round_trip_is_exact(tiny, folder, make_observation, generator, temperature):
    loaded = OpenVLAOFTPolicy.from_pretrained(folder)
    assert loaded.config == tiny.config
    assert loaded.model.config == tiny.model.config
    first, second = (p.act(make_observation(3), False, temperature, generator(0)) for p in (tiny, loaded))
    assert torch.equal(first.tokens, second.tokens)
    torch.testing.assert_close(first.log_probs, second.log_probs, rtol=0, atol=1e-6)
    torch.testing.assert_close(first.values, second.values, rtol=0, atol=1e-6)
    scored = loaded.evaluate(first.inputs, first.tokens, temperature)
    torch.testing.assert_close(scored.log_probs, first.log_probs, rtol=0, atol=1e-5)
    assert {n for n, p in loaded.named_parameters() if p.requires_grad} == {
        n for n, p in tiny.named_parameters() if p.requires_grad
    }


def test_names_are_the_published_ones(folder):
    names = set(load_file(folder / "model.safetensors"))
    assert "vision_backbone.featurizer.blocks.0.ls1.scale_factor" in names
    assert "vision_backbone.fused_featurizer.attn_pool.kv.weight" in names
    assert "projector.fc3.bias" in names
    assert "language_model.model.layers.1.self_attn.q_proj.weight" in names
    assert "language_model.lm_head.weight" in names
    assert not any("gamma" in n or n.startswith("proprio") for n in names)
    assert (folder / "proprio_projector--latest_checkpoint.pt").is_file()
    config = json.loads((folder / "config.json").read_text())
    assert config["timm_model_ids"][0] == "vit_small_patch14_reg4_dinov2.lvd142m"
    assert config["n_action_bins"] == 256
    assert config["use_fused_vision_backbone"] is True


def test_key_map_is_its_own_inverse(tiny):
    for name in tiny.model.state_dict():
        assert to_module(to_file(name)) == name
    assert to_module("language_model.model.layers.0.self_attn.rotary_emb.inv_freq") is None


def test_loading_writes_nothing(folder):
    before = contents(folder)
    OpenVLAOFTPolicy.from_pretrained(folder, value_head={"hidden": [64]}, lora=2)
    assert contents(folder) == before


def test_training_after_loading_leaves_the_files_alone(folder):
    before = contents(folder)
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
    assert contents(folder) == before


def test_saving_over_what_was_loaded(folder):
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    before = contents(folder)
    policy.save_pretrained(folder)
    assert {k: len(v) for k, v in contents(folder).items()} == {k: len(v) for k, v in before.items()}


def test_shards(tiny, tmp_path):
    tiny.model.save_pretrained(tmp_path, max_shard_bytes=1_000_000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert len(files) > 2
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    loaded = OpenVLAOFTModel.from_pretrained(tmp_path)
    for name, tensor in tiny.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    (tmp_path / files[1]).unlink()
    with pytest.raises(CheckpointError, match=files[1]):
        OpenVLAOFTModel.from_pretrained(tmp_path)


def test_split_by_hand():
    # 4-byte floats: 10 -> 40 bytes, 5 -> 20, 30 -> 120 (over the limit, alone), 1 -> 4.
    weights = {"a": 40, "b": 20, "c": 120, "d": 4}
    assert split(weights, 64) == [["a", "b"], ["c"], ["d"]]


def test_missing_unexpected_and_misshapen_weights_are_named(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["projector.fc1.bias"]
    weights["projector.fc9.bias"] = torch.zeros(3)
    weights["projector.fc2.bias"] = torch.zeros(5)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError) as error:
        OpenVLAOFTModel.from_pretrained(folder)
    assert "Missing: projector.fc1.bias." in str(error.value)
    assert "Unexpected: projector.fc9.bias." in str(error.value)
    assert "projector.fc2.bias (5,) instead of (96,)" in str(error.value)


def test_missing_files_are_named(folder, tmp_path):
    with pytest.raises(CheckpointError, match="neither a folder nor a repository"):
        OpenVLAOFTModel.from_pretrained(tmp_path / "nowhere" / "at" / "all")
    (folder / "model.safetensors").unlink()
    (folder / "value_head.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no .*safetensors"):
        OpenVLAOFTModel.from_pretrained(folder)
    (folder / "config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="holds a list"):
        OpenVLAOFTModel.from_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"no config.json"):
        OpenVLAOFTModel.from_pretrained(folder)


def test_config_without_sizes(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["timm_model_ids"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="timm_model_ids"):
        OpenVLAOFTModel.from_pretrained(folder)


def test_value_head_choices(folder):
    assert OpenVLAOFTPolicy.from_pretrained(folder, value_head=False).value_head is None
    with pytest.raises(CheckpointError, match="does not fit the value head"):
        OpenVLAOFTPolicy.from_pretrained(folder, value_head=True)
    (folder / "value_head.safetensors").unlink()
    new = OpenVLAOFTPolicy.from_pretrained(folder, value_head={"hidden": [16, 4], "pool": "first"})
    assert [m.out_features for m in new.value_head.mlp if isinstance(m, nn.Linear)] == [16, 4, 1]
    with pytest.raises(ConfigError, match="unknown options"):
        OpenVLAOFTPolicy.from_pretrained(folder, value_head={"size": 3})


def test_statistics_file_overrides_the_config(folder):
    stats = json.loads((folder / "dataset_statistics.json").read_text())
    (folder / "dataset_statistics.json").write_text(json.dumps({"mine_no_noops": stats["tiny"]}))
    with pytest.raises(UnnormKeyError, match=r"'tiny'.*mine_no_noops"):
        OpenVLAOFTPolicy.from_pretrained(folder)
    assert OpenVLAOFTPolicy.from_pretrained(folder, "mine").stats.key == "mine_no_noops"


def test_options_replace_saved_ones(folder):
    assert OpenVLAOFTPolicy.from_pretrained(folder, top_k=5).config.top_k == 5
    with pytest.raises(ConfigError, match=r"unknown options.*topk"):
        OpenVLAOFTPolicy.from_pretrained(folder, topk=5)
    with pytest.raises(ConfigError, match="float17"):
        OpenVLAOFTPolicy.from_pretrained(folder, dtype="float17")


def test_l1_head(folder, make_observation):
    torch.manual_seed(0)
    head = L1ActionHead(96, 7)
    saved = {f"module.{k}": v for k, v in head.state_dict().items()}  # as upstream saves from DistributedDataParallel
    torch.save({k: v * 0 for k, v in saved.items()}, folder / "action_head--100_checkpoint.pt")
    torch.save(saved, folder / "action_head--2000_checkpoint.pt")
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    inputs = policy.observe(make_observation(2))
    with torch.no_grad():
        output = policy._network(inputs)
        expected = head(output.hidden)  # of step 2000, not of step 100
    torch.testing.assert_close(output.actions, expected)
    assert output.actions.shape == (2, 2, 7)
    torch.testing.assert_close(torch.tensor(policy.predict(make_observation(2))), expected)
    with pytest.raises(UnsupportedError, match="L1 head"):
        policy.act(make_observation(2))


def test_unsupported_parts_are_named(folder):
    torch.save({"noise_predictor.fc1.weight": torch.zeros(1)}, folder / "action_head--1_checkpoint.pt")
    with pytest.raises(UnsupportedError, match="noise_predictor"):
        OpenVLAOFTModel.from_pretrained(folder)
    (folder / "action_head--1_checkpoint.pt").unlink()
    torch.save({}, folder / "vision_backbone--1_checkpoint.pt")
    with pytest.raises(UnsupportedError, match="FiLM"):
        OpenVLAOFTModel.from_pretrained(folder)


def test_proprio_is_never_dropped_silently(folder, make_observation):
    (folder / "proprio_projector--latest_checkpoint.pt").unlink()
    with pytest.raises(CheckpointError, match=r"proprio_projector.fc1.weight"):
        OpenVLAOFTModel.from_pretrained(folder)  # our config says that there is one
    config = json.loads((folder / "config.json").read_text())
    config["vla_policy"]["proprio_dim"] = None
    (folder / "config.json").write_text(json.dumps(config))
    model = OpenVLAOFTModel.from_pretrained(folder)
    with pytest.raises(ObservationError, match="no proprioception projector"):
        model(torch.tensor([[1, 3]]), torch.zeros(1, 12, 32, 32), None, torch.zeros(1, 8))


def test_dtype(folder, make_observation, generator):
    policy = OpenVLAOFTPolicy.from_pretrained(folder, dtype=torch.bfloat16)
    assert policy.model.dtype == torch.bfloat16
    assert {p.dtype for p in policy.value_head.parameters()} == {torch.float32}
    output = policy.act(make_observation(2), generator=generator(0))
    scored = policy.evaluate(output.inputs, output.tokens)
    torch.testing.assert_close(scored.log_probs, output.log_probs, rtol=0, atol=1e-5)


def as_bin(folder, shards):
    """The older layout: the same weights in `pytorch_model*.bin`."""
    weights = list(load_file(folder / "model.safetensors").items())
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(dict(weights), folder / "pytorch_model.bin")
        return
    weight_map = {}
    for i in range(shards):
        name = f"pytorch_model-{i + 1:05d}-of-{shards:05d}.bin"
        torch.save(dict(weights[i::shards]), folder / name)
        weight_map |= {key: name for key, _ in weights[i::shards]}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.parametrize("shards", [1, 3])
def test_bin_files(tiny, folder, shards):
    as_bin(folder, shards)
    before = contents(folder)
    loaded = OpenVLAOFTModel.from_pretrained(folder)
    for name, weight in tiny.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert contents(folder) == before


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_truncated_files_are_named(folder, kind):
    if kind == "bin":
        as_bin(folder, 1)
    file = folder / ("model.safetensors" if kind == "safetensors" else "pytorch_model.bin")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(CheckpointError, match=rf"{file.name} cannot be read; it may be truncated"):
        OpenVLAOFTModel.from_pretrained(folder)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "file", ["model.safetensors", "value_head.safetensors", "proprio_projector--latest_checkpoint.pt"]
)
def test_weights_that_are_not_finite_are_refused_by_name(folder, file, bad):
    path = folder / file
    weights = torch.load(path, weights_only=True) if path.suffix == ".pt" else load_file(path)
    name = sorted(weights)[2]
    weights[name].view(-1)[1] = bad
    if path.suffix == ".pt":
        torch.save(weights, path)
    else:
        save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"has weights that are not finite: [\w.]*" + name.rpartition(".")[2]):
        OpenVLAOFTPolicy.from_pretrained(folder)


def test_finite_weights_whose_sum_overflows_are_taken(folder):
    weights = load_file(folder / "model.safetensors")
    name = sorted(weights)[0]
    weights[name].view(-1)[:2] = 3e38
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    OpenVLAOFTPolicy.from_pretrained(folder)
