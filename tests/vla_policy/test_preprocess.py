import math
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vla_policy.errors import ConfigError, ObservationError
from vla_policy.preprocess import (
    ImagePipeline,
    centre_crop,
    jpeg_round_trip,
    lanczos3_weights,
    normalize,
    resize_lanczos3,
)

PLAIN = ImagePipeline(32, jpeg_quality=None, resize="bilinear", crop_area=None)


def photo(count: int = 1, side: int = 256) -> np.ndarray:
    """Smooth images, which JPEG keeps within a few levels."""
    at = np.linspace(0, 3, side)
    waves = [np.sin(at[:, None] * (k + 1) + at[None] + n) for n in range(count) for k in range(3)]
    return ((np.stack(waves).reshape(count, 3, side, side).transpose(0, 2, 3, 1) + 1) * 127).astype(np.uint8)


def test_right_size_is_untouched():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    result = PLAIN.prepare(images)
    np.testing.assert_array_equal(result.numpy(), images)
    result.zero_()
    assert images.any(), "the caller's array must not share memory with the result"


def test_normalize_by_hand():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 1, 1, 3)
    # DINOv2: (0 - .484375) / .228515625, (.2 - .455078125) / .2236328125, (1 - .40625) / .224609375;
    # SigLIP: -1, -.6, 1.
    expected = [-2.1196581, -1.1406113, 2.6434783, -1.0, -0.6, 1.0]
    torch.testing.assert_close(normalize(images).flatten(), torch.tensor(expected), rtol=0, atol=1e-5)


def test_normalize_order_is_image_then_trunk_then_colour():
    images = torch.randint(0, 256, (2, 2, 4, 4, 3), dtype=torch.uint8)
    both = normalize(images)
    assert both.shape == (2, 12, 4, 4)
    torch.testing.assert_close(both[:, 6:], normalize(images[:, 1:]))
    assert normalize(images, trunks=1).shape == (2, 6, 4, 4)


@pytest.mark.parametrize(("inputs", "outputs"), [(256, 224), (224, 224), (100, 224), (7, 3)])
def test_lanczos_rows_sum_to_one(inputs, outputs):
    torch.testing.assert_close(lanczos3_weights(inputs, outputs).sum(1), torch.ones(outputs))


def test_lanczos_is_the_identity_at_equal_size():
    torch.testing.assert_close(lanczos3_weights(16, 16), torch.eye(16), rtol=0, atol=1e-6)


def test_lanczos_is_near_pillows():
    # Pillow has the same kernel, but rounds (and clips, hence no extreme values here) between its two passes.
    image = np.random.default_rng(0).integers(80, 176, (256, 256, 3), dtype=np.uint8)
    ours = resize_lanczos3(torch.from_numpy(image)[None], 224)[0].numpy().astype(int)
    pillow = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(ours - pillow).max() <= 1


def test_crop_of_a_ramp():
    # A ramp of one level a pixel, 0..223; with s = sqrt(.9) the box spans 223 (1 - s) / 2 = 5.72 to 217.28.
    # convert_image_dtype multiplies by 255.5 / 255 and truncates: 5.72 * 1.00196 = 5.73 -> 5, 217.28 -> 217.7 -> 217.
    ramp = torch.arange(224, dtype=torch.uint8).view(1, 1, 224, 1).expand(1, 224, 224, 3).contiguous()
    cropped = centre_crop(ramp, 0.9)
    assert cropped.shape == ramp.shape
    assert (cropped[0, 0, 0, 0], cropped[0, 0, -1, 0]) == (5, 217)


def test_crop_of_the_whole_area_changes_nothing():
    images = torch.from_numpy(photo(1, 64))
    assert torch.equal(centre_crop(images, 1.0), images)


GOLDEN = Path(__file__).with_name("golden")
_spec = spec_from_file_location("sample_images", GOLDEN / "sample_images.py")
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
sample_images = _module.sample_images


@pytest.fixture(scope="module")
def golden():
    """TensorFlow's answers, made by `golden/make_preprocess.py`."""
    with np.load(GOLDEN / "preprocess.npz") as data:
        return dict(data)


def test_jpeg_is_tensorflows_to_the_last_bit(golden):
    ours = np.stack([jpeg_round_trip(image, 95) for image in sample_images(96, 96)])
    np.testing.assert_array_equal(ours, golden["small_jpeg"])


def test_each_stage_is_tensorflows(golden):
    # Float32 sums in another order leave a value that lies between two levels on either side of it.
    resized = resize_lanczos3(torch.from_numpy(golden["small_jpeg"]), 64)
    cropped = centre_crop(torch.from_numpy(golden["small_resized"]), 0.9)
    for ours, theirs in ((resized, golden["small_resized"]), (cropped, golden["small_cropped"])):
        difference = np.abs(ours.numpy().astype(int) - theirs.astype(int))
        assert difference.max() <= 1
        assert (difference > 0).mean() < 1e-3


@pytest.mark.parametrize(("name", "side", "size"), [("down", 256, 224), ("up", 128, 224), ("same", 224, 224)])
def test_the_whole_pipeline_is_tensorflows(golden, name, side, size):
    ours = ImagePipeline(size).prepare(sample_images(side, side)).numpy()[:, ::4, ::4]
    difference = np.abs(ours.astype(int) - golden[f"{name}_cropped"].astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_published_pipeline():
    images = photo(2)
    before = images.copy()
    result = ImagePipeline().prepare(images)
    assert result.shape == (2, 224, 224, 3)
    assert result.dtype == torch.uint8
    np.testing.assert_array_equal(images, before)
    # Without the lossy step the images differ by little, with it not by nothing.
    without = ImagePipeline(jpeg_quality=None).prepare(images)
    difference = (result.int() - without.int()).abs().float()
    assert 0 < difference.mean() < 2


def resized_by_einsum(images: torch.Tensor, size: int) -> torch.Tensor:
    """The filter with colours innermost: rows, then columns."""
    vertical, horizontal = (lanczos3_weights(length, size) for length in images.shape[1:3])
    filtered = torch.einsum("yh,nhwc->nywc", vertical, images.float())
    filtered = torch.einsum("xw,nywc->nyxc", horizontal, filtered)
    return filtered.round().clamp(0, 255).to(torch.uint8)


def cropped_by_interpolation(images: torch.Tensor, area: float) -> torch.Tensor:
    """The crop with colours innermost."""
    x, side = images.float() / 255.0, math.sqrt(area)
    for axis in (1, 2):
        length = images.shape[axis]
        at = (1.0 - side) / 2.0 * (length - 1) + torch.arange(length, dtype=torch.float32) * (side if length > 1 else 0)
        below, above = (part.long().clamp(0, length - 1) for part in (at.floor(), at.ceil()))
        weight = (at - below).view([length if a == axis else 1 for a in range(4)])
        low = x.index_select(axis, below)
        x = low + (x.index_select(axis, above) - low) * weight
    return (x.clamp(0.0, 1.0) * 255.5).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize(
    ("shape", "size"),
    [((5, 256, 256), 224), ((3, 128, 200), 224), ((2, 97, 61), 56), ((4, 32, 32), 32), ((1, 1, 1), 8)],
)
def test_the_order_of_axes_changes_no_bit(shape, size):
    images = np.random.default_rng(size).integers(0, 256, (*shape, 3), dtype=np.uint8)
    tensor = torch.from_numpy(images)
    assert torch.equal(resize_lanczos3(tensor, size), resized_by_einsum(tensor, size))
    assert torch.equal(centre_crop(tensor, 0.9), cropped_by_interpolation(tensor, 0.9))
    # one at a time or together, in a pipeline that skips the resize at the right size
    resized = tensor if shape[1:] == (size, size) else resized_by_einsum(tensor, size)
    expected = cropped_by_interpolation(resized, 0.9)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            prepared = ImagePipeline(size, jpeg_quality=None).prepare(images)
            assert torch.equal(prepared, expected)
            assert prepared.is_contiguous()
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.uint8)],
    ids=["float", "unbatched", "channels-first"],
)
def test_wrong_images(images):
    with pytest.raises(ObservationError, match=r"'wrist_image'.*\(N, H, W, 3\) uint8"):
        PLAIN.prepare(images, "wrist_image")


def test_wrong_options():
    with pytest.raises(ConfigError, match="resize is 'nearest'"):
        ImagePipeline(resize="nearest")
    with pytest.raises(ConfigError, match=r"crop_area is 1.5"):
        ImagePipeline(crop_area=1.5)
    with pytest.raises(ConfigError, match="jpeg_quality is 0"):
        ImagePipeline(jpeg_quality=0)
