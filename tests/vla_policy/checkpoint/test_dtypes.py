"""Folders whose parts are stored in different dtypes, as real checkpoints are, loaded with default arguments."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import CheckpointError
from vla_policy.model.heads import L1ActionHead

DTYPES = (torch.bfloat16, torch.float16, torch.float32)
PROJECTOR = "proprio_projector--latest_checkpoint.pt"
HEAD = "action_head--latest_checkpoint.pt"


@pytest.fixture(scope="module")
def stored(tiny, tmp_path_factory):
    """A checkpoint's folder, and its four parts in float32."""
    folder = tmp_path_factory.mktemp("dtypes")
    tiny.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = L1ActionHead(96, 7).state_dict()
    return folder, {
        "model.safetensors": load_file(folder / "model.safetensors"),
        PROJECTOR: torch.load(folder / PROJECTOR, weights_only=True),
        HEAD: {f"module.{name}": weight for name, weight in head.items()},  # as upstream saves it
        "value_head.safetensors": load_file(folder / "value_head.safetensors"),
    }


def write(stored, dtypes):
    """Store the parts in these dtypes, None: leave it out; returns the folder."""
    folder, parts = stored
    for name, dtype in dtypes.items():
        (folder / name).unlink(missing_ok=True)
        if dtype is not None:
            weights = {key: weight.to(dtype) for key, weight in parts[name].items()}
            (save_file if name.endswith(".safetensors") else torch.save)(weights, folder / name)
    return folder


@pytest.mark.parametrize("network", DTYPES)
@pytest.mark.parametrize("projector", DTYPES)
def test_every_mixture_acts_as_if_it_were_stored_in_the_dtype_of_the_network(
    stored, make_observation, generator, network, projector
):
    observation = make_observation(2)
    for head, value_head in itertools.product((None, *DTYPES), DTYPES):
        dtypes = {"model.safetensors": network, PROJECTOR: projector, HEAD: head, "value_head.safetensors": value_head}
        policy = OpenVLAOFTPolicy.from_pretrained(write(stored, dtypes))
        assert {weight.dtype for weight in policy.model.parameters()} == {network}
        assert {weight.dtype for weight in policy.value_head.parameters()} == {torch.float32}
        # each part rounded to what it was stored in, then to the network's dtype
        _, parts = stored
        plain = {name.replace("scale_factor", "gamma"): w.to(network) for name, w in parts["model.safetensors"].items()}
        plain |= {f"proprio_projector.{name}": w.to(projector).to(network) for name, w in parts[PROJECTOR].items()}
        if head is not None:
            plain |= {f"action_head.{name[7:]}": w.to(head).to(network) for name, w in parts[HEAD].items()}
        loaded = policy.model.state_dict()
        assert loaded.keys() == plain.keys()
        for name, weight in plain.items():
            assert torch.equal(loaded[name], weight), name
        actions = policy.predict(observation)
        assert actions.shape == (2, 2, 7)
        output = policy.act(observation, deterministic=head is not None, generator=generator(0))
        assert output.values.dtype == torch.float32
        if head is None:
            scored = policy.evaluate(output.inputs, output.tokens)
            torch.testing.assert_close(scored.log_probs, output.log_probs, rtol=0, atol=1e-5)


def test_what_upstreams_fine_tuning_writes_predicts_what_upstream_predicts(stored, make_observation):
    """A bfloat16 network and L1 head beside a float32 projector; upstream's loader casts each to bfloat16
    (openvla-oft 213c5ff, `openvla_utils.py::{get_vla, get_proprio_projector, get_action_head}`)."""
    half = torch.bfloat16
    folder = write(stored, {"model.safetensors": half, PROJECTOR: torch.float32, HEAD: half})
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    inputs = policy.observe(make_observation(3))
    with torch.no_grad():
        output = policy._network(inputs)
        token = policy.model.proprio_projector(inputs["proprio"].to(half))
    weights = {name: weight.to(half) for name, weight in stored[1][PROJECTOR].items()}
    # Linear, GELU, Linear on the state rounded to bfloat16: upstream's `ProprioProjector`
    first = F.gelu(F.linear(inputs["proprio"].to(half), weights["fc1.weight"], weights["fc1.bias"]))
    assert torch.equal(token, F.linear(first, weights["fc2.weight"], weights["fc2.bias"]))
    head = L1ActionHead(96, 7).to(half)
    head.load_state_dict({name[7:]: weight.to(half) for name, weight in stored[1][HEAD].items()})
    with torch.no_grad():
        assert torch.equal(output.actions, head(output.hidden))
    expected = OpenVLAOFTPolicy.from_pretrained(folder, dtype="bfloat16").predict(make_observation(3))
    assert (policy.predict(make_observation(3)) == expected).all()


def test_mixed_weights_inside_the_safetensors(stored, make_observation):
    folder, parts = stored
    write(stored, {PROJECTOR: torch.float32, HEAD: None})
    weights = {
        name: weight if "norm" in name or "lm_head" in name else weight.bfloat16()
        for name, weight in parts["model.safetensors"].items()
    }
    save_file(weights, folder / "model.safetensors")
    policy = OpenVLAOFTPolicy.from_pretrained(folder)
    assert {weight.dtype for weight in policy.model.parameters()} == {torch.bfloat16}
    assert policy.predict(make_observation(2)).shape == (2, 2, 7)
    wide = OpenVLAOFTPolicy.from_pretrained(folder, dtype=torch.float32)
    assert torch.equal(
        wide.model.language_model.lm_head.weight, parts["model.safetensors"]["language_model.lm_head.weight"]
    )


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.bool])
def test_weights_of_other_dtypes_are_named(stored, dtype):
    folder, parts = stored
    weights = parts["model.safetensors"] | {"projector.fc2.bias": torch.zeros(96).to(dtype)}
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"projector\.fc2\.bias is {dtype}; allowed: .*bfloat16"):
        OpenVLAOFTPolicy.from_pretrained(folder)


def test_weights_are_written_in_the_type_that_is_asked_for(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "own")
    before = {name: weight.clone() for name, weight in tiny.state_dict().items()}
    tiny.save_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    own, half = (load_file(tmp_path / folder / "model.safetensors") for folder in ("own", "half"))
    assert own.keys() == half.keys()
    for name, weight in own.items():
        assert weight.dtype == torch.float32
        assert torch.equal(half[name], weight.bfloat16()), name
    projector = torch.load(tmp_path / "half" / PROJECTOR, weights_only=True)
    assert {weight.dtype for weight in projector.values()} == {torch.bfloat16}
    head = load_file(tmp_path / "half" / "value_head.safetensors")
    assert {weight.dtype for weight in head.values()} == {torch.float32}
    assert all(torch.equal(weight, before[name]) for name, weight in tiny.state_dict().items())  # nothing is cast here
    loaded = OpenVLAOFTPolicy.from_pretrained(tmp_path / "half")
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}


def test_files_are_cut_by_the_size_that_is_written(tiny, tmp_path):
    size = sum(weight.nbytes for weight in tiny.model.state_dict().values())
    tiny.model.save_pretrained(tmp_path, max_shard_bytes=size // 2, dtype=torch.bfloat16)
    assert (tmp_path / "model.safetensors").is_file()  # half of float32's bytes is one file


def test_adapters_are_merged_before_they_are_rounded(build_tiny, tmp_path):
    policy = build_tiny(lora=2)
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            if "lora_B" in name:
                weight.add_(0.02)
    policy.save_pretrained(tmp_path / "own")
    policy.save_pretrained(tmp_path / "half", dtype=torch.bfloat16)
    own, half = (load_file(tmp_path / folder / "model.safetensors") for folder in ("own", "half"))
    assert all(torch.equal(half[name], weight.bfloat16()) for name, weight in own.items())
