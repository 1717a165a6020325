"""The toy VLA, its weights sharded over two processes, learns what it learns in one."""

from __future__ import annotations

from pathlib import Path

import forks
import pytest
import rank_processes
import sharded_vla
import torch
from sharded_vla import CASES, Result

from vla_trainer.checkpoint.sharded import load
from vla_trainer.update.optimizer import make_optimizer
from vla_trainer.update.ranks import Ranks


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, checkpoints: Path) -> list[dict[str, Result]]:
    """By rank."""
    folder = tmp_path_factory.mktemp("ranks")
    return rank_processes.run(sharded_vla.run_all, folder, 2, checkpoints, preload=forks.POLICY)


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_take_the_update_of_one(results: list[dict[str, Result]], name: str) -> None:
    case = CASES[name]
    alone = sharded_vla.run(case, Ranks())
    first, second = (result[name] for result in results)
    assert first.metrics == second.metrics
    # bfloat16 has 8 bits: 4e-3 of what is rounded. Sharded, norms and sums between blocks are rounded, too.
    near = {"rel": 0.05, "abs": 5e-3} if case.bf16 else {"rel": 1e-5, "abs": 1e-5}
    # the largest error of all tokens, after a few roundings: how many depends on the processor's bfloat16 kernels
    largest = "actor/initial_ratio_error"
    if case.bf16 and largest in alone.metrics:
        assert max(first.metrics[largest], alone.metrics[largest]) < 3 * 2**-8
    rest = {name: value for name, value in alone.metrics.items() if not (case.bf16 and name == largest)}
    assert {name: first.metrics[name] for name in rest} == pytest.approx(rest, **near)
    assert first.metrics.keys() == alone.metrics.keys()
    assert first.weights.keys() == alone.weights.keys()
    assert not second.weights
    before, moved = sharded_vla.make(case).state_dict(), 0.0
    for key, weight in alone.weights.items():
        assert first.weights[key].dtype == weight.dtype
        # a step of Adam is at most lr = 1e-3 here; a direction that bfloat16 gets wrong costs at most two
        torch.testing.assert_close(first.weights[key], weight, rtol=0, atol=2e-3 if case.bf16 else 1e-5)
        moved = max(moved, (weight.float() - before[key].float()).abs().max().item())
    assert moved > 5e-4
    assert [len(each.actions) for each in (first, second)] == [1, 2]
    if not case.bf16:
        for actions in (*first.actions, *second.actions):
            assert actions == pytest.approx(alone.actions[0], abs=1e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ranks", [1, 2])
def test_logits_and_values_are_float32(results: list[dict[str, Result]], name: str, ranks: int) -> None:
    everywhere = [result[name].outputs for result in results]
    for outputs in [sharded_vla.evaluate(CASES[name], Ranks())] if ranks == 1 else everywhere:
        assert outputs is not None
        assert outputs.dtypes == {torch.float32}
        # sums of 32 products near 20: float32 is right to 1e-4, bfloat16 would be off by 0.06
        for given, exact in (outputs.logits, outputs.log_probs, outputs.values):
            torch.testing.assert_close(given, exact, rtol=0, atol=1e-4)
        assert outputs.logits[1].abs().max() > 8
        assert outputs.values[1].abs().max() > 0.05


def test_blocks_are_those_of_trunks_and_language_model(results: list[dict[str, Result]]) -> None:
    # trunks of 2 blocks each and 2 decoder layers
    assert {result.blocks for rank in results for result in rank.values()} == {6}


def test_only_what_learns_is_sent(results: list[dict[str, Result]]) -> None:
    policy = sharded_vla.make(CASES["adapters"])
    expected = {name for name, weight in policy.named_parameters() if weight.requires_grad}
    assert any("lora_A" in name for name in expected)
    assert results[0]["adapters"].trainable == expected | {"_extra_state"}
    assert not results[1]["adapters"].trainable


@pytest.mark.parametrize("name", CASES)
def test_one_process_reads_the_checkpoint_of_two(
    results: list[dict[str, Result]], checkpoints: Path, name: str
) -> None:
    policy = sharded_vla.make(CASES[name])
    optimizer = make_optimizer(policy, sharded_vla.ACTOR)
    load(checkpoints / name, policy, optimizer, Ranks())
    for key, weight in policy.state_dict().items():
        torch.testing.assert_close(weight, results[0][name].weights[key], rtol=0, atol=0)
    assert {float(moments["step"]) for moments in optimizer.state.values()} == {2.0}  # 2 epochs of one step
