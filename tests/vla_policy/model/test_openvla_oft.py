"""The network's sequence: where padding goes, what is masked, and what is refused."""

import pytest
import torch

from vla_policy import OpenVLAOFTModel
from vla_policy.errors import ObservationError
from vla_policy.model.config import config_from_dict


@pytest.fixture
def model(tiny):
    return tiny.model


@pytest.fixture
def sample(model):
    """Prompts of 3, 6 and 5 tokens with everything else the network reads."""
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
    """[BOS][patches][proprio][prompt without BOS][K placeholders][stop], read one position early."""
    prompts, pixels, proprio = sample
    ids = torch.tensor(prompts[1:2])
    with torch.no_grad():
        embeddings, valid, queries = model._sequence(ids, pixels[1:2], None, proprio[1:2])
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


def test_published_sizes():
    """The 7B network, without memory: shapes that the published checkpoints' documentation states."""
    data = {
        "timm_model_ids": ["vit_large_patch14_reg4_dinov2.lvd142m", "vit_so400m_patch14_siglip_224"],
        "timm_override_act_layers": [None, None],
        "image_sizes": [224, 224],
        "use_fused_vision_backbone": True,
        "text_config": {"model_type": "llama", "pad_token_id": 32000, "vocab_size": 32064},
        "n_action_bins": 256,
        "pad_to_multiple_of": 64,
        "pad_token_id": 32000,
    }
    config = config_from_dict(data, num_images=2, proprio_dim=8)
    with torch.device("meta"):
        model = OpenVLAOFTModel(config)
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
