"""Our Llama against transformers' own, given a mask that hides nothing but padding."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vla_policy.errors import ConfigError
from vla_policy.model.config import LlamaSizes
from vla_policy.model.language import BidirectionalLlama, rotary_angles

SIZES = LlamaSizes(
    vocab_size=50,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
)


def networks():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    ours = BidirectionalLlama(SIZES)
    options = {k: getattr(SIZES, k) for k in LlamaSizes.__dataclass_fields__ if k != "rope_theta"}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**options, attn_implementation="eager"))
    theirs.load_state_dict(ours.state_dict(), strict=True)
    return ours, theirs


def test_equals_transformers_with_an_open_mask():
    ours, theirs = networks()
    embeddings = torch.randn(2, 9, 32)
    valid = torch.tensor([[True] * 9, [True] * 6 + [False] * 3])
    queries = torch.tensor([[2, 8], [0, 5]])
    additive = torch.zeros(2, 1, 9, 9).masked_fill(~valid[:, None, None, :], torch.finfo(torch.float32).min)
    with torch.no_grad():
        hidden = ours.model(embeddings, valid, queries)
        full = theirs(inputs_embeds=embeddings, attention_mask=additive, output_hidden_states=True)
    for b in range(2):
        torch.testing.assert_close(hidden[b], full.hidden_states[-1][b, queries[b]], rtol=0, atol=2e-6)
        logits = ours.logits(hidden, 10, 20)[b]
        torch.testing.assert_close(logits, full.logits[b, queries[b], 10:30], rtol=0, atol=2e-6)


def test_later_positions_are_seen():
    ours = BidirectionalLlama(SIZES)
    embeddings = torch.randn(1, 5, 32)
    changed = embeddings.clone()
    changed[0, 4] += 1.0
    with torch.no_grad():
        first, second = (ours.model(x, None, torch.tensor([[0]])) for x in (embeddings, changed))
    assert (first - second).abs().max() > 1e-3


def test_checkpointing_gives_the_same_gradient():
    ours = BidirectionalLlama(SIZES)
    gradients = []
    for recompute in (False, True, "selective"):
        ours.model.gradient_checkpointing_enable(recompute)
        ours.zero_grad()
        ours.model(torch.ones(1, 5, 32), None, torch.tensor([[1, 2]])).square().sum().backward()
        gradients.append(ours.model.layers[0].self_attn.q_proj.weight.grad.clone())
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_selective_checkpointing_computes_no_matrix_product_twice():
    # forward F, backward 2 F. Of F, k and v are 2 x 5 x 32 x 16 multiplications, q and o 2 x 2 x 32 x 32, and three
    # products of the feed-forward 3 x 2 x 32 x 48. Computing all again stops before the last one, down, whose output
    # nothing needs: that is F (1 - 3072 / 18432) = 5/6 F. Attention is no product here: its kernel is one operator
    counted = {}
    for recompute in (False, True, "selective"):
        ours = BidirectionalLlama(replace(SIZES, num_hidden_layers=1))
        ours.model.gradient_checkpointing_enable(recompute)
        with FlopCounterMode(display=False) as counter:
            out = ours.model(torch.ones(1, 5, 32, requires_grad=True), None, torch.tensor([[1, 2]]))
            out.square().sum().backward()
        products = counter.get_flop_counts()["Global"]
        counted[recompute] = sum(flop for operator, flop in products.items() if "mm" in str(operator))
    assert counted["selective"] == counted[False] > 0
    assert counted[True] == pytest.approx(counted[False] / 3 * (3 + 5 / 6))


def test_rotary_angles_stay_float32():
    # At position 600 bfloat16 (8 bits) would round the angle by up to 2; cos of the right angle is then rounded once.
    cos, _ = rotary_angles(601, SIZES, torch.device("cpu"), torch.bfloat16)
    assert cos[600, 0].item() == pytest.approx(torch.cos(torch.tensor(600.0)).item(), abs=4e-3)


def test_sizes_that_do_not_fit():
    with pytest.raises(ConfigError, match="hidden_size 30"):
        LlamaSizes(hidden_size=30, num_attention_heads=4)
    with pytest.raises(ConfigError, match="num_key_value_heads 3"):
        LlamaSizes(hidden_size=32, num_attention_heads=4, num_key_value_heads=3)
