"""Policies for the spaces of an environment."""

import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ConfigError, SpaceError


@pytest.fixture
def saved(make_spaces, tmp_path):
    """A checkpoint for chunks of 3, with two cameras and a state."""
    policy = OpenVLAOFTPolicy.tiny(*make_spaces(chunk=3), seed=1)
    policy.save_pretrained(tmp_path / "saved")
    return policy, tmp_path / "saved"


def test_a_checkpoint_is_loaded_for_an_environment(saved, make_spaces, make_observation):
    policy, folder = saved
    loaded = OpenVLAOFTPolicy.for_spaces(*make_spaces(chunk=3), path=folder)
    observation = make_observation(2)
    first, second = (p.act(observation, deterministic=True) for p in (policy, loaded))
    assert torch.equal(first.tokens, second.tokens)


def test_a_misfit_is_named(saved, make_spaces):
    _, folder = saved
    with pytest.raises(SpaceError, match="action_chunk=3"):
        OpenVLAOFTPolicy.for_spaces(*make_spaces(chunk=2), path=folder)
    observation, action = make_spaces(chunk=3)
    del observation.spaces["state"]
    with pytest.raises(SpaceError, match="a state of 8"):
        OpenVLAOFTPolicy.for_spaces(observation, action, path=folder, num_images=2)
    with pytest.raises(ConfigError, match="colour"):
        OpenVLAOFTPolicy.for_spaces(*make_spaces(chunk=3), path=folder, colour="red")


def test_tiny_with_adapters_trains_them_and_the_value_head_alone(make_spaces, make_observation):
    spaces = make_spaces(chunk=2)
    plain, adapted = OpenVLAOFTPolicy.tiny(*spaces), OpenVLAOFTPolicy.tiny(*spaces, lora={"rank": 4, "alpha": 8})
    # adapters begin as nothing
    observation = make_observation(2)
    first, second = (p.act(observation, deterministic=True) for p in (plain, adapted))
    torch.testing.assert_close(first.log_probs, second.log_probs, atol=1e-5, rtol=0)
    trainable = {name for name, weight in adapted.named_parameters() if weight.requires_grad}
    assert trainable
    assert all(".lora_" in name or name.startswith("value_head.") for name in trainable)


def test_gradient_checkpointing_changes_no_gradient(make_spaces, make_observation):
    policy = OpenVLAOFTPolicy.tiny(*make_spaces(chunk=2))
    out = policy.act(make_observation(2), generator=torch.Generator().manual_seed(0))
    gradients = []
    for enable in (False, True):
        policy.gradient_checkpointing_enable(enable)
        policy.zero_grad()
        policy.evaluate(out.inputs, out.tokens).log_probs.sum().backward()
        gradients.append({n: p.grad.clone() for n, p in policy.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)
