"""The toy: the published structure at a size that learns on a laptop's CPU, built for an env's spaces.

Axes: C actions a chunk, A action dims, K = C A tokens, V bins, D width.

It is the same class as the 7B network. Three choices differ, because nothing here is pretrained:

- **Output rows are smooth in the action.** A row of the output matrix is `sum_j f_j(c) u_j`, where c is the centre
  that the id decodes to, u_j are orthonormal directions of the hidden state and f_j are a parabola, a line and
  Gaussian bumps. Moving the hidden state along one direction then moves the whole distribution, and a bin learns from
  its neighbours; with independent rows each of 256 bins would have to be tried by itself.
- **The first distribution is broad and almost the same in every state.** Each placeholder's embedding has a constant
  part along the parabola's direction, which makes a Gaussian around 0 of the wanted width, and the residual branches
  are initialized small.
- **Placeholders are learned vectors.** With zeros, positions differ by rotary angles alone, which two layers of random
  weights hardly map to "dimension 3 of step 5". A constant vector each makes every action dimension addressable
  from the first update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import gymnasium
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from vla_policy.action_stats import identity_stats
from vla_policy.action_tokenizer import ActionTokenizer
from vla_policy.errors import ConfigError
from vla_policy.model.config import LlamaSizes, OpenVLAOFTConfig, TrunkSizes
from vla_policy.model.language import DecoderLayer
from vla_policy.model.network import OpenVLAOFTNetwork
from vla_policy.policy_config import Decoding, PolicyConfig, value_head_config
from vla_policy.preprocess import ImagePipeline
from vla_policy.pretrained import OpenVLAOFTModel
from vla_policy.prompt import TOY_VOCAB, toy_tokenizer
from vla_policy.spaces import read_spaces
from vla_policy.validation import check_fields, check_known, check_sizes
from vla_policy.value_head import ValueHeadConfig


@dataclass(frozen=True)
class TinySizes:
    """Keyword arguments of `OpenVLAOFTPolicy.tiny`."""

    seed: int = 0
    image_size: int | None = None
    """Pixels of a side that the trunks see; None: the env's, at most 64, a multiple of `patch_size`."""
    patch_size: int = 16
    trunk_width: int = 48
    trunk_depth: int = 3
    """Blocks of a trunk; the last one is never run (see `vla_policy.model.vision`)."""
    trunk_heads: int = 3
    stem: Literal["patch", "conv"] = "patch"
    """conv: the trunks begin with convolutions, see `vla_policy.model.stem`; the number of tokens is the same."""
    width: int = 96
    """D"""
    depth: int = 2
    heads: int = 4
    ffn_width: int = 192
    state: bool = True
    """Read the state where the observation space has one."""
    wrist_image: bool = True
    """Read the second camera where the observation space has one."""
    value_head: ValueHeadConfig | dict[str, Any] | bool | None = True
    """True: a small one, `(64,)`."""
    initial_std: float = 0.45
    """Of the first action distribution in each dimension, in units where actions span [-1, 1]."""
    action_head: Literal["tokens", "l1"] = "tokens"
    """l1: numbers from a regression head, as OpenVLA-OFT's continuous checkpoints; for imitation, not for RL."""
    decoding: Decoding = "mode"
    """How tokens are chosen where they are not sampled, see `PolicyConfig`."""
    lora: int | dict[str, Any] | None = None
    """Train adapters of this rank (or `{"rank":, "alpha":}`) and freeze the rest."""
    prompt_template: str = "{instruction}"
    """The published template's 13 constant tokens are of no use to the toy and cost an eighth of its sequence."""
    max_prompt_length: int = 48
    """The longest LIBERO instruction has 21 tokens, BOS and prompt end included."""
    normalize_instructions: bool = False
    """See `PolicyConfig`."""

    def __post_init__(self) -> None:
        check_fields(self, "tiny: ")
        check_sizes(self, ("patch_size",), "tiny: ")

    @classmethod
    def read(cls, sizes: Mapping[str, Any]) -> Self:
        """Return the sizes with these names; raise ConfigError for a name that is not known."""
        check_known(sizes, cls.__dataclass_fields__, "tiny: unknown sizes")
        return cls(**sizes)


def tiny_parts(
    observation_space: gymnasium.spaces.Space[Any], action_space: gymnasium.spaces.Space[Any], sizes: TinySizes
) -> tuple[OpenVLAOFTModel, Tokenizer, PolicyConfig, torch.Generator]:
    """Build an untrained network for some spaces, with what surrounds it.

    Returns:
        The network; its tokenizer; the policy's options; the generator for a value head's and adapters' weights.
    """
    env = read_spaces(observation_space, action_space, state=sizes.state, wrist_image=sizes.wrist_image)
    image_size = sizes.image_size or max(
        sizes.patch_size, min(env.image_side, 64) // sizes.patch_size * sizes.patch_size
    )

    trunk = {"patch_size": sizes.patch_size, "embed_dim": sizes.trunk_width}
    trunk |= {"depth": sizes.trunk_depth, "num_heads": sizes.trunk_heads}
    vocabulary = TOY_VOCAB + ActionTokenizer().bins
    config = OpenVLAOFTConfig(
        text=LlamaSizes(
            vocab_size=vocabulary + 64,
            hidden_size=sizes.width,
            intermediate_size=sizes.ffn_width,
            num_hidden_layers=sizes.depth,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.heads,
        ),
        trunks=(
            # LayerScale is initialized to 1: with DINOv2's 1e-5 a trunk that is not pretrained is the identity.
            TrunkSizes("vit_small_patch14_reg4_dinov2.lvd142m", image_size, timm_args={**trunk, "init_values": 1.0}),
            TrunkSizes("vit_base_patch16_siglip_224", image_size, timm_args=trunk),
        ),
        pad_to_multiple_of=64,
        num_images=len(env.image_keys),
        chunk=env.chunk,
        action_dim=env.action_dim,
        proprio_dim=env.proprio_dim,
        action_head=sizes.action_head,
        learned_placeholders=True,
        stem=sizes.stem,
        pad_token_id=vocabulary,
        prompt_end_token_id=3,
    )
    head = ValueHeadConfig(hidden=(64,)) if sizes.value_head is True else value_head_config(sizes.value_head)
    stats = identity_stats(env.action_dim)
    if env.proprio_range is not None:
        low, high = env.proprio_range
        stats["proprio"] = {"q01": low, "q99": high}
    policy = PolicyConfig(
        image_keys=env.image_keys,
        pipeline=ImagePipeline(image_size, jpeg_quality=None, resize="bilinear", crop_area=None),
        prompt_template=sizes.prompt_template,
        max_prompt_length=sizes.max_prompt_length,
        normalize_instructions=sizes.normalize_instructions,
        gripper="none",
        decoding=sizes.decoding,
        value_head=head,
    )
    with torch.random.fork_rng(devices=[]):  # modules sample from the global generator; keep the caller's state
        torch.manual_seed(sizes.seed)
        model = OpenVLAOFTModel(config)
    model.source_config = {"norm_stats": {"tiny": stats}}
    generator = torch.Generator().manual_seed(sizes.seed)
    initialize(model, sizes.initial_std, generator)
    return model, toy_tokenizer(), policy, generator


PARABOLA_SHARE = 0.5
"""Part of a placeholder's squared norm that lies along the parabola's direction. The rest is a direction of its own:
it distinguishes positions, and lets the final norm narrow the distribution when the parabola's share grows."""

LINE_GAIN = 1.0
"""Logit slope that a unit of hidden state along the line's direction makes: with the width 0.45 it moves the mean by
0.2."""

BUMPS, BUMP_GAIN, BUMP_WIDTH = 9, 0.5, 0.25
"""Gaussian bumps over [-1, 1], to make shapes that a parabola and a line cannot, such as two peaks for the gripper."""

BRANCH_GAIN = 0.2
"""Scale of the layers' output matrices, so that the state moves the first hidden states little."""

POSITION_STD = 0.5
"""Of the trunks' position embeddings. Patch embeddings begin at about 0.5; timm's 0.02 would hide where objects are."""


@torch.no_grad()
def initialize(model: OpenVLAOFTNetwork, std: float, generator: torch.Generator) -> None:
    """Sample an untrained network's weights as described above; `std` is that of the first action distribution."""
    config, width = model.config, model.config.text.hidden_size
    for trunk in (model.vision_backbone.featurizer, model.vision_backbone.fused_featurizer):
        for module in trunk.modules():
            if isinstance(module, nn.Linear):
                _scaled_normal(module, generator)
        trunk.pos_embed.normal_(0.0, POSITION_STD, generator=generator)
    for part in (model.projector, model.proprio_projector, model.language_model.model):
        for module in part.modules() if part is not None else ():
            if isinstance(module, nn.Linear):
                _scaled_normal(module, generator)
    for layer in model.language_model.model.layers:
        assert isinstance(layer, DecoderLayer)
        layer.self_attn.o_proj.weight.mul_(BRANCH_GAIN)
        layer.mlp.down_proj.weight.mul_(BRANCH_GAIN)

    features = output_features(config, std, width)
    directions, _ = torch.linalg.qr(torch.randn(width, width, generator=generator))
    if features.shape[1] >= width:
        raise ConfigError(f"tiny: width {width} is too small; {features.shape[1] + 1} is the least")
    rows = directions[: features.shape[1]]
    model.language_model.lm_head.weight.normal_(0.0, width**-0.5, generator=generator)
    model.language_model.lm_head.weight[model.first_action_id : config.vocab_size] = features @ rows

    # Norm sqrt(D), so that the hidden state's root mean square is about 1 already before the final norm.
    spare = directions[features.shape[1] :]
    own = torch.randn(config.num_tokens, len(spare), generator=generator) @ spare
    own = own / own.norm(dim=1, keepdim=True)
    placeholders = width**0.5 * (PARABOLA_SHARE**0.5 * rows[0] + (1.0 - PARABOLA_SHARE) ** 0.5 * own)
    embed = model.language_model.model.embed_tokens.weight
    embed.normal_(0.0, 1.0, generator=generator)
    # Token k is read a position before: the first at the prompt's last token, the last placeholder not at all.
    embed[config.prompt_end_token_id] = placeholders[0]
    assert model.placeholders is not None
    model.placeholders.copy_(placeholders.roll(-1, dims=0))


def output_features(config: OpenVLAOFTConfig, std: float, width: int) -> Tensor:
    """Return the (V, J) values of f_j at each id's centre: parabola, line, bumps.

    Before training the hidden state is sqrt(D share) along u_0, so that row . hidden = -c^2 / (2 s^2): a Gaussian of
    scale s, which, cut off at -1 and 1, has the wanted `std`.
    """
    centres = torch.tensor(ActionTokenizer(config.bins, config.vocab_size).id_values, dtype=torch.float64)
    parabola = -centres.square() / (2.0 * _scale_for(std, centres) ** 2) / (width * PARABOLA_SHARE) ** 0.5
    places = torch.linspace(-1.0, 1.0, BUMPS, dtype=torch.float64)
    bumps = BUMP_GAIN * torch.exp(-((centres[:, None] - places) ** 2) / (2.0 * BUMP_WIDTH**2))
    # A bump's mean over the bins shifts all logits by the same amount, which softmax forgets.
    bumps = bumps - bumps.mean(0)
    return torch.cat((parabola[:, None], LINE_GAIN * centres[:, None], bumps), dim=1).float()


def _scale_for(std: float, centres: Tensor) -> float:
    """Return the s for which exp(-c^2 / (2 s^2)) over the centres has standard deviation `std`, by bisection."""
    low, high = 1e-2, 1e2
    uniform = float(centres.std())
    if not 0.02 <= std <= 0.99 * uniform:
        raise ConfigError(f"tiny: initial_std is {std}; it must be 0.02 to {0.99 * uniform:.2f} (uniform in [-1, 1])")
    for _ in range(60):
        middle = (low * high) ** 0.5
        weights = torch.softmax(-centres.square() / (2.0 * middle**2), 0)
        if float((weights * centres.square()).sum()) ** 0.5 < std:
            low = middle
        else:
            high = middle
    return (low * high) ** 0.5


def _scaled_normal(layer: nn.Linear, generator: torch.Generator) -> None:
    """Sample fan-in scaled normal weights and set biases to zero: signals keep their size."""
    layer.weight.normal_(0.0, layer.in_features**-0.5, generator=generator)
    if layer.bias is not None:
        layer.bias.zero_()
