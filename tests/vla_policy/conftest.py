"""Spaces, a tiny policy and observations that the tests of vla_policy share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces

from vla_policy import OpenVLAOFTPolicy

SENTENCES = [
    "Open the middle drawer of the cabinet",
    "pick up the black bowl between the plate and the ramekin and place it on the plate",
    "turn on the stove",
]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The networks are so small that threads only get in each other's way."""
    torch.set_num_threads(1)


def make_spaces(side: int = 32, chunk: int | None = 2) -> tuple[spaces.Dict, spaces.Box]:
    """Spaces of an env like libero_gym's; chunk None is an env without chunks."""
    image = spaces.Box(0, 255, (side, side, 3), np.uint8)
    observation = spaces.Dict(
        image=image,
        wrist_image=image,
        state=spaces.Box(-np.inf, np.inf, (8,), np.float32),
        instruction=spaces.Text(200),
    )
    return observation, spaces.Box(-1, 1, (7,) if chunk is None else (chunk, 7), np.float32)


def make_observation(count: int, side: int = 32, seed: int = 0) -> dict[str, Any]:
    """A batched observation with prompts of different lengths."""
    random = np.random.default_rng(seed)
    return {
        "image": random.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
        "wrist_image": random.integers(0, 256, (count, side, side, 3), dtype=np.uint8),
        "state": random.normal(size=(count, 8)).astype(np.float32),
        "instruction": [SENTENCES[i % 3] for i in range(count)],
    }


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(name="make_spaces")
def make_spaces_fixture() -> Callable[..., tuple[spaces.Dict, spaces.Box]]:
    return make_spaces


@pytest.fixture(name="make_observation")
def make_observation_fixture() -> Callable[..., dict[str, Any]]:
    return make_observation


@pytest.fixture(name="generator")
def generator_fixture() -> Callable[[int], torch.Generator]:
    return generator


def build(**sizes: Any) -> OpenVLAOFTPolicy:
    return OpenVLAOFTPolicy.tiny(*make_spaces(), **sizes)


@pytest.fixture(scope="session")
def build_tiny() -> Callable[..., OpenVLAOFTPolicy]:
    """A policy of its own, for tests that change it."""
    return build


@pytest.fixture(scope="session")
def tiny() -> OpenVLAOFTPolicy:
    """One policy for tests that do not change it: two cameras of 32 px, C = 2, A = 7."""
    policy = build(seed=0)
    # An untrained policy hardly looks at its inputs; scatter the weights so that a mistake in them shows.
    with torch.no_grad():
        random = generator(1)
        for parameter in policy.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random) * 0.05)
    return policy


@pytest.fixture(scope="session")
def parity_folder() -> Path:
    """The published code's answers, beside the repository."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "openvla_oft"
    if not folder.is_dir():
        pytest.skip(f"the parity fixture is not at {folder}")
    return folder
