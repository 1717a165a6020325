"""Logits and values are float32's, whatever the network computes in: against float64 on the same hidden states."""

import copy

import pytest
import torch
from torch import nn

from vla_policy.model.language import rotary_angles
from vla_policy.precision import WideLinear, widen, without_autocast
from vla_policy.preprocess import ImagePipeline

BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32


def make(build_tiny, weights=FP32, head=FP32):
    """Logits near 20 and values near 1, as of a trained network: bfloat16 moves in steps of 1/8 and 1/256 there."""
    policy = build_tiny(seed=0)
    with torch.no_grad():
        policy.model.language_model.lm_head.weight.mul_(8.0)
        policy.value_head.mlp[-1].weight.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(0))
    policy.model.to(weights)
    policy.value_head.to(head)
    return policy


def measured(policy, inputs, tokens):
    """What `evaluate` gives, and the same in float64 from the hidden states that it saw."""
    seen = {}
    hook = policy.model.register_forward_hook(lambda _module, _inputs, output: seen.update(output=output))
    scores = policy.evaluate(inputs, tokens)
    hook.remove()
    output, sizes = seen["output"], policy.model.config
    rows = policy.model.language_model.lm_head.weight[sizes.vocab_size - sizes.bins : sizes.vocab_size]
    with without_autocast(torch.device("cpu")):
        logits = output.hidden.double() @ rows.double().T
        log_probs = torch.log_softmax(logits, -1)
        chosen = log_probs.gather(-1, (tokens - policy.model.first_action_id)[..., None])[..., 0]
        entropy = -(log_probs.exp() * log_probs).sum(-1)
        head = copy.deepcopy(policy.value_head.mlp).double()
        values = head(output.hidden.double().mean(1))[:, 0]
    return output, scores, (logits, chosen, entropy, values)


CASES = {
    "autocast": (FP32, FP32, BF16),
    "autocast over a bfloat16 network": (BF16, FP32, BF16),
    "float16 autocast": (FP32, FP32, FP16),
    "bfloat16": (BF16, FP32, None),
    "float16": (FP16, FP32, None),
    "all of the policy bfloat16": (BF16, BF16, None),
    "all of the policy float16": (FP16, FP16, None),
    "float32": (FP32, FP32, None),
}


@pytest.mark.parametrize("case", CASES)
def test_logits_and_values_are_float32(build_tiny, make_observation, case):
    weights, head, autocast = CASES[case]
    policy = make(build_tiny, weights, head)
    with torch.no_grad(), torch.autocast("cpu", autocast or BF16, enabled=autocast is not None):
        out = policy.act(make_observation(4), generator=torch.Generator().manual_seed(0))
        output, scores, (logits, chosen, entropy, values) = measured(policy, out.inputs, out.tokens)
    given = (output.logits, scores.log_probs, scores.entropy, scores.values, out.log_probs, out.values)
    assert {tensor.dtype for tensor in given} == {torch.float32}
    assert output.logits.abs().max() > 16
    assert scores.values.abs().max() > 0.1
    # float32 has 24 bits: sums of 96 products near 20 are right to 1e-4; bfloat16 would be wrong by 0.06.
    torch.testing.assert_close(output.logits.double(), logits, rtol=0, atol=1e-4)
    torch.testing.assert_close(scores.log_probs.double(), chosen, rtol=0, atol=1e-4)
    torch.testing.assert_close(scores.entropy.double(), entropy, rtol=0, atol=1e-4)
    torch.testing.assert_close(scores.values.double(), values, rtol=0, atol=1e-5)
    torch.testing.assert_close(scores.log_probs, out.log_probs, rtol=0, atol=1e-6)
    torch.testing.assert_close(scores.values, out.values, rtol=0, atol=1e-6)


def test_gradients_flow_under_autocast(build_tiny, make_observation):
    policy = make(build_tiny)
    out = policy.act(make_observation(2), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", BF16):
        scores = policy.evaluate(out.inputs, out.tokens)
        (scores.log_probs.sum() + scores.values.sum()).backward()
    for weight in (policy.model.language_model.lm_head.weight, policy.value_head.mlp[0].weight):
        assert weight.grad.dtype == torch.float32
        assert weight.grad.abs().sum() > 0


def test_without_autocast_nothing_changes():
    torch.manual_seed(0)
    layer, plain = WideLinear(64, 32), nn.Linear(64, 32)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 64)
    assert torch.equal(layer(x), plain(x))
    assert layer.double()(x.double()).dtype == torch.float64  # for gradient checks
    assert widen(x.half()).dtype == torch.float32


def test_a_device_without_autocast():
    assert WideLinear(3, 2, device="meta")(torch.zeros(1, 3, device="meta")).shape == (1, 2)


def test_images_are_filtered_in_float32_under_autocast():
    # The published pipeline resizes 256 to 224 pixels; with weights of 8 bits most values would be off by a level.
    images = torch.randint(
        0, 256, (1, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    ).numpy()
    pipeline = ImagePipeline(size=56, jpeg_quality=None)
    expected = pipeline.prepare(images)
    with torch.autocast("cpu", BF16):
        assert torch.equal(pipeline.prepare(images), expected)


def test_rotary_angles_are_the_same_under_autocast(tiny):
    angles = [rotary_angles(601, tiny.model.config.text, torch.device("cpu"), FP32)]
    with torch.autocast("cpu", BF16):
        angles.append(rotary_angles(601, tiny.model.config.text, torch.device("cpu"), FP32))
    for first, second in zip(*angles, strict=True):
        assert torch.equal(first, second)
