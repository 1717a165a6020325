"""A convolutional stem in place of a ViT's patch embedding.

Axes: B images, H W pixels, s side of a patch, D width.

Source: Xiao et al. 2021, "Early convolutions help transformers see better", arXiv:2106.14881: convolutions of 3 x 3 and
stride 2, and one of 1 x 1, for as many tokens as patches. Theirs normalize over the batch; these over one image, so
that what an image becomes does not depend on what stands beside it.
"""

from __future__ import annotations

from torch import nn

from vla_policy.errors import ConfigError, clip

CHANNELS = 3
LEAST = 16
"""Channels that a convolution has at least."""


def conv_stem(patch_size: int, width: int) -> nn.Sequential:
    """Return a stem (B, 3, H, W) -> (B, D, H / s, W / s).

    Args:
        patch_size: s, a power of 2.
        width: D; channels double from one convolution to the next up to it.

    Raises:
        ConfigError: s is no power of 2.
    """
    halvings = patch_size.bit_length() - 1
    if patch_size != 1 << halvings or halvings < 1:
        raise ConfigError(f"patch_size is {clip(patch_size)}; a convolutional stem needs a power of 2, at least 2")
    layers: list[nn.Module] = []
    before = CHANNELS
    for index in range(halvings):
        channels = max(width >> (halvings - 1 - index), LEAST)
        layers += [nn.Conv2d(before, channels, 3, stride=2, padding=1), nn.GroupNorm(1, channels), nn.GELU()]
        before = channels
    return nn.Sequential(*layers, nn.Conv2d(before, width, 1))
