"""Processes of the ray backend, killed in the middle of an iteration: the run is the one that was never hurt."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slow_toy
import torch
from ray_nodes import two_nodes

from vla_trainer import run
from vla_trainer.advantage.batch import BATCHES
from vla_trainer.backend import make_backend
from vla_trainer.config.load import parse_config
from vla_trainer.config.schema import Config
from vla_trainer.records import Rollout

pytestmark = pytest.mark.slow

LAYOUT = "cluster.component_placement={env: 0-1, rollout: 2, actor: 3}"
"""Two env processes, one that acts, one that learns."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def config(recipe: str, *overrides: str) -> Config:
    return parse_config(recipe, list(overrides), source="test")


def on(cluster: Any, *overrides: str) -> list[str]:
    return [
        "cluster.backend=ray",
        "cluster.num_nodes=2",
        "cluster.gpus_per_node=2",
        f"cluster.address={cluster.address}",
        LAYOUT,
        *overrides,
    ]


def in_the_middle(act: Callable[[], None], seconds: float = 0.15) -> None:
    """Do something while the caller goes on."""
    threading.Timer(seconds, act).start()


def facts(rollout: Rollout) -> list[float]:
    """What must not depend on who was killed."""
    found = [float(rollout.env_steps), float(rollout.mask.sum()), float(rollout.rewards.sum())]
    for number in sorted(rollout.episodes):
        episode = rollout.episodes[number]
        found += [number, episode.episode_return, episode.env_steps]
    return found


@pytest.mark.parametrize("recipe", [slow_toy.GRPO, slow_toy.PPO], ids=["grpo", "ppo"])
def test_env_processes_that_die_or_hang_are_started_again(cluster: Any, recipe: str) -> None:
    local = make_backend(config(recipe))
    lost = make_backend(config(recipe, *on(cluster, "cluster.hang_seconds=3")))
    try:
        named = lost.processes()
        for iteration, (rank, sign) in enumerate([(1, None), (0, signal.SIGKILL), (1, signal.SIGSTOP)], 1):
            if sign is not None:
                number = named[f"env process {rank}"]
                in_the_middle(lambda number=number, sign=sign: os.kill(number, sign))
            expected, got = local.collect(), lost.collect()
            assert facts(got) == pytest.approx(facts(expected))
            assert lost._envs.restarts == iteration - 1
            # rows that the lost process had taken are in no batch: each decision is there once
            first, second = (BATCHES[lost._algorithm.name](each, lost._algorithm) for each in (expected, got))
            torch.testing.assert_close(second.tokens, first.tokens, atol=1e-5, rtol=0)
            torch.testing.assert_close(second.advantages, first.advantages, atol=1e-5, rtol=0)
            measured = [backend.update(batch, iteration) for backend, batch in ((local, first), (lost, second))]
            assert measured[1] == pytest.approx(measured[0], abs=1e-6)
            # whose weights sampled each decision
            assert set(got.version[got.mask]) == {iteration - 1}
    finally:
        local.close()
        lost.close()


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    # how long environments wait for the last episode depends on how many processes they are in
    placed = ("time/", "throughput/", "rollout/useful_step_fraction")
    return [{k: v for k, v in row.items() if not k.startswith(placed)} for row in rows]


def train(
    recipe: str,
    folder: Path,
    overrides: list[str],
    hurt: Callable[[Any, str, int], None] | None = None,
    mend: Callable[[], None] = lambda: None,
) -> Any:
    """Run to the end, as `vla-train` does; `hurt` is told of each stage of the first backend, `mend` comes before the
    second is made."""
    made: list[Any] = []
    said: list[str] = []

    def make(of: Config) -> Any:
        if made:
            mend()
        backend = make_backend(of)
        made.append(backend)
        if hurt is not None and len(made) == 1:
            calls = {"collect": 0, "update": 0}
            for stage in calls:
                whole = getattr(backend, stage)

                def told(*args: Any, _stage: str = stage, _whole: Any = whole) -> Any:
                    calls[_stage] += 1
                    hurt(backend, _stage, calls[_stage])
                    return _whole(*args)

                setattr(backend, stage, told)
        return backend

    plan = run.RunPlan("toy", config(recipe, *overrides, f"output_dir={folder}"))
    run.run_supervised(plan, make, said.append)
    return made, said


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
            number = backend.processes()[name]
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
        make_backend(config(slow_toy.GRPO, *on(cluster, "cluster.num_nodes=3", "cluster.wait_seconds=1")))
