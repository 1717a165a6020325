import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ConfigError

pytest.importorskip("peft")


@pytest.fixture
def folder(build_tiny, tmp_path):
    build_tiny(seed=2).save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def test_new_adapters_change_nothing_and_are_all_that_trains(folder, make_observation, generator):
    base, adapted = (OpenVLAOFTPolicy.from_pretrained(folder, lora=lora) for lora in (None, 4))
    first, second = (p.act(make_observation(2), generator=generator(0)) for p in (base, adapted))
    torch.testing.assert_close(first.log_probs, second.log_probs, rtol=0, atol=1e-6)
    trainable = [n for n, p in adapted.named_parameters() if p.requires_grad]
    assert all(".lora_" in n or n.startswith("value_head.") for n in trainable)
    assert {n.split(".")[1] for n in trainable if ".lora_" in n} == {"vision_backbone", "projector", "language_model"}
    scored = adapted.evaluate(second.inputs, second.tokens)
    scored.log_probs.sum().backward()
    assert all(p.grad is not None for n, p in adapted.named_parameters() if ".lora_B." in n)


def test_saving_merges(folder, tmp_path, make_observation, generator):
    adapted = OpenVLAOFTPolicy.from_pretrained(folder, lora={"rank": 4, "alpha": 8})
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.05, generator=generator(0))
    adapted.save_pretrained(tmp_path / "merged")
    merged = OpenVLAOFTPolicy.from_pretrained(tmp_path / "merged")
    output = adapted.act(make_observation(2), generator=generator(0))
    with torch.no_grad():
        scored = merged.evaluate(output.inputs, output.tokens)
        plain = OpenVLAOFTPolicy.from_pretrained(folder).evaluate(output.inputs, output.tokens)
    torch.testing.assert_close(scored.log_probs, output.log_probs, rtol=0, atol=1e-5)
    assert (plain.log_probs - output.log_probs).abs().max() > 1e-3


def test_adapters_are_float32_in_a_bfloat16_network(folder, make_observation):
    policy = OpenVLAOFTPolicy.from_pretrained(folder, lora=2, dtype="bfloat16")
    kinds = {".lora_" in n: p.dtype for n, p in policy.model.named_parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    output = policy.act(make_observation(2))
    assert output.log_probs.dtype == torch.float32
    policy.evaluate(output.inputs, output.tokens).log_probs.sum().backward()


def test_unknown_options(folder):
    with pytest.raises(ConfigError, match="dropout"):
        OpenVLAOFTPolicy.from_pretrained(folder, lora={"dropout": 0.1})
    with pytest.raises(ConfigError, match="rank"):
        OpenVLAOFTPolicy.from_pretrained(folder, lora=0)
