"""Learning while others still collect: the same result as waiting, or one update late and corrected for it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hidden_state_toy
import pytest
import slow_toy
import torch
from ray_nodes import two_nodes
from ray_runs import config, in_the_middle, on, rows_of, train, what_happened

from vla_trainer.config.schema import Config
from vla_trainer.schedule import temperature_at
from vla_trainer.trainer import make_trainer
from vla_trainer.update.policy_gradient import Update

pytestmark = pytest.mark.slow

FALLING = "rollout.temperature_final=0.5"
GROUPS = ["actor.batch_order=groups", "rollout.resample_groups=2", FALLING]
AHEAD = ["rollout.max_staleness=1", "rollout.importance_cap=1.5"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def iterations(of: Config, kill_in: int = -1) -> tuple[list[tuple[list[float], dict[str, float]]], list[float]]:
    """What three iterations collect and what their updates measure; and how many seconds each had to wait for what is
    collected."""
    backend = make_trainer(of)
    found, seconds = [], []
    try:
        for iteration in (1, 2, 3):
            if iteration == kill_in:
                number = backend.runtime.processes()["env process 1"]
                in_the_middle(lambda number=number: os.kill(number, signal.SIGKILL))
            begin = time.perf_counter()
            rollout = backend.collect(None, iteration)
            seconds.append(time.perf_counter() - begin)
            batch = of.algorithm.batch(rollout)
            found.append((what_happened(rollout), backend.update(batch, iteration)))
        if kill_in > 0:
            assert backend.runtime._envs.restarts == 1
        return found, seconds
    finally:
        backend.close()


def test_groups_that_end_first_are_learned_from_first_with_the_same_result(cluster: Any) -> None:
    expected, _ = iterations(config(slow_toy.GRPO, *GROUPS))
    two_learn = ("cluster.component_placement={env: 0-1, rollout: 2, actor: '3:0-1'}", "policy.device=cpu")
    got, _ = iterations(config(slow_toy.GRPO, *GROUPS, *on(cluster, *two_learn)), kill_in=2)
    for (mine, measured), (theirs, as_measured) in zip(got, expected, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)  # two processes add up in another order
        assert as_measured.pop("actor/eager_steps") == 0  # one process collects first
        # the first groups, and with them a step of 32 policy steps, end long before the last have begun
        assert measured.pop("actor/eager_steps") >= 1
        assert measured == pytest.approx(as_measured, abs=1e-5)


def test_a_critic_of_the_trainers_own_is_fitted_to_what_all_processes_saw(cluster: Any, tmp_path: Path) -> None:
    few = ("trainer.iterations=3",)
    train(hidden_state_toy.RECIPE, tmp_path / "local", [*few])
    train(hidden_state_toy.RECIPE, tmp_path / "ray", [*few, *on(cluster)])
    for mine, theirs in zip(rows_of(tmp_path / "ray"), rows_of(tmp_path / "local"), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)
        assert mine["critic/loss"] > 0


def one_step_off(of: Config) -> list[tuple[list[float], dict[str, float]]]:
    """The same in one process, spelled out: the next rollout comes before the update."""
    backend: Any = make_trainer(of)
    found = []
    shuffles = torch.Generator()
    shuffles.set_state(backend._shuffles)
    try:
        ahead = backend.collect(None, 1)
        for iteration in (1, 2, 3):
            rollout, ahead = ahead, backend.collect(None, iteration + 1)
            batch = of.algorithm.batch(rollout)
            one = Update(
                backend.runtime.policy,
                backend.runtime.optimizer,
                of.algorithm,
                of.actor,
                temperature=temperature_at(of.rollout, iteration, of.trainer.iterations),
                action_dim=backend.runtime._envs[0].single_action_space.shape[-1],
            )
            measured = one.run(batch, shuffles, importance_cap=1.5 if iteration > 1 else None)
            found.append((what_happened(rollout), measured))
        return found
    finally:
        backend.close()


def test_the_next_rollout_is_collected_during_the_update_with_the_weights_of_before(cluster: Any) -> None:
    expected = one_step_off(config(slow_toy.GRPO, FALLING))
    got, seconds = iterations(config(slow_toy.GRPO, FALLING, *AHEAD, *on(cluster)))
    for number, ((mine, measured), (theirs, as_measured)) in enumerate(zip(got, expected, strict=True)):
        assert mine == pytest.approx(theirs)
        assert measured.pop("rollout/staleness") == min(number, 1)
        assert measured == pytest.approx(as_measured, abs=1e-6)
    assert "actor/importance_weight" not in got[0][1]
    # the weights that acted are several optimizer steps away
    assert abs(got[2][1]["actor/importance_weight"] - 1) > 1e-6
    # nothing is left to collect when an update has ended
    assert max(seconds[1:]) < 0.2 * seconds[0]


def test_a_run_goes_on_after_what_was_collecting_ahead_is_lost(cluster: Any, tmp_path: Path) -> None:
    name = "rollout process 0"

    def kill(backend: Any, now: str, iteration: int) -> None:
        if (now, iteration) == ("update", 3):
            number = backend.runtime.processes()[name]
            in_the_middle(lambda: os.kill(number, signal.SIGKILL), 0.1)

    made, said = train(slow_toy.GRPO, tmp_path / "run", [*AHEAD, *on(cluster)], kill)
    assert len(made) == 2
    assert any(f"{name} was lost" in line for line in said), said
    rows = rows_of(tmp_path / "run")
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4, 5]
    # what had been collected ahead was lost with the process; the run collects it with the present weights
    assert [row["rollout/staleness"] for row in rows] == [0, 1, 0, 1, 1]
