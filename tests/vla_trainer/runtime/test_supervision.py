"""Processes of the ray backend, killed in the middle of an iteration: the run is the one that was never hurt."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import slow_toy
import torch
from ray_nodes import two_nodes
from ray_runs import config, in_the_middle, on, rows_of, train, what_happened

from vla_trainer.trainer import make_trainer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


@pytest.mark.parametrize("recipe", [slow_toy.GRPO, slow_toy.PPO], ids=["grpo", "ppo"])
def test_env_processes_that_die_or_hang_are_started_again(cluster: Any, recipe: str) -> None:
    local = make_trainer(config(recipe))
    lost = make_trainer(config(recipe, *on(cluster, "cluster.hang_seconds=3")))
    try:
        named = lost.runtime.processes()
        for iteration, (rank, sign) in enumerate([(1, None), (0, signal.SIGKILL), (1, signal.SIGSTOP)], 1):
            if sign is not None:
                number = named[f"env process {rank}"]
                in_the_middle(lambda number=number, sign=sign: os.kill(number, sign))
            expected, got = local.collect(), lost.collect()
            assert what_happened(got) == pytest.approx(
                what_happened(expected), abs=1e-6
            )  # float32, whose sums differ by order
            assert lost.runtime._envs.restarts == iteration - 1
            # rows that the lost process had taken are in no batch: each policy step is there once
            first, second = (lost._algorithm.batch(each) for each in (expected, got))
            torch.testing.assert_close(second.tokens, first.tokens, atol=1e-5, rtol=0)
            torch.testing.assert_close(second.advantages, first.advantages, atol=1e-5, rtol=0)
            measured = [backend.update(batch, iteration) for backend, batch in ((local, first), (lost, second))]
            assert measured[1] == pytest.approx(measured[0], abs=1e-5)
            # whose weights sampled each policy step
            assert set(got.version[got.mask]) == {iteration - 1}
    finally:
        local.close()
        lost.close()


def test_an_env_process_that_hangs_says_where(cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hang = tmp_path / "hang"
    hang.touch()
    local = make_trainer(config(slow_toy.GRPO))
    lost = make_trainer(config(slow_toy.GRPO, f"env.hang={hang}", *on(cluster, "cluster.hang_seconds=3")))
    try:
        assert what_happened(lost.collect()) == pytest.approx(what_happened(local.collect()), abs=1e-6)
    finally:
        local.close()
        lost.close()
    (said,) = [record.getMessage() for record in caplog.records if "was lost" in record.getMessage()]
    # innermost first: how Python waits for an event, then who called it
    assert re.search(r"no progress for 3 s, in wait .* < wait_for_ever \(slow_toy.py:\d+\) < step \(slow_toy.py", said)


@pytest.fixture(scope="module")
def unhurt(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The rows of a run in one process."""
    folder = tmp_path_factory.mktemp("unhurt") / "run"
    train(slow_toy.GRPO, folder, [])
    return rows_of(folder)


def same_rows(rows: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    assert len(rows) == len(expected) == 5
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, abs=1e-5)


@pytest.mark.parametrize(("name", "stage"), [("rollout process 0", "collect"), ("actor process 0", "update")])
def test_a_run_goes_on_after_a_process_with_the_policy_was_killed(
    cluster: Any, unhurt: list[dict[str, Any]], tmp_path: Path, name: str, stage: str
) -> None:
    def kill(backend: Any, now: str, iteration: int) -> None:
        if (now, iteration) == (stage, 3):
            number = backend.runtime.processes()[name]
            in_the_middle(lambda: os.kill(number, signal.SIGKILL), 0.1)

    made, said = train(slow_toy.GRPO, tmp_path / "run", on(cluster), kill)
    assert len(made) == 2
    assert any(f"{name} was lost" in line and "going on from the last checkpoint" in line for line in said)
    same_rows(rows_of(tmp_path / "run"), unhurt)


def test_a_run_goes_on_after_a_node_was_lost(cluster: Any, unhurt: list[dict[str, Any]], tmp_path: Path) -> None:
    def kill(backend: Any, now: str, iteration: int) -> None:
        if (now, iteration) == ("collect", 3):
            node = next(iter(cluster.worker_nodes))
            in_the_middle(lambda: cluster.remove_node(node, allow_graceful=False), 0.1)

    made, said = train(slow_toy.GRPO, tmp_path / "run", on(cluster), kill, mend=lambda: cluster.add_node(num_cpus=2))
    assert len(made) == 2, said
    same_rows(rows_of(tmp_path / "run"), unhurt)


def test_too_few_nodes_are_an_error_that_lists_what_is_there(cluster: Any) -> None:
    from vla_trainer.errors import BackendError

    with pytest.raises(BackendError, match=r"cluster\.num_nodes=3.*after 1 s 2 node\(s\).*2 processors, 0 GPUs"):
        make_trainer(config(slow_toy.GRPO, *on(cluster, "cluster.num_nodes=3", "cluster.wait_seconds=1")))
