"""Several ranks take the same update as one process: real processes, connected by gloo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import rank_cases
import rank_processes
import torch
from rank_cases import CASES, IN_BF16, Result

from vla_trainer.update.ranks import Ranks, backend_of


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Results by rank, of 4 processes that are started once."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "checkpoints").mkdir()
    return rank_processes.run(rank_cases.run_all, folder, 4, folder / "checkpoints")


def of(results: list[dict[str, Any]], name: str, size: int) -> list[Any]:
    return [results[rank][f"{name}, {size} ranks"] for rank in range(size)]


@pytest.fixture(scope="module")
def alone() -> dict[str, Result]:
    """Results of one process."""
    return {name: rank_cases.run(case, Ranks()) for name, case in CASES.items()}


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("name", CASES)
def test_metrics_and_weights_are_those_of_one_process(
    results: list[dict[str, Any]], alone: dict[str, Result], name: str, size: int
) -> None:
    # float32 sums in another order differ by some 1e-7 of their size; bfloat16 rounds the products that are summed
    tolerance = 2e-3 if CASES[name].bf16 else 1e-5
    for result in of(results, name, size):
        assert result.metrics == pytest.approx(alone[name].metrics, rel=tolerance, abs=tolerance)
    weights = of(results, name, size)[0].weights
    assert weights.keys() == alone[name].weights.keys()
    for key, weight in alone[name].weights.items():
        assert torch.isfinite(weights[key]).all()
        torch.testing.assert_close(weights[key], weight, rtol=0, atol=tolerance)
    # the comparison is of weights that have moved
    before = rank_cases.make(CASES[name].rows)[0].state_dict()
    assert max((weights[key] - before[key]).abs().max().item() for key in before) > 100 * 1e-5


@pytest.mark.parametrize("size", [2, 4])
def test_all_ranks_return_the_same_numbers(results: list[dict[str, Any]], size: int) -> None:
    for name in CASES:
        first, *others = (result.metrics for result in of(results, name, size))
        assert all(other == first for other in others)


@pytest.mark.parametrize("size", [2, 4])
def test_gradients_of_bfloat16_blocks_are_summed_in_float32(results: list[dict[str, Any]], size: int) -> None:
    often, once = (of(results, name, size)[0] for name in IN_BF16)
    assert once.metrics == pytest.approx(often.metrics, rel=1e-5, abs=1e-5)
    for key, weight in often.weights.items():
        # sums of float32 in another order; sums of bfloat16 would differ by 4e-3 of their size
        torch.testing.assert_close(once.weights[key], weight, rtol=0, atol=1e-5)


def test_gathers_and_sums_of_gradients_are_as_the_keys_say(results: list[dict[str, Any]]) -> None:
    # 2 epochs of 3 steps in 2 micro-batches each on 4 ranks; 6 blocks and the deviations beside them, which stay
    # gathered until their backward pass: a micro-batch gathers 7, then 6 blocks again, and sums 7
    gather, scatter = "_allgather_base_", "_reduce_scatter_base_"
    steps, micro_batches = 6, 12
    for rank in range(4):
        sent = {name: results[rank][f"{name}, 4 ranks"].sent for name in CASES}
        assert sent["gradients once a step"][gather] == micro_batches * 13
        assert sent["gradients once a step"][scatter] == steps * 7
        assert sent["gathered in a step"][gather] == steps * 7
        assert sent["gathered in a step"][scatter] == micro_batches * 7
        # over nodes: within a node as without the key, between nodes one sum a step
        assert sent["over nodes"][gather] == micro_batches * 13
        assert sent["over nodes"][scatter] == micro_batches * 7
        assert sent["over nodes"]["allreduce_"] == steps * 7
        assert sent["over nodes, both"][gather] == sent["over nodes, both"][scatter] == steps * 7


def test_the_stop_is_somewhere_in_between(alone: dict[str, Result]) -> None:
    # or it would not show that ranks stop at the same step: 9 epochs of 3 steps
    assert 1 < alone["stopped"].metrics["actor/optimizer_steps"] < 27


def test_only_the_critic_moves_in_its_warm_up(results: list[dict[str, Any]]) -> None:
    before = rank_cases.make(29)[0].state_dict()
    after = of(results, "critic alone", 4)[0].weights
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert moved
    assert all(key.startswith("critic") for key in moved)


def test_frozen_weights_stay(results: list[dict[str, Any]]) -> None:
    before = rank_cases.make(29)[0].state_dict()
    after = of(results, "frozen", 4)[0].weights
    assert torch.equal(after["actor.0.weight"], before["actor.0.weight"])
    assert not torch.equal(after["actor.2.weight"], before["actor.2.weight"])


def test_a_rank_fetches_only_its_rows(results: list[dict[str, Any]], alone: dict[str, Result]) -> None:
    # one pass over 29 rows on 4 ranks: 8, 7, 7, 7, all in one micro-batch each; and before it, no reference
    assert sorted(result.fetched for result in of(results, "one pass", 4)) == [[7], [7], [7], [8]]
    assert alone["one pass"].fetched == [29]
    # 2 epochs of 3 rows on 4 ranks: each rank fetches one row an epoch, the one without rows one that does not count;
    # so 8, of which 6 count
    assert [result.fetched for result in of(results, "fewer rows than ranks", 4)] == [[1, 1]] * 4
    # equally many micro-batches on all ranks: 2 epochs of 10, 10 and 9 rows in 2 passes each
    assert [len(result.fetched) for result in of(results, "ppo", 4)] == [12] * 4


@pytest.mark.parametrize("size", [2, 4])
def test_gathered_ranks_act_by_themselves(results: list[dict[str, Any]], size: int) -> None:
    for rank, result in enumerate(of(results, "acting", size)):
        assert len(result.actions) == 2 * rank + 1
        assert result.collectives == 0
        assert result.collectives_sharded > 0
        for actions in [*result.actions, result.together]:
            assert actions == pytest.approx(result.plain, abs=1e-6)
        assert math.isfinite(result.metrics["actor/grad_norm"])


def test_whole_weights_go_to_rank_0(results: list[dict[str, Any]]) -> None:
    first, *others = of(results, "acting", 4)
    expected = rank_cases.make(8)[0].state_dict()
    assert first.state.keys() == expected.keys()
    for key, weight in expected.items():
        torch.testing.assert_close(first.state[key], weight, rtol=0, atol=0)
    assert first.trainable == expected.keys() - {"actor.0.weight", "actor.0.bias"}
    assert all(not other.state and not other.trainable for other in others)


def test_a_checkpoint_fits_any_number_of_ranks(results: list[dict[str, Any]]) -> None:
    seen = results[0]["checkpoints"]
    first = seen["0"]
    assert {"actor.0.weight.weight", "actor.0.weight.exp_avg", "actor.0.weight.exp_avg_sq"} < first.keys()
    assert first["actor.0.weight.step"] == 3
    assert "critic.0.weight.exp_avg" not in first
    for turn in ("1", "2", "3"):
        assert seen[turn].keys() == first.keys()
        for key, tensor in first.items():
            assert seen[turn][key].dtype == tensor.dtype
            torch.testing.assert_close(seen[turn][key], tensor, rtol=0, atol=0)
    assert math.isfinite(seen["after"]["actor/loss"])


def test_no_checkpoint_and_one_of_another_policy_are_errors(results: list[dict[str, Any]]) -> None:
    for rank in range(4):
        seen = results[rank]["checkpoints"]
        assert "holds another policy" in seen["other"]
        assert "(7, 5), and the policy's (6, 5)" in seen["other"]
        assert "is not a sharded checkpoint: it has no .metadata" in seen["none"]


def test_a_policy_that_is_not_sharded_is_an_error(results: list[dict[str, Any]]) -> None:
    assert all("update on 4 ranks needs a policy that" in result["not sharded"] for result in results)


def test_sums_are_over_all_ranks_and_by_name(results: list[dict[str, Any]]) -> None:
    for result in results:
        values, tensor = result["sums"]
        assert values == {"a": 1111.0, "b": 4.0}  # 1 + 10 + 100 + 1000
        assert tensor.tolist() == [1111.0, 1111.0]


def test_one_process_needs_no_group(tmp_path: Path) -> None:
    from vla_trainer.checkpoint.sharded import load, save
    from vla_trainer.errors import BackendError, CheckpointError
    from vla_trainer.update.optimizer import make_optimizer
    from vla_trainer.update.sharding import full_state_dict, is_sharded, reshard, shard, unshard

    ranks = Ranks()
    assert (ranks.rank, ranks.size) == (0, 1)
    with pytest.raises(BackendError, match="there is none here"):
        ranks.mesh()
    policy, _ = rank_cases.make(4)
    shard(policy, ranks)
    unshard(policy)
    reshard(policy)
    assert not is_sharded(policy)
    before = full_state_dict(policy)
    optimizer = make_optimizer(policy, rank_cases.ACTOR)
    save(tmp_path / "step", policy, optimizer, ranks)
    with torch.no_grad():
        policy.log_std.zero_().add_(7)
    assert before["log_std"][0] != 7  # a copy
    load(tmp_path / "step", policy, optimizer, ranks)
    torch.testing.assert_close(policy.log_std.detach(), before["log_std"], rtol=0, atol=0)

    (part,) = (tmp_path / "step").glob("*.distcp")
    with pytest.raises(CheckpointError, match="cannot write"):
        save(part / "below a file", policy, optimizer, ranks)
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot read"):
        load(tmp_path / "step", policy, optimizer, ranks)


def test_gpus_have_gloo_too() -> None:
    assert backend_of("cpu") == "gloo"
    assert backend_of("cuda:1") == "cpu:gloo,cuda:nccl"


def test_all_ranks_skip_the_step_that_one_has_a_bad_row_in(results: list[dict[str, Any]]) -> None:
    for size in (2, 4):
        metrics = of(results, "a step is skipped", size)[0].metrics
        assert (metrics["actor/optimizer_steps"], metrics["actor/skipped_steps"]) == (4, 2)


def test_all_ranks_stop_where_one_has_numbers_that_are_not_finite(results: list[dict[str, Any]]) -> None:
    for rank in range(4):
        steps, weights = results[rank]["diverged"]
        assert steps.startswith("TrainingDivergedError: 2 optimizer steps in a row were skipped")
        assert weights.startswith("TrainingDivergedError: the weights that ")
        assert weights.endswith("log_std" if rank == 2 else "those of another rank"), weights
