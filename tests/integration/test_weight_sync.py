"""A process that only acts computes what those that learn compute: with one of them, and with two."""

from __future__ import annotations

from functools import partial

import forks
import pytest
import rank_processes
import sharded_vla
import synced_vla
import torch
from synced_vla import NAMES, Scores, loud


@pytest.fixture(scope="module", params=[1, 2], ids=["one learns", "two learn"])
def results(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[dict[str, Scores]]:
    """By process; the last one only acts."""
    folder = tmp_path_factory.mktemp("processes")
    return rank_processes.run(synced_vla.run_all, folder, request.param + 1, request.param, preload=forks.POLICY)


@pytest.mark.parametrize("name", NAMES)
def test_log_probs_are_those_of_the_processes_that_learn(results: list[dict[str, Scores]], name: str) -> None:
    *learners, acts = (result[name] for result in results)
    for learner in learners:
        for learned, acted in zip(learner.log_probs, acts.log_probs, strict=True):
            # the same operations on the same numbers: equal; 1e-3 is what a ratio may be wrong by
            torch.testing.assert_close(acted, learned, rtol=0, atol=1e-3)
        for value, acted_value in zip(learner.values, acts.values, strict=True):
            torch.testing.assert_close(acted_value, value, rtol=0, atol=1e-3)
    before, after = acts.log_probs
    assert (after - before).abs().max() > 0.01  # an update has come


def test_autocast_alone_would_compute_another_network(results: list[dict[str, Scores]]) -> None:
    # or the comparison above would show nothing: float32 weights and residuals, as one process has them
    case = sharded_vla.CASES["bf16"]
    batch = synced_vla.fixed_batch(case)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        alone = loud(case).evaluate(batch.inputs, batch.tokens).log_probs
    assert (alone - results[-1]["bf16"].log_probs[0]).abs().max() > 5e-3


def test_blocks_are_held_and_sent_in_bfloat16(results: list[dict[str, Scores]]) -> None:
    policy = sharded_vla.make(sharded_vla.CASES["bf16"])
    blocks = {id(w): w for block in sharded_vla.blocks_of(policy) for w in block.parameters()}
    everything = list(policy.parameters())
    nbytes = partial(_nbytes, in_blocks=set(blocks), block_bytes=2)
    assert results[-1]["bf16"].bytes_of_weights == nbytes(everything)
    assert results[0]["bf16"].sent == nbytes([weight for weight in everything if weight.requires_grad])
    whole = {name: [result[name] for result in results] for name in NAMES}["whole"]
    assert whole[-1].bytes_of_weights == _nbytes(everything, set(blocks), 4)
    assert [scores.sent for scores in whole[1:]] == [0] * (len(results) - 1)


def test_how_long_processes_wait_for_one_another_is_a_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("waiting")
    waited, _ = rank_processes.run(synced_vla.wait_for_nobody, folder, 2, 2.0, preload=forks.POLICY)
    assert 1.0 < waited < 5.0  # 2 seconds; torch's own limit is 30 minutes


def _nbytes(weights: list[torch.Tensor], in_blocks: set[int], block_bytes: int) -> int:
    return sum(weight.numel() * (block_bytes if id(weight) in in_blocks else 4) for weight in weights)
