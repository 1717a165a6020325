"""The vision backbone: one or two ViT trunks from timm whose patch features are concatenated.

Axes: B batch, n images, c channels (3 a trunk), H W pixels, P patches an image, D width.

Source: openvla-oft 213c5ff, `modeling_prismatic.py::PrismaticVisionBackbone`. Features are the output of block n-2,
without the final norm and without class and register tokens. The last block, the final norm and SigLIP's pooling head
are in the checkpoint but never run; they are kept, frozen, so that a saved checkpoint has every published weight.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from vla_policy.errors import ConfigError, clip
from vla_policy.model.config import TrunkSizes
from vla_policy.model.stem import conv_stem

CHANNELS = 3


def build_trunk(sizes: TrunkSizes, stem: Literal["patch", "conv"] = "patch") -> Any:
    """Return a timm ViT without a classifier and without pretrained weights.

    Args:
        sizes: of the ViT.
        stem: "conv": the patch embedding is replaced by `conv_stem`.

    Raises:
        ConfigError: timm does not know the model, or it is not a ViT.
    """
    import timm  # 5 seconds of imports, needed only when a network is built

    extra: dict[str, Any] = {} if sizes.override_act_layer is None else {"act_layer": sizes.override_act_layer}
    if torch.get_default_device().type == "meta":
        extra["weight_init"] = "skip"  # there is nothing to fill, and filling it took most of a load's time
    try:
        trunk: Any = timm.create_model(
            sizes.timm_id, pretrained=False, num_classes=0, img_size=sizes.image_size, **extra, **sizes.timm_args
        )
    except Exception as error:  # timm raises unrelated classes on sizes that do not fit
        args = clip(dict(sizes.timm_args), 160)
        raise ConfigError(f"timm cannot build trunk {clip(sizes.timm_id)} with {args}: {clip(str(error))}") from error
    if not hasattr(trunk, "blocks") or not hasattr(trunk, "patch_embed"):
        raise ConfigError(f"timm model {sizes.timm_id!r} is no vision transformer: it has no blocks")
    if len(trunk.blocks) < 2:
        raise ConfigError(f"trunk {sizes.timm_id!r} has {len(trunk.blocks)} blocks; block n-2 needs at least 2")
    if stem == "conv":
        embedding = trunk.patch_embed
        embedding.proj = conv_stem(embedding.patch_size[0], trunk.embed_dim)
    # `forward` never runs these: without gradients, optimizers and data-parallel wrappers skip them.
    for module in (trunk.blocks[-1], trunk.norm, getattr(trunk, "fc_norm", None), getattr(trunk, "attn_pool", None)):
        if module is not None:
            module.requires_grad_(False)
    return trunk


class VisionBackbone(nn.Module):
    """(B, 3 t n, H, W) stacked images to (B, n P, D) features, t trunks."""

    def __init__(self, trunks: tuple[TrunkSizes, ...], stem: Literal["patch", "conv"] = "patch") -> None:
        super().__init__()
        self.featurizer: Any = build_trunk(trunks[0], stem)
        self.fused_featurizer: Any = build_trunk(trunks[1], stem) if len(trunks) == 2 else None
        first, second = self.featurizer, self.fused_featurizer
        if second is not None and first.patch_embed.num_patches != second.patch_embed.num_patches:
            raise ConfigError(
                f"trunks {trunks[0].timm_id!r} and {trunks[1].timm_id!r} have {first.patch_embed.num_patches} and "
                f"{second.patch_embed.num_patches} patches an image; fused trunks need the same"
            )
        self.num_trunks = len(trunks)
        self.num_patches: int = first.patch_embed.num_patches
        """Patches an image."""
        self.width: int = first.embed_dim + (0 if second is None else second.embed_dim)

    def gradient_checkpointing_enable(self, enable: bool = True) -> None:
        """Recompute each block in the backward pass instead of keeping its activations."""
        for trunk in (self.featurizer, self.fused_featurizer):
            if trunk is not None:
                trunk.set_grad_checkpointing(enable)

    def forward(self, pixel_values: Tensor) -> Tensor:
        batch, channels, height, width = pixel_values.shape
        per_image = CHANNELS * self.num_trunks
        images = pixel_values.reshape(batch * (channels // per_image), per_image, height, width)
        features = [_patches(self.featurizer, images[:, :CHANNELS])]
        if self.fused_featurizer is not None:
            features.append(_patches(self.fused_featurizer, images[:, CHANNELS:]))
        fused = torch.cat(features, dim=-1) if len(features) == 2 else features[0]
        # Images follow one another along the patches: (B n, P, D) -> (B, n P, D).
        return fused.reshape(batch, -1, self.width)


def _patches(trunk: Any, images: Tensor) -> Tensor:
    """Return (B, P, D): the output of block n-2, prefix tokens removed."""
    (features,) = trunk.forward_intermediates(
        images,
        indices=[len(trunk.blocks) - 2],
        norm=False,
        stop_early=True,
        output_fmt="NLC",
        intermediates_only=True,
    )
    return features
