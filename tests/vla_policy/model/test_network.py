"""The network's sequence: where padding goes, what is masked, and what is refused."""

import copy
import json
import pickle

import pytest
import torch

from vla_policy import OpenVLAOFTModel
from vla_policy.checkpoint.key_map import to_file
from vla_policy.errors import ObservationError
from vla_policy.model.config import config_from_dict


@pytest.fixture
def model(tiny):
    return tiny.model


@pytest.fixture
def sample(model):
    """Prompts of 3, 6 and 5 tokens with all other inputs of the network."""
    random = torch.Generator().manual_seed(0)
    prompts = [[1, 20, 3], [1, 30, 31, 32, 33, 3], [1, 40, 41, 42, 3]]
    pixels = torch.randn(3, 12, 32, 32, generator=random)
    proprio = torch.randn(3, 8, generator=random)
    return prompts, pixels, proprio


def padded(prompts, pad, left=False, extra=0):
    longest = max(map(len, prompts)) + extra
    ids = torch.full((len(prompts), longest), pad)
    for i, prompt in enumerate(prompts):
        at = slice(longest - len(prompt), longest) if left else slice(0, len(prompt))
        ids[i, at] = torch.tensor(prompt)
    return ids


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("extra", [0, 4])
def test_padding_changes_nothing(model, sample, left, extra):
    prompts, pixels, proprio = sample
    ids = padded(prompts, model.config.pad_token_id, left, extra)
    with torch.no_grad():
        batch = model(ids, pixels, ids != model.config.pad_token_id, proprio)
        for i, prompt in enumerate(prompts):
            alone = model(torch.tensor([prompt]), pixels[i : i + 1], None, proprio[i : i + 1])
            torch.testing.assert_close(batch.logits[i], alone.logits[0], rtol=0, atol=2e-5)
            torch.testing.assert_close(batch.hidden[i], alone.hidden[0], rtol=0, atol=2e-5)


def test_mask_is_read_from_the_pad_token(model, sample):
    prompts, pixels, proprio = sample
    ids = padded(prompts, model.config.pad_token_id)
    with torch.no_grad():
        given = model(ids, pixels, ids != model.config.pad_token_id, proprio)
        read = model(ids, pixels, None, proprio)
    assert torch.equal(given.logits, read.logits)


def test_sequence_by_hand(model, sample):
    """[BOS][patches][proprio][prompt without BOS][K placeholders][stop], read one position before."""
    prompts, pixels, proprio = sample
    ids = torch.tensor(prompts[1:2])
    with torch.no_grad():
        embeddings, valid, queries = model._sequence(ids, torch.tensor([6]), pixels[1:2], proprio[1:2], padded=False)
        table = model.language_model.model.embed_tokens.weight
    patches, tokens = 2 * 4, 14  # two cameras of 32 px in patches of 16; C A = 2 * 7
    assert valid is None  # nothing is padded, so attention needs no mask
    assert embeddings.shape[1] == 1 + patches + 1 + 5 + tokens + 1
    torch.testing.assert_close(embeddings[0, 0], table[1])
    torch.testing.assert_close(embeddings[0, patches + 2], table[30])
    torch.testing.assert_close(embeddings[0, patches + 6], table[3])
    torch.testing.assert_close(embeddings[0, patches + 7 : -1], model.placeholders)
    torch.testing.assert_close(embeddings[0, -1], table[2])
    assert queries[0].tolist() == list(range(patches + 6, patches + 6 + tokens))


def test_output_shapes(model, sample):
    prompts, pixels, proprio = sample
    output = model(padded(prompts, model.config.pad_token_id), pixels, None, proprio)
    assert output.logits.shape == (3, 14, 256)
    assert output.logits.dtype == torch.float32
    assert output.hidden.shape == (3, 14, 96)
    assert output.actions is None


def test_unused_weights_are_frozen(model):
    frozen = {n for n, p in model.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(n.startswith("vision_backbone.") for n in frozen)
    kinds = {n.split(".", 2)[2].split(".")[0] for n in frozen}
    assert kinds == {"blocks", "norm", "attn_pool"}
    assert {n.split(".")[3] for n in frozen if ".blocks." in n} == {"2"}  # of blocks 0, 1, 2


def test_errors(model, sample):
    prompts, pixels, proprio = sample
    ids = torch.tensor(prompts[:1])
    with pytest.raises(ObservationError, match=r"\(1, 6, 32, 32\).*\(1, 12, 32, 32\)"):
        model(ids, pixels[:1, :6], None, proprio[:1])
    with pytest.raises(ObservationError, match="proprio is None"):
        model(ids, pixels[:1])
    with pytest.raises(ObservationError, match="attention_mask"):
        model(ids, pixels[:1], torch.ones(1, 2), proprio[:1])
    with pytest.raises(ObservationError, match="integers"):
        model(ids.float(), pixels[:1], None, proprio[:1])
    with pytest.raises(ObservationError, match="real tokens"):
        model(ids, pixels[:1], torch.tensor([[1, 0, 0]]), proprio[:1])


def test_prompt_length_stands_for_the_mask(model, sample):
    prompts, pixels, proprio = sample
    ids = padded(prompts, model.config.pad_token_id, extra=3)
    with torch.no_grad():
        masked = model(ids, pixels, None, proprio)
        counted = model(ids, pixels, proprio=proprio, prompt_length=torch.tensor([3, 6, 5]))
    assert torch.equal(masked.logits, counted.logits)
    with pytest.raises(ObservationError, match="real tokens of 9"):
        model(ids, pixels, proprio=proprio, prompt_length=torch.tensor([3, 10, 5]))


def test_compiles_to_one_graph_without_breaks(model, sample):
    prompts, pixels, proprio = sample
    graphs = []

    def count(graph, _):
        graphs.append(graph)
        return graph.forward

    twin = copy.deepcopy(model)
    twin.compile(backend=count)  # fullgraph: a break is an error
    with torch.no_grad():
        for some in ([0], [0, 1, 2], [1, 2]):
            ids = padded([prompts[i] for i in some], model.config.pad_token_id)
            compiled = twin(ids, pixels[some], None, proprio[some])
            torch.testing.assert_close(compiled.logits, model(ids, pixels[some], None, proprio[some]).logits)
    assert 2 <= len(graphs) <= 3  # without padding, with padding; the third batch has another size and length
    assert len(pickle.dumps(twin)) < 1.1 * len(pickle.dumps(model))  # a copy leaves the compiled code behind


def test_compiled_blocks_give_the_same_logits_and_gradients(model, sample):
    prompts, pixels, proprio = sample
    ids = padded(prompts, model.config.pad_token_id)
    plain, compiled = copy.deepcopy(model), copy.deepcopy(model)
    compiled.compile_blocks(backend="aot_eager", fullgraph=True)  # a break is an error
    outputs = []
    for network in (plain, compiled):
        network.gradient_checkpointing_enable("selective")
        outputs.append(network(ids, pixels, None, proprio).logits)
        outputs[-1].square().mean().backward()
    torch.testing.assert_close(outputs[1], outputs[0])
    gradients = [dict(network.named_parameters()) for network in (plain, compiled)]
    assert gradients[0].keys() == gradients[1].keys()
    for name, weight in gradients[0].items():
        if weight.grad is not None:
            torch.testing.assert_close(gradients[1][name].grad, weight.grad, rtol=1e-4, atol=1e-7)
    assert compiled.language_model.model.layers[0]._compiled_call_impl is not None
    # a copy has weights of its own, which compiled code of the first would not read
    assert copy.deepcopy(compiled).language_model.model.layers[0]._compiled_call_impl is None


def test_gradient_checkpointing_keeps_less_and_gives_the_same_gradient(model, sample):
    prompts, pixels, proprio = sample
    ids = padded(prompts, model.config.pad_token_id)
    kept, gradients = [], []
    for enable in (False, True, "selective"):
        twin = copy.deepcopy(model)
        twin.gradient_checkpointing_enable(enable)
        kept.append(0)

        def pack(tensor):
            kept[-1] += tensor.nbytes
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = twin(ids, pixels, None, proprio).logits.square().mean()
        loss.backward()
        gradients.append({name: p.grad for name, p in twin.named_parameters() if p.grad is not None})
    # what "selective" keeps does not pass these hooks, but it is never more than what is kept without
    assert kept[1] < 0.5 * kept[0]
    for other in gradients[1:]:
        assert gradients[0].keys() == other.keys()
        for name, gradient in gradients[0].items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-5, atol=1e-8)


PUBLISHED = {
    "timm_model_ids": ["vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224"],
    "timm_override_act_layers": [None, None],
    "image_sizes": [224, 224],
    "use_fused_vision_backbone": True,
    "text_config": {"model_type": "llama", "pad_token_id": 32000, "vocab_size": 32064},
    "n_action_bins": 256,
    "pad_to_multiple_of": 64,
    "pad_token_id": 32000,
}


def published_keys(dino_blocks, second, second_blocks, layers):
    """Names in a published checkpoint's safetensors files; `second` is the fused trunk's kind."""
    both = ("weight", "bias")
    block = [
        f"{part}.{kind}" for part in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2") for kind in both
    ]
    scaled = [*block, "ls1.scale_factor", "ls2.scale_factor"]
    pool = [f"attn_pool.{part}.{kind}" for part in ("q", "kv", "proj", "norm", "mlp.fc1", "mlp.fc2") for kind in both]
    ends = ["pos_embed", *(f"{part}.{kind}" for part in ("patch_embed.proj", "norm") for kind in both)]
    parts = {
        "vision_backbone.featurizer": (["cls_token", "reg_token", *ends], scaled, dino_blocks),
        "vision_backbone.fused_featurizer": (
            (["cls_token", *ends], scaled, second_blocks)
            if second == "dinov2"
            else (["attn_pool.latent", *pool, *ends], block, second_blocks)
        ),
    }
    keys = {f"projector.fc{i}.{kind}" for i in (1, 2, 3) for kind in both}
    for trunk, (single, repeated, count) in parts.items():
        keys |= {f"{trunk}.{name}" for name in single}
        keys |= {f"{trunk}.blocks.{i}.{name}" for i in range(count) for name in repeated}
    layer = [f"self_attn.{part}_proj" for part in "qkvo"] + [f"mlp.{part}_proj" for part in ("gate", "up", "down")]
    layer += ["input_layernorm", "post_attention_layernorm"]
    keys |= {f"language_model.model.layers.{i}.{name}.weight" for i in range(layers) for name in layer}
    return keys | {f"language_model.{name}.weight" for name in ("model.embed_tokens", "model.norm", "lm_head")}


def test_key_formula_is_that_of_the_published_code(parity_folder):
    shapes = json.loads((parity_folder / "shapes.json").read_text())
    assert published_keys(12, "dinov2", 12, 3) == set(shapes)


def test_published_sizes():
    """The 7B network, without memory: shapes that the published checkpoints' documentation states."""
    config = config_from_dict(PUBLISHED, num_images=2)
    with torch.device("meta"):
        model = OpenVLAOFTModel(config)
    assert {value.device.type for value in model.state_dict().values()} == {"meta"}
    # DINOv2 ViT-L has 24 blocks, SigLIP so400m 27, Llama 2 7B 32 layers.
    assert {to_file(name) for name in model.state_dict()} == published_keys(24, "siglip", 27, 32)
    assert model.vision_backbone.num_patches == 256
    shapes = {n: tuple(p.shape) for n, p in model.named_parameters()}
    assert shapes["projector.fc1.weight"] == (8704, 2176)
    assert shapes["projector.fc2.weight"] == (4096, 8704)
    assert shapes["language_model.lm_head.weight"] == (32064, 4096)
    assert shapes["vision_backbone.featurizer.pos_embed"] == (1, 256, 1024)
    assert config.num_tokens == 56
    assert (config.vocab_size, model.first_action_id) == (32000, 31744)
    # Llama 2 7B has 6,738,415,616 parameters with 32000 rows; 64 rows more in and out.
    language = sum(p.numel() for p in model.language_model.parameters())
    assert language == 6_738_415_616 + 2 * 64 * 4096
