"""Which way up images are: turning them, and the check that tells it from demonstrations."""

import copy
import math

import numpy as np
import pytest
import torch

from vla_policy.errors import ConfigError, ObservationError
from vla_policy.orientation import ORIENTATIONS, orientation_of, reorient, turned
from vla_policy.orientation_check import check_orientation

RAW = np.arange(2 * 3 * 3).reshape(2, 3, 3)  # 2 rows, 3 columns, 3 colours
BY_HAND = {"opengl": RAW, "upright": RAW[::-1], "mirrored": RAW[:, ::-1], "rot180": RAW[::-1, ::-1]}


@pytest.mark.parametrize("given", ORIENTATIONS)
@pytest.mark.parametrize("wanted", ORIENTATIONS)
def test_every_orientation_becomes_every_other(given, wanted):
    np.testing.assert_array_equal(reorient(BY_HAND[given], given, wanted), BY_HAND[wanted])
    batch = np.stack([BY_HAND[given], BY_HAND[given] + 100])
    np.testing.assert_array_equal(reorient(batch, given, wanted)[1], BY_HAND[wanted] + 100)


def test_unknown_orientations_are_refused(tiny):
    with pytest.raises(ConfigError, match="sideways; allowed: rot180, upright, opengl, mirrored"):
        reorient(RAW, "sideways", "rot180")
    with pytest.raises(ConfigError, match=r"metadata\['image_orientation'\] is None"):
        orientation_of({})
    policy = copy.deepcopy(tiny)
    with pytest.raises(ConfigError, match="use_orientation: 7"):
        policy.use_orientation(7)
    assert policy.image_orientation == "rot180"


def test_a_policy_turns_images_from_the_environment_s_orientation(tiny, make_observation):
    policy = copy.deepcopy(tiny)
    rot180 = make_observation(2)
    expected = policy.act(rot180, deterministic=True)
    upright = {**rot180, "image": rot180["image"][:, :, ::-1], "wrist_image": rot180["wrist_image"][:, :, ::-1]}
    assert not torch.equal(policy.act(upright, deterministic=True).inputs["images"], expected.inputs["images"])
    policy.use_orientation({"image_orientation": "upright"})
    output = policy.act(upright, deterministic=True)
    assert torch.equal(output.inputs["images"], expected.inputs["images"])
    assert torch.equal(output.tokens, expected.tokens)


def demonstrations(count, seed):
    """A bright spot that is left or right, above or below; the action points to it."""
    observation = {}
    random = np.random.default_rng(seed)
    places = random.integers(0, 2, (count, 2))
    for key in ("image", "wrist_image"):
        observation[key] = np.full((count, 32, 32, 3), 60, np.uint8)
        for image, (row, column) in zip(observation[key], places, strict=True):
            image[row * 16 + 4 : row * 16 + 12, column * 16 + 4 : column * 16 + 12] = 250
    observation["state"] = np.zeros((count, 8), np.float32)
    observation["instruction"] = ["go to the light"] * count
    actions = np.zeros((count, 2, 7))
    actions[:, :, :2] = (places * 1.6 - 0.8)[:, None]
    return observation, actions


@pytest.fixture(scope="module")
def trained(build_tiny):
    """A policy that has learned where the spot is."""
    policy = build_tiny(seed=0)
    observation, actions = demonstrations(32, 1)
    inputs, tokens = policy.observe(observation), policy.encode(actions)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=2e-3)
    for _ in range(60):
        loss = -policy.evaluate(inputs, tokens).log_probs.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_check_names_the_orientation_that_images_have(trained, orientation):
    observation, actions = demonstrations(24, 2)
    # the policy was trained on images that it takes for rot180
    observation = turned(observation, ("image", "wrist_image"), "rot180", orientation)
    found = check_orientation(trained, observation, actions, batch=7)
    assert found.best == orientation
    assert found.clear
    assert found.passed == (orientation == "rot180")
    assert (f"use_orientation('{orientation}')" in str(found)) == (orientation != "rot180")
    corrected = copy.deepcopy(trained)
    corrected.use_orientation(found.best)
    again = check_orientation(corrected, observation, actions)
    assert again.passed
    assert again.scores == pytest.approx(found.scores, abs=1e-5)


def test_the_scores_are_mean_log_probs(trained):
    observation, actions = demonstrations(6, 3)
    found = check_orientation(trained, observation, actions)
    with torch.no_grad():
        scores = trained.evaluate(trained.observe(observation), trained.encode(actions)).log_probs.mean()
    assert found.scores["rot180"] == pytest.approx(scores.item(), abs=1e-5)


def test_a_policy_that_knows_nothing_passes_no_check(build_tiny):
    policy = build_tiny(seed=3)
    observation, actions = demonstrations(24, 2)
    observation["image"][:] = observation["wrist_image"][:] = 128  # the same any way up
    found = check_orientation(policy, observation, actions)
    assert not found.clear
    assert not found.passed
    assert "not clear" in str(found)
    assert math.isfinite(found.distance)


def test_the_check_needs_pairs(trained):
    observation, actions = demonstrations(4, 2)
    with pytest.raises(ObservationError, match="4 observations and 3 chunks"):
        check_orientation(trained, observation, actions[:3])
