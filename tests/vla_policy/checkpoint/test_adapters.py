"""Adapters alone, and what reinforcement-learning and fine-tuning runs of other projects leave.

Folders are written here by peft itself in the layouts of openvla-oft 213c5ff (`finetune.py`), SimpleVLA-RL 7c51662
(`fsdp_workers.py::save_checkpoint`) and RLinf a3816b5 (`fsdp/strategy/base.py`, `convert_pt_to_hf.py`).
"""

import json
import shutil

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.errors import CheckpointError, ConfigError, UnsupportedError

RLINF_TARGETS = [
    *("proj", "qkv", "fc1", "fc2", "q", "kv", "fc3", "out_proj"),
    *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"),
]
"""RLinf a3816b5, `rlinf/models/__init__.py`; openvla-oft's "all-linear" has the same names but for the last."""


@pytest.fixture(scope="module")
def saved(build_tiny, tmp_path_factory):
    build_tiny(seed=3).save_pretrained(folder := tmp_path_factory.mktemp("saved"))
    return folder


@pytest.fixture
def base(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "base")


def peft_model(base, targets, rank=4, alpha=8, **options):
    """The base's network wrapped by peft, with adapters that change it."""
    network = OpenVLAOFTModel.from_pretrained(base)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        wrapped = get_peft_model(network, LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, **options))
        with torch.no_grad():
            for name, weight in wrapped.named_parameters():
                if "lora_B" in name:
                    weight.normal_(0, 0.05)
    return wrapped


def save_peft(wrapped, folder, base):
    wrapped.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = None if base is None else str(base)
    (folder / "adapter_config.json").write_text(json.dumps(config))


def merged(wrapped):
    """The network's weights with peft's own sum."""
    return wrapped.merge_and_unload().state_dict()


def assert_weights(policy, expected):
    loaded = dict(policy.model.state_dict())
    assert loaded.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(loaded[name], weight, rtol=0, atol=1e-6)


def unmerged_run(base, folder, targets=RLINF_TARGETS[:-1], named=True):
    """What finetune.py leaves with merge_lora_during_training=False, and the weights that it stands for."""
    # upstream trains the projector beside the network, without adapters
    wrapped = peft_model(base, targets, exclude_modules=r"proprio_projector\..*")
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(base / name, folder)
    statistics = json.loads((base / "dataset_statistics.json").read_text())
    statistics["tiny"]["action"]["q99"] = [2.0] * 7
    statistics["tiny"]["action"]["mask"] = [True] * 7
    (folder / "dataset_statistics.json").write_text(json.dumps({"mine": statistics["tiny"]}))
    projector = torch.load(base / "proprio_projector--latest_checkpoint.pt", weights_only=True)
    projector = {f"module.{name}": weight + 0.1 for name, weight in projector.items()}
    torch.save(projector, folder / "proprio_projector--100_checkpoint.pt")
    save_peft(wrapped, folder / "lora_adapter", base if named else "gone/from-this-machine/../x")
    weights = merged(wrapped)
    weights |= {f"proprio_projector.{name.removeprefix('module.')}": w for name, w in projector.items()}
    return weights


# ---- adapters of ours


def scatter(policy, seed=0):
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if ".lora_" in name or name.startswith("value_head"):
                weight.normal_(0, 0.05, generator=torch.Generator().manual_seed(seed))


def test_an_adapter_saved_alone_comes_back_and_trains_on(base, tmp_path, make_observation, generator):
    policy = OpenVLAOFTPolicy.from_pretrained(base, lora={"rank": 4, "alpha": 6})
    scatter(policy)
    policy.use_statistics("mine", {"action": {"q01": [-2.0] * 7, "q99": [2.0] * 7}})
    policy.save_adapter(tmp_path / "adapter")
    assert sorted(f.name for f in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "dataset_statistics.json",
        "value_head.safetensors",
    ]
    size = (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size
    assert size < (base / "model.safetensors").stat().st_size / 3
    expected = policy.act(make_observation(3), generator=generator(0))

    on = OpenVLAOFTPolicy.from_pretrained(base, lora=tmp_path / "adapter")
    assert {n: p.requires_grad for n, p in on.named_parameters()} == {
        n: p.requires_grad for n, p in policy.named_parameters()
    }
    alone = OpenVLAOFTPolicy.from_pretrained(tmp_path / "adapter")  # its base is the folder that it came from
    for loaded in (on, alone):
        assert loaded.stats.key == "mine"
        output = loaded.act(make_observation(3), generator=generator(0))
        assert torch.equal(output.tokens, expected.tokens)
        torch.testing.assert_close(output.log_probs, expected.log_probs, rtol=0, atol=1e-5)
        torch.testing.assert_close(output.values, expected.values, rtol=0, atol=1e-5)
        assert (output.actions == expected.actions).all()
    assert not [n for n, _ in alone.named_parameters() if "lora" in n]

    # training goes on: the same step from the same state changes the same weights
    for trained in (policy, on):
        optimizer = torch.optim.SGD([p for p in trained.parameters() if p.requires_grad], lr=0.1)
        (-trained.evaluate(expected.inputs, expected.tokens).log_probs.mean()).backward()
        optimizer.step()
    on.save_adapter(tmp_path / "later")
    first, later = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("adapter", "later"))
    assert first.keys() == later.keys()
    assert sum(not torch.equal(first[name], later[name]) for name in first) > len(first) / 2
    for name, weight in policy.named_parameters():
        torch.testing.assert_close(dict(on.named_parameters())[name], weight, rtol=0, atol=1e-6)


def test_peft_reads_what_save_adapter_writes(base, tmp_path):
    from peft import PeftModel

    policy = OpenVLAOFTPolicy.from_pretrained(base, lora={"rank": 4, "alpha": 6})
    scatter(policy)
    policy.save_adapter(tmp_path / "adapter")
    read = PeftModel.from_pretrained(OpenVLAOFTModel.from_pretrained(base), tmp_path / "adapter")
    policy.save_pretrained(tmp_path / "merged")
    expected = OpenVLAOFTModel.from_pretrained(tmp_path / "merged").state_dict()
    found = merged(read)
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-6)


def test_save_adapter_refuses(base, tmp_path):
    with pytest.raises(UnsupportedError, match="no adapters; load it with lora="):
        OpenVLAOFTPolicy.from_pretrained(base).save_adapter(tmp_path / "adapter")
    unmerged_run(base, tmp_path / "run")
    policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "run", lora=2)
    with pytest.raises(UnsupportedError, match="another adapter was merged"):
        policy.save_adapter(tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


# ---- peft's folders


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"q_proj": 5, "fc1": 3}},
    ],
)
def test_an_adapter_folder_is_merged_or_trained_on(base, tmp_path, options):
    wrapped = peft_model(base, RLINF_TARGETS, **options)
    save_peft(wrapped, tmp_path / "adapter", base)
    expected = merged(wrapped)
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "adapter"), expected)
    on = OpenVLAOFTPolicy.from_pretrained(base, lora=str(tmp_path / "adapter"))
    on.save_pretrained(tmp_path / "merged")
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "merged"), expected)
    # also the parts that this network cannot train, the output matrix and a trunk's last block, are kept
    on.save_adapter(tmp_path / "again")
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "again"), expected)
    names = load_file(tmp_path / "again" / "adapter_model.safetensors").keys()
    assert names == load_file(tmp_path / "adapter" / "adapter_model.safetensors").keys()
    assert "base_model.model.language_model.lm_head.lora_A.weight" in names


def test_an_adapter_inside_a_merged_checkpoint_is_not_added_twice(base, tmp_path):
    """finetune.py and SimpleVLA-RL: merged weights, with lora_adapter/ beside them."""
    wrapped = peft_model(base, RLINF_TARGETS[:-1])
    shutil.copytree(base, tmp_path / "run")
    save_peft(wrapped, tmp_path / "run" / "lora_adapter", base)
    network = OpenVLAOFTModel.from_pretrained(base)
    network.load_state_dict(merged(wrapped))
    network.save_pretrained(tmp_path / "run")
    expected = network.state_dict()
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "run"), expected)
    with pytest.raises(CheckpointError, match=r"have the adapter .* merged in already; .* path=.*base"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "run", lora=tmp_path / "run" / "lora_adapter")
    on = OpenVLAOFTPolicy.from_pretrained(base, lora=tmp_path / "run" / "lora_adapter")
    on.save_pretrained(tmp_path / "merged")
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "merged"), expected)


def test_an_adapter_inside_its_own_base_is_added(base):
    wrapped = peft_model(base, RLINF_TARGETS[:-1])
    save_peft(wrapped, base / "lora_adapter", base)  # it names the folder that it lies in
    assert_weights(OpenVLAOFTPolicy.from_pretrained(base), merged(wrapped))


def test_an_unmerged_fine_tuning_run(base, tmp_path):
    expected = unmerged_run(base, tmp_path / "run")
    policy = OpenVLAOFTPolicy.from_pretrained(tmp_path / "run")
    assert_weights(policy, expected)
    assert policy.stats.key == "mine"  # of the run, not of its base
    on = OpenVLAOFTPolicy.from_pretrained(base, lora=tmp_path / "run" / "lora_adapter")
    assert on.stats.key == "mine"
    assert torch.equal(on.model.proprio_projector.fc1.weight, expected["proprio_projector.fc1.weight"])
    policy.save_pretrained(tmp_path / "merged")
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "merged"), expected)


def test_a_base_that_is_not_here_is_named(base, tmp_path):
    expected = unmerged_run(base, tmp_path / "run", named=False)
    with pytest.raises(CheckpointError, match=r"no weights of the network, .* name another copy as base="):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "run")
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "run", base=base), expected)
    with pytest.raises(ConfigError, match="has a config and weights of its own"):
        OpenVLAOFTPolicy.from_pretrained(base, base=base)


def test_rlinf_converted_without_merging(base, tmp_path):
    """`copy_model_config_and_code` takes .py, .json and .md of the base, weights' index included."""
    wrapped = peft_model(base, RLINF_TARGETS, alpha=4)
    run = tmp_path / "run"
    run.mkdir()
    for file in base.glob("*.json"):
        shutil.copy(file, run)
    index = {"weight_map": {"projector.fc1.weight": "model-00001-of-00002.safetensors"}}
    (run / "model.safetensors.index.json").write_text(json.dumps(index))
    save_peft(wrapped, run / "lora_adapter", base)
    assert_weights(OpenVLAOFTPolicy.from_pretrained(run), merged(wrapped))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"use_dora": True}, "use_dora is True.*merge"),
        ({"peft_type": "IA3"}, "'IA3'; LORA can be read"),
        ({"bias": "all"}, "bias is 'all'"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"r": 16}, "ranks differ"),
    ],
)
def test_other_adapters_are_refused_by_name(base, tmp_path, change, message):
    save_peft(peft_model(base, ["q_proj"]), tmp_path / "adapter", base)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config | change))
    with pytest.raises((CheckpointError, UnsupportedError), match=message):
        OpenVLAOFTPolicy.from_pretrained(base, lora=tmp_path / "adapter")


def test_adapters_of_another_network_are_refused(base, build_tiny, tmp_path):
    wrapped = peft_model(base, ["q_proj"])
    save_peft(wrapped, tmp_path / "adapter", None)
    build_tiny(width=128).save_pretrained(tmp_path / "wider")
    for arguments in (
        {"base": tmp_path / "wider", "path": tmp_path / "adapter"},
        {"path": tmp_path / "wider", "lora": tmp_path / "adapter"},
    ):
        with pytest.raises(CheckpointError, match=r"lora_A .* do not fit the network's weight \(128, 128\)"):
            OpenVLAOFTPolicy.from_pretrained(**arguments)
    weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    weights = {name.replace("layers.0", "layers.7"): weight for name, weight in weights.items()}
    save_file(weights, tmp_path / "adapter" / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match=r"the network has not: language_model.model.layers.7.self_attn.q_proj"):
        OpenVLAOFTPolicy.from_pretrained(base, lora=tmp_path / "adapter")
    with pytest.raises(CheckpointError, match=r"no adapter_config.json; it has .*config.json"):
        OpenVLAOFTPolicy.from_pretrained(base, lora=base)


def test_a_copy_of_the_output_matrix_tells_another_base(base, tmp_path):
    """With a model of transformers, peft writes `lm_head.base_layer.weight` into the adapter of an output matrix."""
    wrapped = peft_model(base, ["lm_head", "q_proj"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_peft(wrapped, tmp_path / "adapter", base)
    key = "base_model.model.language_model.lm_head.base_layer.weight"
    copy = wrapped.state_dict()[key].bfloat16()
    save_file(load_file(file) | {key: copy}, file)
    assert_weights(OpenVLAOFTPolicy.from_pretrained(tmp_path / "adapter"), merged(wrapped))
    save_file(load_file(file) | {key: copy + 0.1}, file)
    with pytest.raises(CheckpointError, match=r"trained on another base: its copy of language_model.lm_head"):
        OpenVLAOFTPolicy.from_pretrained(tmp_path / "adapter")


# ---- RLinf's and SimpleVLA-RL's weights


def rlinf_head(width=96, outputs=1):
    """The value head of RLinf (`modules/value_head.py`): two hidden layers, the last without bias."""
    sizes = {"0.weight": (512, width), "0.bias": (512,), "2.weight": (128, 512), "2.bias": (128,)}
    random = torch.Generator().manual_seed(0)
    sizes["4.weight"] = (outputs, 128)
    return {f"value_head.mlp.{k}": torch.randn(size, generator=random) * 0.05 for k, size in sizes.items()}


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("inside", ["", "model_state_dict", "actor/model_state_dict"])
def test_rlinfs_full_weights(base, tmp_path, make_observation, lora, inside):
    (base / "value_head.safetensors").unlink()
    head = rlinf_head()
    if lora:
        wrapped = peft_model(base, RLINF_TARGETS, rank=4, alpha=4)  # RLinf: lora_alpha = lora_rank
        state = {
            name.replace("layers.1", "layers.1._checkpoint_wrapped_module"): w.clone()
            for name, w in wrapped.state_dict().items()
        }
        state |= {f"base_model.model.{name}": weight for name, weight in head.items()}
        expected = merged(wrapped)
    else:
        expected = OpenVLAOFTModel.from_pretrained(base).state_dict()
        expected = {name: weight + 0.01 for name, weight in expected.items()}
        state = {name.replace("gamma", "scale_factor"): weight for name, weight in expected.items()} | head
    folder = tmp_path / "global_step_10" / inside
    folder.mkdir(parents=True)
    torch.save(state, folder / "full_weights.pt")
    run = tmp_path / "global_step_10"
    with pytest.raises(
        CheckpointError, match=r"has weights alone; name the checkpoint .*RLinf's actor.model.model_path.* as base="
    ):
        OpenVLAOFTPolicy.from_pretrained(run)
    # RLinf's proprio projector lies among the network's weights, and goes before the file of the base
    policy = OpenVLAOFTPolicy.from_pretrained(run, base=base)
    assert_weights(policy, expected)
    assert (policy.value_head.config.hidden, policy.value_head.config.pool) == ((512, 128), "first")
    for name, weight in policy.value_head.state_dict().items():
        assert torch.equal(weight, head[f"value_head.{name}"])
    # RLinf's value: GELU layers on the hidden state of the prompt's last token
    with torch.no_grad():
        hidden = policy._network(policy.observe(make_observation(2))).hidden[:, 0]
        x = torch.nn.functional.gelu(hidden @ head["value_head.mlp.0.weight"].T + head["value_head.mlp.0.bias"])
        x = torch.nn.functional.gelu(x @ head["value_head.mlp.2.weight"].T + head["value_head.mlp.2.bias"])
        value = (x @ head["value_head.mlp.4.weight"].T)[:, 0]
    torch.testing.assert_close(policy.act(make_observation(2)).values, value, rtol=0, atol=1e-5)


def test_a_value_head_inside_the_safetensors(base, tmp_path):
    weights = load_file(base / "model.safetensors")
    save_file(weights | rlinf_head(), base / "model.safetensors")
    policy = OpenVLAOFTPolicy.from_pretrained(base)
    assert policy.value_head.config.pool == "first"
    assert OpenVLAOFTPolicy.from_pretrained(base, value_head={"detach": True}).value_head.config.hidden == (512, 128)
    assert OpenVLAOFTPolicy.from_pretrained(base, value_head=False).value_head is None
    OpenVLAOFTModel.from_pretrained(base)  # not the network's, and no error
    policy.save_pretrained(tmp_path / "saved")
    loaded = OpenVLAOFTPolicy.from_pretrained(tmp_path / "saved")
    assert loaded.value_head.config == policy.value_head.config
    save_file(weights | rlinf_head(outputs=8), base / "model.safetensors")
    with pytest.raises(UnsupportedError, match=r"8 values for each chunk .*action_level.*value_head=False"):
        OpenVLAOFTPolicy.from_pretrained(base)
    assert OpenVLAOFTPolicy.from_pretrained(base, value_head=False).value_head is None


def test_simplevla_rls_projector_inside_the_network(base, make_observation):
    file = base / "proprio_projector--latest_checkpoint.pt"
    projector = torch.load(file, weights_only=True)
    expected = OpenVLAOFTPolicy.from_pretrained(base).predict(make_observation(2))
    weights = load_file(base / "model.safetensors")
    save_file(weights | {f"proprio_projector.{k}": v for k, v in projector.items()}, base / "model.safetensors")
    config = json.loads((base / "config.json").read_text())
    del config["vla_policy"]["proprio_dim"]  # the published layout has no such field
    (base / "config.json").write_text(json.dumps(config | {"use_proprio": True}))
    assert (OpenVLAOFTPolicy.from_pretrained(base).predict(make_observation(2)) == expected).all()  # both, equal
    torch.save({k: v + 1 for k, v in projector.items()}, file)
    with pytest.raises(CheckpointError, match=r"two different proprio_projector\.fc1"):
        OpenVLAOFTPolicy.from_pretrained(base)
    file.unlink()
    assert (OpenVLAOFTPolicy.from_pretrained(base).predict(make_observation(2)) == expected).all()
    save_file(weights, base / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"config.json says use_proprio, but there is no proprio_projector"):
        OpenVLAOFTPolicy.from_pretrained(base)


def test_adapters_beside_the_weights_that_do_not_say_their_alpha(base):
    weights = load_file(base / "model.safetensors")
    weights["language_model.model.layers.0.self_attn.q_proj.lora_A.default.weight"] = torch.zeros(4, 96)
    save_file(weights, base / "model.safetensors")
    with pytest.raises(UnsupportedError, match="does not say their alpha; merge them"):
        OpenVLAOFTPolicy.from_pretrained(base)


def test_two_sets_of_weights_are_refused(base):
    torch.save({}, base / "full_weights.pt")
    with pytest.raises(CheckpointError, match=r"has weights and RLinf's full_weights.pt; .* base= this one"):
        OpenVLAOFTPolicy.from_pretrained(base)
