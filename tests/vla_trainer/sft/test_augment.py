"""Random changes of images."""

import colorsys

import numpy as np
import pytest
import torch

from vla_trainer.algorithms import Augmentation
from vla_trainer.sft.augment import augment, colour_maps, shift

OFF = {"crop_area": 1.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 4, size: int = 16) -> torch.Tensor:
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, generator=generator(7))


def test_nothing_is_changed_where_everything_is_off():
    assert torch.equal(augment(images(), Augmentation(**OFF), generator()), images())


def test_brightness_adds_the_same_to_every_channel_and_differs_by_picture():
    grey = torch.full((64, 4, 4, 3), 128, dtype=torch.uint8)
    changed = augment(grey, Augmentation(**{**OFF, "brightness": 0.2}), generator()).float()
    assert torch.equal(changed, changed[:, :1, :1, :1].expand_as(changed))
    added = changed[:, 0, 0, 0] - 128
    # uniform in +-0.2 x 255 = +-51
    assert added.abs().max() <= 51
    assert added.max() > 35
    assert added.min() < -35
    assert len(added.unique()) > 20


def test_contrast_leaves_the_mean_and_scales_the_distance_from_it():
    image = torch.tensor([100, 140], dtype=torch.uint8)[:, None, None].expand(2, 2, 3).unsqueeze(0)
    changed = augment(image, Augmentation(**{**OFF, "contrast": 0.5}), generator()).float()
    low, high = changed[0, 0, 0, 0], changed[0, 1, 0, 0]
    assert float(low + high) == pytest.approx(240, abs=1)  # around the mean, 120
    assert 20 <= float(high - low) <= 60  # 40 x (1 - 0.5) to 40 x (1 + 0.5)
    assert float(high - low) != 40


def test_saturation_leaves_greys_and_the_luma():
    settings = Augmentation(**{**OFF, "saturation": 0.5})
    matrix, offset = colour_maps(torch.zeros(8, 3), settings, generator())
    assert torch.allclose(matrix @ torch.ones(3), torch.ones(8, 3), atol=1e-3)
    assert torch.allclose(offset, torch.zeros(8, 3))
    luma = torch.tensor([0.299, 0.587, 0.114])
    assert torch.allclose(luma @ matrix, luma.expand(8, 3), atol=1e-5)


def test_hue_turns_colours_as_hsv_does_by_about_the_same_angle():
    settings = Augmentation(**{**OFF, "hue": 0.05})
    matrix, _ = colour_maps(torch.zeros(32, 3), settings, generator())
    red = (matrix @ torch.tensor([0.8, 0.3, 0.3])).clamp(0, 1)
    hues = np.array([colorsys.rgb_to_hsv(*map(float, one))[0] for one in red])
    turned = (hues + 0.5) % 1.0 - 0.5  # red is hue 0
    # the chroma planes of YIQ and HSV are not the same; their angles are within a half
    assert 0.05 / 1.5 < np.abs(turned).max() < 0.05 * 1.5


def test_a_shift_moves_what_is_seen_and_loses_nothing():
    image = torch.zeros(1, 3, 10, 10)
    image[:, :, 4, 5] = 255.0
    moved = shift(image.expand(256, -1, -1, -1), 0.1, generator())
    # the mass stays, spread over four neighbours, within 10% of the side: one pixel
    assert torch.allclose(moved.sum(dim=(1, 2, 3)), torch.full((256,), 3 * 255.0), rtol=1e-4)
    places = moved[:, 0].flatten(1).argmax(1)
    rows, columns = places // 10, places % 10
    assert set(rows.tolist()) == {3, 4, 5}
    assert set(columns.tolist()) == {4, 5, 6}


def test_a_shift_before_a_centre_crop_is_a_random_crop():
    """A image that is linear in x: crop offset d shows as the value at the crop's centre."""
    ramp = torch.arange(40, dtype=torch.float32).expand(3, 40, 40).expand(512, -1, -1, -1)
    area = 0.9
    most = (1 - area**0.5) / 2
    centres = shift(ramp, most, generator())[:, 0, 20, 19:21].mean(1)
    moved = centres - 19.5  # pixels
    # offsets of a random crop of side sqrt(0.9): uniform in +-2.57% of 40 pixels = +-1.03
    assert float(moved.abs().max()) == pytest.approx(most * 40, rel=0.02)
    assert float(moved.std()) == pytest.approx(most * 40 / 3**0.5, rel=0.1)  # of a uniform distribution


def test_the_generator_alone_decides():
    settings = Augmentation()
    first, again = (augment(images(), settings, generator(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment(images(), settings, generator(4)))
