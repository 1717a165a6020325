"""Random changes of images: a crop's shift, then brightness, contrast, saturation and hue.

Amounts and order: OpenVLA's `image_aug` (`random_resized_crop` of area 0.9, then four colour changes). The crop is made
as a shift by what the crop's centre moves; the policy's own centre crop, if it has one, does the rest. The hue is
turned in the chroma plane of YIQ, where the published code turns it in HSV, so that all colour changes are one affine
map a image.

Axes: N images, H W pixels, 3 channels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vla_trainer.algorithms import Augmentation

TO_YIQ = torch.tensor(((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312)))
"""NTSC's colour space: luma, and two axes of chroma."""
FROM_YIQ = torch.linalg.inv(TO_YIQ)


def augment(images: Tensor, settings: Augmentation, generator: torch.Generator) -> Tensor:
    """(N, H, W, 3) uint8 to the same, each image changed by amounts of its own."""
    pixels = images.permute(0, 3, 1, 2).float()
    if settings.crop_area < 1.0:
        pixels = shift(pixels, (1.0 - math.sqrt(settings.crop_area)) / 2.0, generator)
    matrix, offset = colour_maps(pixels.mean(dim=(2, 3)), settings, generator)
    pixels = torch.baddbmm(offset[:, :, None], matrix, pixels.flatten(2)).view(pixels.shape)
    return pixels.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def shift(pixels: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Move each of (N, 3, H, W) by at most `most` of its side either way, bilinear, edges repeated."""
    count = len(pixels)
    # affine_grid's units: a image spans [-1, 1]
    moved = (2.0 * torch.rand((count, 2), generator=generator) - 1.0) * 2.0 * most
    theta = torch.eye(2, 3).repeat(count, 1, 1)
    theta[:, :, 2] = moved
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)


def colour_maps(mean: Tensor, settings: Augmentation, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Matrices (N, 3, 3) and offsets (N, 3) that change each image's colours; pixels are 0 to 255.

    `mean` (N, 3) is each image's mean colour, which contrast leaves where it is.
    """
    count = len(mean)

    def uniform(most: float) -> Tensor:
        return (2.0 * torch.rand(count, generator=generator) - 1.0) * most

    brightness, contrast = 255.0 * uniform(settings.brightness), 1.0 + uniform(settings.contrast)
    saturation, angle = 1.0 + uniform(settings.saturation), 2.0 * math.pi * uniform(settings.hue)
    # x + b, then (x - m) c + m with m the brightened mean
    scale = contrast[:, None, None] * torch.eye(3)
    offset = brightness[:, None] + (1.0 - contrast)[:, None] * mean
    # chroma times the saturation, turned by the hue's angle
    chroma = torch.zeros(count, 3, 3)
    chroma[:, 0, 0] = 1.0
    chroma[:, 1, 1] = chroma[:, 2, 2] = saturation * angle.cos()
    chroma[:, 1, 2], chroma[:, 2, 1] = -saturation * angle.sin(), saturation * angle.sin()
    turned = FROM_YIQ @ chroma @ TO_YIQ
    return turned @ scale, (turned @ offset[:, :, None]).squeeze(2)
