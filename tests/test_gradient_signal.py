"""What `benchmarks/gradient_signal.py` makes of rollouts and gradients."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark("gradient_signal")


def test_returns_end_with_their_episode_and_unfinished_ones_are_not_known(benchmark):
    over = np.array([[0, 0], [1, 0], [0, 0], [0, 1]], dtype=bool)
    rewards = np.array([[0, 0], [1, 0], [0, 0], [0, 1]], dtype=float)
    rollout = SimpleNamespace(
        terminated=over, truncated=np.zeros_like(over), rewards=rewards, mask=np.ones_like(over, dtype=bool)
    )
    returns, known = benchmark.ended(rollout)
    # the first environment's second episode has no end in the rollout
    assert returns.tolist() == [[1, 1], [1, 1], [0, 1], [0, 1]]
    assert known.tolist() == [[True, True], [True, True], [False, True], [False, True]]


def test_the_signal_of_gradients_with_a_known_share_of_noise(benchmark):
    # a true direction of length 1 and noise of length 2 in 20,000 dimensions: cosine 1 / (1 + 4), signal 0.2 / 0.8
    generator = torch.Generator().manual_seed(0)
    true = torch.nn.functional.normalize(torch.randn(20_000, generator=generator), dim=0)
    noise = torch.nn.functional.normalize(torch.randn(8, 20_000, generator=generator), dim=1)
    found = benchmark.row(true + 2 * noise, 500.0, true.expand(8, -1))
    assert found["cosine of two batches"] == pytest.approx(0.2, abs=0.01)
    assert found["signal of 1,000 env steps"] == pytest.approx(0.25 * 2, abs=0.03)
    assert found["towards true"] == pytest.approx(1 / math.sqrt(5), abs=0.02)
