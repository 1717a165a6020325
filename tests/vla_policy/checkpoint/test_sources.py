"""Arguments of `from_pretrained`, and the number of images."""

import json
import shutil

import pytest
import torch
from gymnasium import spaces

from vla_policy import OpenVLAOFTModel, OpenVLAOFTPolicy
from vla_policy.errors import CheckpointError, ConfigError


@pytest.fixture
def folder(tiny, tmp_path):
    tiny.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


def change_config(folder, **changes):
    """Replace keys of config.json; a key under `vla_policy` where it is one of ours."""
    config = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        place = config["vla_policy"] if key in config["vla_policy"] else config
        place.pop(key, None) if value is None else place.update({key: value})
    (folder / "config.json").write_text(json.dumps(config))


# ---- the number of images


def silent(folder, name):
    """A copy of a checkpoint of two images that does not say so, under another name."""
    target = folder.parent / name
    shutil.copytree(folder, target)
    change_config(target, num_images=None)
    return target


def test_a_checkpoint_that_does_not_say_it_is_an_error_not_one_image(folder):
    quiet = silent(folder, "finetuned")
    with pytest.raises(ConfigError, match=r"finetuned does not say how many images .* give num_images: 1 .* or 2"):
        OpenVLAOFTPolicy.from_pretrained(quiet)
    assert OpenVLAOFTPolicy.from_pretrained(quiet, num_images=2).config.image_keys == ("image", "wrist_image")
    assert OpenVLAOFTModel.from_pretrained(quiet).config.num_images == 1  # the network alone: documented default


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("openvla-7b+libero_spatial_no_noops+b64+lr-0.0005+lora-r32+dropout-0.0--image_aug--parallel_dec--8_acts_chunk--"
         "continuous_acts--L1_regression--3rd_person_img--wrist_img--proprio_state--150000_chkpt", 2),
        ("openvla-7b+mine--discrete_acts--3rd_person_img--50000_chkpt", 1),
        ("openvla-7b-oft-finetuned-libero-spatial-object-goal-10", 2),
        ("Openvla-oft-SFT-libero10-traj1", 1),
        ("RLinf-OpenVLAOFT-LIBERO-130", 1),
    ],
)  # fmt: skip
def test_names_that_follow_a_convention_tell(folder, name, count):
    quiet = silent(folder, name)
    assert OpenVLAOFTPolicy.from_pretrained(quiet).model.config.num_images == count
    assert OpenVLAOFTModel.from_pretrained(quiet).config.num_images == count
    # what is given wins
    assert OpenVLAOFTPolicy.from_pretrained(quiet, num_images=3 - count).model.config.num_images == 3 - count
    assert OpenVLAOFTModel.from_pretrained(quiet, 3 - count).config.num_images == 3 - count


def test_what_the_config_says_goes_before_the_name(folder):
    quiet = silent(folder, "openvla-7b-oft-finetuned-libero-10")
    change_config(quiet, num_images_in_input=1)  # RLinf's key
    assert OpenVLAOFTPolicy.from_pretrained(quiet).model.config.num_images == 1


def test_an_environment_with_more_cameras_does_not_change_the_network(make_spaces, build_tiny, tmp_path):
    build_tiny(wrist_image=False).save_pretrained(tmp_path / "one")
    policy = OpenVLAOFTPolicy.for_spaces(*make_spaces(), path=tmp_path / "one")
    assert policy.model.config.num_images == 1
    # nobody says it: the environment's cameras, as a run that begins at a base model chooses them
    change_config(tmp_path / "one", num_images=None)
    assert OpenVLAOFTPolicy.for_spaces(*make_spaces(), path=tmp_path / "one").model.config.num_images == 2
    observation, action = make_spaces()
    alone = spaces.Dict({key: space for key, space in observation.spaces.items() if key != "wrist_image"})
    assert OpenVLAOFTPolicy.for_spaces(alone, action, path=tmp_path / "one").model.config.num_images == 1


# ---- arguments


def test_torch_dtype_is_dtype(folder):
    assert OpenVLAOFTPolicy.from_pretrained(folder, torch_dtype=torch.bfloat16).model.dtype == torch.bfloat16
    assert OpenVLAOFTPolicy.from_pretrained(folder, torch_dtype="auto").model.dtype == torch.float32
    assert OpenVLAOFTModel.from_pretrained(folder, torch_dtype="bfloat16").dtype == torch.bfloat16
    assert OpenVLAOFTModel.from_pretrained(folder, dtype="float16", torch_dtype=torch.float16).dtype == torch.float16
    with pytest.raises(ConfigError, match="dtype is 'float16' and torch_dtype 'bfloat16'"):
        OpenVLAOFTPolicy.from_pretrained(folder, dtype="float16", torch_dtype="bfloat16")
    with pytest.raises(ConfigError, match="'int8'"):
        OpenVLAOFTModel.from_pretrained(folder, dtype="int8")


@pytest.mark.parametrize("cls", [OpenVLAOFTPolicy, OpenVLAOFTModel])
def test_unknown_arguments(folder, cls):
    with pytest.raises(ConfigError, match=r"unknown options \['num_image'\]; did you mean num_images"):
        cls.from_pretrained(folder, num_image=2)
    with pytest.raises(ConfigError, match="trust_remote_code is not taken: no code of a checkpoint is ever run"):
        cls.from_pretrained(folder, trust_remote_code=True)
    with pytest.raises(ConfigError, match=r"device_map is not taken: .*`device`"):
        cls.from_pretrained(folder, device_map="auto")


def test_for_spaces_refuses_them_too(folder, make_spaces):
    with pytest.raises(ConfigError, match=r"\['unorm_key'\]; did you mean unnorm_key"):
        OpenVLAOFTPolicy.for_spaces(*make_spaces(), path=folder, unorm_key="tiny")


def test_a_subfolder_of_a_folder(folder):
    assert OpenVLAOFTPolicy.from_pretrained(folder.parent, subfolder="saved").stats.key == "tiny"
    with pytest.raises(CheckpointError, match="has no folder 'other'"):
        OpenVLAOFTPolicy.from_pretrained(folder.parent, subfolder="other")
    with pytest.raises(ConfigError, match=r"subfolder is '\.\./x'"):
        OpenVLAOFTModel.from_pretrained(folder, subfolder="../x")
    with pytest.raises(ConfigError, match=r"revision='v1' .* is a folder here"):
        OpenVLAOFTModel.from_pretrained(folder, revision="v1")


# ---- the stop token


def test_without_the_stop_token_the_network_is_that_of_rlinf(tiny, folder, make_observation, generator, tmp_path):
    """RLinf a3816b5, `_build_embedding`: the sequence is cut before the stop token; the rest stays."""
    without = OpenVLAOFTPolicy.from_pretrained(folder, stop_token=False)
    inputs = without.observe(make_observation(2))  # prompts of different lengths: one row is padded
    captured = []
    hook = without.model.language_model.model.register_forward_pre_hook(lambda _, args: captured.append(args))
    with torch.no_grad():
        ours = without._network(inputs)
        plain = tiny._network(inputs)
    hook.remove()
    embeddings, valid, queries = captured[0]
    # the longest prompt ends at its last placeholder: the position of its last query, one more
    length = int(valid.sum(1).max())
    assert embeddings.shape[1] == length == int(queries.max()) + 2
    assert (ours.logits - plain.logits).abs().max() > 1e-4
    # oracle: the same network where nothing may attend to the stop token (keys are rotated by their own position only)
    masked = []

    def hide_stop(_, args):
        embeddings, valid, queries = args
        valid = torch.ones(embeddings.shape[:2], dtype=torch.bool) if valid is None else valid.clone()
        last = valid.sum(1) - 1
        valid[torch.arange(len(last)), last] = False
        masked.append(last)
        return embeddings, valid, queries

    hook = tiny.model.language_model.model.register_forward_pre_hook(hide_stop)
    with torch.no_grad():
        expected = tiny._network(inputs)
    hook.remove()
    assert masked
    torch.testing.assert_close(ours.logits, expected.logits, rtol=0, atol=1e-4)
    # saved and loaded, it stays without
    without.save_pretrained(tmp_path / "without")
    loaded = OpenVLAOFTPolicy.from_pretrained(tmp_path / "without")
    assert loaded.model.config.stop_token is False
    first, second = (p.act(make_observation(3), generator=generator(0)) for p in (without, loaded))
    assert torch.equal(first.tokens, second.tokens)
    assert OpenVLAOFTPolicy.from_pretrained(folder).model.config.stop_token is True
