"""The convolutional stem: as many tokens as patches, of each image alone, and saved with the policy."""

import json

import pytest
import torch

from vla_policy import OpenVLAOFTPolicy
from vla_policy.errors import ConfigError
from vla_policy.model.stem import conv_stem


@pytest.mark.parametrize(("patch", "channels"), [(16, [16, 16, 24, 48]), (8, [16, 24, 48]), (2, [48])])
def test_channels_double_up_to_the_width(patch, channels):
    stem = conv_stem(patch, 48)
    assert [layer.out_channels for layer in stem if isinstance(layer, torch.nn.Conv2d)] == [*channels, 48]
    # 64 / 16 = 4 patches a side, 64 / 8 = 8, 64 / 2 = 32
    assert stem(torch.zeros(1, 3, 64, 64)).shape == (1, 48, 64 // patch, 64 // patch)


@pytest.mark.parametrize("patch", [12, 1])
def test_a_patch_that_halvings_do_not_reach_is_refused(patch):
    with pytest.raises(ConfigError, match=f"patch_size is {patch}; .* power of 2"):
        conv_stem(patch, 48)


def test_an_image_is_seen_the_same_beside_others():
    torch.manual_seed(0)
    stem, images = conv_stem(16, 48), torch.randn(3, 3, 64, 64)
    # no statistics of the batch: each row is what the image gives alone, up to the order of sums
    torch.testing.assert_close(stem(images)[1:2], stem(images[1:2]), rtol=1e-5, atol=1e-5)


def test_it_takes_the_place_of_the_patches_and_is_saved(build_tiny, make_observation, tmp_path):
    patch, conv = build_tiny(seed=1), build_tiny(seed=1, stem="conv")
    observation = make_observation(2)
    assert conv.model.config.stem == "conv"
    assert patch.model.config.stem == "patch"  # as every published checkpoint
    sequence = [len(policy.act(observation).inputs["input_ids"][0]) for policy in (patch, conv)]
    assert sequence[0] == sequence[1]
    conv.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["vla_policy"]["stem"] == "conv"
    loaded = OpenVLAOFTPolicy.from_pretrained(tmp_path)
    torch.testing.assert_close(
        torch.from_numpy(loaded.act(observation, deterministic=True).actions),
        torch.from_numpy(conv.act(observation, deterministic=True).actions),
        rtol=0,
        atol=0,
    )
    with pytest.raises(ConfigError, match="stem"):
        build_tiny(stem="gabor")
