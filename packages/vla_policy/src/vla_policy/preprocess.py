"""Prepare camera images as those that the vision trunks were trained on.

Axes: N samples, n images a sample, H W pixels.

Two stages, so that what a trainer stores between sampling and scoring stays uint8:

    prepare:   (N, h, w, 3) uint8 -> JPEG round trip? -> resize -> centre crop? -> (N, H, W, 3) uint8
    normalize: (N, n, H, W, 3) uint8 -> two stacked normalizations -> (N, 6n, H, W) float32

The published pipeline (openvla-oft 213c5ff, `openvla_utils.py::{resize_image_for_policy, center_crop_image}`) is
TensorFlow's; each step says which of its rules it follows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
import simplejpeg
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vla_policy.errors import ConfigError, ObservationError
from vla_policy.precision import without_autocast
from vla_policy.validation import check_fields, check_sizes

T = TypeVar("T")

TRUNK_MEAN = ((0.484375, 0.455078125, 0.40625), (0.5, 0.5, 0.5))
"""Per trunk: DINOv2 (ImageNet's mean, rounded to bfloat16 as in the published processor), then SigLIP."""
TRUNK_STD = ((0.228515625, 0.2236328125, 0.224609375), (0.5, 0.5, 0.5))

LANCZOS_RADIUS = 3

CACHED_VALUES = 2**18
"""Values of the images that one thread resizes and crops together: 1 MiB of float32 stays in its cache."""


@dataclass(frozen=True)
class ImagePipeline:
    """Steps of `prepare`; the defaults are the published pipeline."""

    size: int = 224
    """Side of the result, in pixels."""
    jpeg_quality: int | None = 95
    """Quality of a JPEG round trip (training images were stored as JPEG; 95 is tf.io.encode_jpeg's default); None:
    skip."""
    resize: Literal["lanczos3", "bilinear"] = "lanczos3"
    """Antialiased filter. An image that has the right size already is not touched by it."""
    crop_area: float | None = 0.9
    """Share of the area that a centre crop keeps, stretched back to `size`; None: no crop."""

    def __post_init__(self) -> None:
        check_fields(self, "image pipeline: ")
        check_sizes(self, ("size",), "image pipeline: ")
        if self.jpeg_quality is not None and not 1 <= self.jpeg_quality <= 100:
            raise ConfigError(f"image pipeline: jpeg_quality is {self.jpeg_quality}; it must be 1 to 100, or None")
        if self.crop_area is not None and not 0.0 < self.crop_area <= 1.0:
            raise ConfigError(f"image pipeline: crop_area is {self.crop_area}; it must be in (0, 1], or None")

    def prepare(self, images: NDArray[np.uint8], name: str = "image", device: torch.device | str = "cpu") -> Tensor:
        """Convert (N, h, w, 3) uint8 images into a (N, H, W, 3) uint8 tensor; the argument is not changed.

        Args:
            images: of one camera.
            name: the observation's key, for the error.
            device: where resizing and cropping happen, and where the result is.

        Raises:
            ObservationError: another dtype or shape.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3 or 0 in images.shape:
            raise ObservationError(
                f"observation[{name!r}] has shape {images.shape} and dtype {images.dtype}; (N, H, W, 3) uint8 is needed"
                ", of at least one sample"
            )
        if self.jpeg_quality is not None:
            images = np.stack([jpeg_round_trip(image, self.jpeg_quality) for image in images])
        result = torch.from_numpy(np.array(images, copy=True, order="C")).to(device)
        with without_autocast(result.device):  # the filters are float32's, not those of a network in bfloat16
            if tuple(result.shape[1:3]) != (self.size, self.size):
                lanczos3 = self.resize == "lanczos3"
                result = _in_parts(resize_lanczos3, result, self.size) if lanczos3 else _bilinear(result, self.size)
            return result if self.crop_area is None else _in_parts(centre_crop, result, self.crop_area)


def normalize(images: Tensor, trunks: int = 2) -> Tensor:
    """Return (x / 255 - mean) / std of (N, n, H, W, 3) uint8 images, once for each of t trunks: (N, 3 t n, H, W)
    float32."""
    mean = torch.tensor(TRUNK_MEAN[:trunks], device=images.device).view(1, 1, trunks, 3, 1, 1)
    std = torch.tensor(TRUNK_STD[:trunks], device=images.device).view(1, 1, trunks, 3, 1, 1)
    # Colours leave the innermost place as bytes: all that follows is slow on CPUs where float32 has them there.
    channels_first = images.permute(0, 1, 4, 2, 3).contiguous().unsqueeze(2).float()
    # (x / 255 - mean) / std as one multiply and one add.
    scaled = (channels_first * (1.0 / (255.0 * std))).sub_(mean / std)
    return scaled.flatten(1, 3)


def jpeg_round_trip(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Encode and decode one (H, W, 3) image as TensorFlow does, to the last bit.

    TensorFlow encodes baseline, with 4:2:0 chroma and the accurate transform, which are Pillow's defaults too; but it
    decodes with libjpeg's fast one ("INTEGER_FAST" in `tf.io.decode_jpeg`), which Pillow cannot use. The two
    decoders differ in two of three values, by up to 15 levels.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality, subsampling="4:2:0", optimize=False)
    decoded: NDArray[np.uint8] = simplejpeg.decode_jpeg(buffer.getvalue(), "RGB", fastdct=True, fastupsample=False)
    return decoded


def resize_lanczos3(images: Tensor, size: int) -> Tensor:
    """Resize (N, h, w, 3) uint8 images to (N, size, size, 3) uint8, rounded once at the end.

    As tf.image.resize(method="lanczos3", antialias=True), which filters in float32. (Pillow's Lanczos rounds to uint8
    between its two passes, and so differs by a level here and there.)
    """
    vertical, horizontal = (lanczos3_weights(length, size).to(images.device) for length in images.shape[1:3])
    # (Y, h) (N, 3, h, w) (w, X): colours outside, so that either pass is a product of plain matrices.
    filtered = vertical @ _channels_first(images) @ horizontal.T
    return _channels_last(filtered.round_().clamp_(0, 255))


@lru_cache(maxsize=16)
def lanczos3_weights(inputs: int, outputs: int) -> Tensor:
    """Return the (outputs, inputs) float32 filter matrix of an axis; its rows sum to 1.

    TensorFlow's `ScaleAndTranslate`: pixel centres at half integers, kernel widened by the scale when shrinking.
    """
    scale = inputs / outputs
    widening = max(scale, 1.0)
    centres = (torch.arange(outputs, dtype=torch.float64) + 0.5) * scale
    x = (torch.arange(inputs, dtype=torch.float64) + 0.5 - centres[:, None]) / widening
    # L(x) = sinc(x) sinc(x / 3) inside the radius.
    kernel = torch.sinc(x) * torch.sinc(x / LANCZOS_RADIUS) * (x.abs() < LANCZOS_RADIUS)
    return (kernel / kernel.sum(1, keepdim=True)).float()


def centre_crop(images: Tensor, area: float) -> Tensor:
    """Keep the central `area` share of (N, H, W, 3) uint8 and stretch it back, bilinear, saturating cast.

    As tf.image.crop_and_resize: sample positions run from corner to corner of the box, in units of H - 1; the cast to
    uint8 is tf.image.convert_image_dtype's, which multiplies by 255.5 and truncates.
    """
    x = _channels_first(images).div_(255.0)
    x = _sample_axis(x, 2, area)
    x = _sample_axis(x, 3, area)
    return _channels_last(x.clamp_(0.0, 1.0).mul_(255.5).clamp_(0, 255))


def _sample_axis(x: Tensor, axis: int, area: float) -> Tensor:
    """Interpolate (N, 3, H, W) linearly between the positions of the central part of an axis."""
    length, side = x.shape[axis], math.sqrt(area)
    low = (1.0 - side) / 2.0
    # in = y1 (H - 1) + i (y2 - y1) (H - 1) / (H - 1)
    step = side if length > 1 else 0.0
    at = low * (length - 1) + torch.arange(length, dtype=torch.float32, device=x.device) * step
    below = at.floor().long().clamp(0, length - 1)
    above = at.ceil().long().clamp(0, length - 1)
    weight = (at - below).view(-1, 1) if axis == 2 else at - below
    low_values = x.index_select(axis, below)
    # low + (high - low) weight
    return x.index_select(axis, above).sub_(low_values).mul_(weight).add_(low_values)


def _in_parts(function: Callable[[Tensor, T], Tensor], images: Tensor, argument: T) -> Tensor:
    """Apply a function to all images at once; where one thread of a processor works, to a few of them at a time.

    With several threads each of many small steps would wait for the slowest: eight times as long on busy cores.
    """
    if images.device.type != "cpu" or torch.get_num_threads() > 1:
        return function(images, argument)
    rows = max(1, CACHED_VALUES // images[0].numel())
    return torch.cat([function(part, argument) for part in torch.split(images, rows)])


def _channels_first(images: Tensor) -> Tensor:
    """Convert (N, H, W, 3) uint8 to (N, 3, H, W) float32."""
    # the colours move as bytes, before there are four times as many
    return images.permute(0, 3, 1, 2).contiguous().float()


def _channels_last(images: Tensor) -> Tensor:
    """Convert (N, 3, H, W) float32 to (N, H, W, 3) uint8, truncated."""
    return images.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _bilinear(images: Tensor, size: int) -> Tensor:
    """Resize uint8 images with an antialiased bilinear filter: the toy's, for its speed."""
    resized = F.interpolate(images.permute(0, 3, 1, 2), (size, size), mode="bilinear", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous()
