"""Spoiled images: what each kind does to them, and that it is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from libero_gym.shifts.noise import ImageNoise

GREY = np.full((64, 64, 3), 128, dtype=np.uint8)


def spoiled(kind, amount, image=GREY, camera=0, seed=1, step=2, variant=3):
    changed = image.copy()
    ImageNoise(kind, amount, variant).spoil(changed, camera, seed, step)
    return changed


def test_noise_has_its_standard_deviation():
    for amount in (0.1, 0.5):
        difference = spoiled("noise", amount).astype(float) - 128
        # 60 grey levels at 1; 12,288 samples: the error of a standard deviation is 1 / sqrt(2 * 12288) = 0.6%
        assert difference.std() == pytest.approx(60 * amount, rel=0.04)
        assert abs(difference.mean()) < 4 * 60 * amount / np.sqrt(difference.size)


def test_noise_depends_on_camera_seed_and_step_alone():
    first = spoiled("noise", 0.5)
    np.testing.assert_array_equal(first, spoiled("noise", 0.5))
    for other in ({"camera": 1}, {"seed": 2}, {"step": 3}, {"variant": 4}):
        assert (spoiled("noise", 0.5, **other) != first).mean() > 0.9


def test_exposure_multiplies_and_clips():
    longer = spoiled("exposure", 0.5, variant=1)  # odd variants are exposed for longer: e^0.6 = 1.822
    assert np.unique(longer).tolist() == [233]  # 128 * 1.822
    shorter = spoiled("exposure", 0.5, variant=2)
    assert np.unique(shorter).tolist() == [70]  # 128 / 1.822
    assert np.unique(spoiled("exposure", 1.0, variant=1)).tolist() == [255]  # 128 * 3.32


def test_motion_is_the_mean_of_moved_images():
    image = np.zeros((64, 64, 3), dtype=np.uint8)
    image[:, 32] = 200
    # 64 / 16 = 4 pixels at 1, along axis 1 for odd variants: a column of 200 becomes four of 50
    changed = spoiled("motion", 1.0, image, variant=1)
    columns = np.unique(np.nonzero(changed)[1])
    assert len(columns) == 4
    assert set(np.unique(changed[:, columns])) == {50}
    # along axis 0 the column stays, to its ends
    np.testing.assert_array_equal(spoiled("motion", 1.0, image, variant=2), image)


@pytest.mark.parametrize("variant", [0, 1])
@pytest.mark.parametrize(("size", "amount", "length"), [(64, 0.5, 2), (64, 1.0, 4), (128, 0.9, 7), (256, 1.0, 16)])
def test_motion_is_the_mean_of_a_plain_loop(size, amount, length, variant):
    image = np.random.default_rng(size).integers(0, 256, (size, size, 3), dtype=np.uint8)
    padded = np.pad(image, [(length, length) if axis == variant else (0, 0) for axis in range(3)], mode="edge")
    lines = np.moveaxis(padded, variant, 0).astype(int)
    # of 2 pixels the one itself and the next, of 7 three on each side
    moved = [lines[length + by : length + by + size] for by in range(-((length - 1) // 2), length // 2 + 1)]
    expected = np.moveaxis((sum(moved) + length // 2) // length, 0, variant)
    np.testing.assert_array_equal(spoiled("motion", amount, image, variant=variant), expected)


@pytest.mark.parametrize(("size", "amount"), [(64, 0.2), (64, 1.0), (256, 0.4), (256, 1.0)])
def test_blur_is_a_convolution_to_the_edges(size, amount):
    image = np.random.default_rng(size).integers(0, 256, (size, size, 3), dtype=np.uint8)
    point = np.zeros((size, size, 3), dtype=np.uint8)
    point[:, size // 2] = 255
    kernel = spoiled("blur", amount, point)[0, 1:, 0].astype(float)  # its middle in the middle
    kernel /= kernel.sum()
    reach = size // 2
    values = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge").astype(float)
    for axis in (0, 1):
        values = np.apply_along_axis(np.convolve, axis, values, kernel, "same")
    expected = values[reach:-reach, reach:-reach]
    # a column of 255 tells its kernel to 1 in 255 a pixel, and values are rounded twice
    assert np.abs(spoiled("blur", amount, image) - expected).max() < 3


@pytest.mark.parametrize("size", [64, 256])
@pytest.mark.parametrize("amount", [0.05, 0.3, 0.6, 1.0])
def test_blur_has_its_standard_deviation_and_is_nearly_pillows(size, amount):
    radius = max(amount * size / 64, 0.3)
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[size // 2 :] = 255
    # the difference of rows of a blurred edge is the kernel: its variance is the radius squared
    kernel = np.diff(spoiled("blur", amount, image)[:, 0, 0].astype(float)) / 255
    places = np.arange(len(kernel))
    mean = (places * kernel).sum()
    assert kernel.sum() == pytest.approx(1)
    assert ((places - mean) ** 2 * kernel).sum() == pytest.approx(radius**2, rel=0.03, abs=0.02)
    textured = np.random.default_rng(0).integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
    textured = np.asarray(Image.fromarray(textured).resize((size, size), Image.Resampling.BICUBIC))
    theirs = np.asarray(Image.fromarray(textured).filter(ImageFilter.GaussianBlur(radius))).astype(int)
    difference = np.abs(spoiled("blur", amount, textured) - theirs)
    assert difference.mean() < 1.0  # of 255; Pillow's own is three box filters, an approximation too
    assert difference[8:-8, 8:-8].max() <= 12
    np.testing.assert_array_equal(spoiled("blur", amount), GREY)
