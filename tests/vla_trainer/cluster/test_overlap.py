"""Learning while others still collect: the same result as waiting, or one update late and corrected for it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import slow_toy
from ray_nodes import two_nodes
from ray_runs import LAYOUT, config, facts, in_the_middle, on, rows_of, train

from vla_trainer.advantage.batch import BATCHES
from vla_trainer.backend import make_backend
from vla_trainer.config.schema import Config
from vla_trainer.update.policy_gradient import Update

pytestmark = pytest.mark.slow

GROUPS = ["actor.batch_order=groups", "rollout.resample_groups=2"]
AHEAD = ["rollout.max_staleness=1", "rollout.importance_cap=1.5"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def iterations(of: Config, kill_in: int = -1) -> list[tuple[list[float], dict[str, float]]]:
    """What three iterations collect, and what their updates measure."""
    backend = make_backend(of)
    found = []
    try:
        for iteration in (1, 2, 3):
            if iteration == kill_in:
                number = backend.processes()["env process 1"]
                in_the_middle(lambda number=number: os.kill(number, signal.SIGKILL))
            rollout = backend.collect(None, iteration)
            batch = BATCHES["grpo"](rollout, of.algorithm)
            found.append((facts(rollout), backend.update(batch, iteration)))
        if kill_in > 0:
            assert backend._envs.restarts == 1
        return found
    finally:
        backend.close()


def test_groups_that_end_first_are_learned_from_first_with_the_same_result(cluster: Any) -> None:
    expected = iterations(config(slow_toy.GRPO, *GROUPS))
    for kill_in in (-1, 2):
        got = iterations(config(slow_toy.GRPO, *GROUPS, *on(cluster)), kill_in)
        for (mine, measured), (theirs, as_measured) in zip(got, expected, strict=True):
            assert mine == pytest.approx(theirs)
            # a group of the first four ends, and with it a step of 32 decisions, long before the others have begun
            assert measured["actor/early_steps"] >= 1
            assert measured == pytest.approx(
                {**as_measured, "actor/early_steps": measured["actor/early_steps"]}, abs=1e-6
            )


def test_actor_processes_that_act_wait_for_all(cluster: Any) -> None:
    overrides = [one for one in on(cluster) if one != LAYOUT]
    shared = ['cluster.component_placement={"env,rollout,actor": 0-3}', *overrides]
    got = iterations(config(slow_toy.GRPO, *GROUPS, *shared))
    expected = iterations(config(slow_toy.GRPO, *GROUPS))
    for (mine, measured), (theirs, as_measured) in zip(got, expected, strict=True):
        assert mine == pytest.approx(theirs)
        assert measured["actor/early_steps"] == 0
        assert measured == pytest.approx(as_measured, abs=1e-6)


def one_step_off(of: Config) -> list[tuple[list[float], dict[str, float]]]:
    """The same in one process, spelled out: the next rollout comes before the update."""
    backend: Any = make_backend(of)
    found = []
    try:
        ahead = backend.collect()
        for iteration in (1, 2, 3):
            rollout, ahead = ahead, backend.collect() if iteration < 5 else None
            batch = BATCHES["grpo"](rollout, of.algorithm)
            one = Update(
                backend._policy,
                backend._optimizer,
                of.algorithm,
                of.actor,
                temperature=of.rollout.temperature,
                action_dim=backend._envs[0].single_action_space.shape[-1],
            )
            measured = one.run(batch, backend._shuffles, importance_cap=1.5 if iteration > 1 else None)
            found.append((facts(rollout), measured))
        return found
    finally:
        backend.close()


def test_the_next_rollout_is_collected_during_the_update_with_the_weights_of_before(cluster: Any) -> None:
    expected = one_step_off(config(slow_toy.GRPO))
    got = iterations(config(slow_toy.GRPO, *AHEAD, *on(cluster)))
    for number, ((mine, measured), (theirs, as_measured)) in enumerate(zip(got, expected, strict=True)):
        assert mine == pytest.approx(theirs)
        assert measured.pop("rollout/staleness") == min(number, 1)
        assert measured == pytest.approx(as_measured, abs=1e-6)
    assert "actor/importance_weight" not in got[0][1]
    # the weights that acted are three or more optimizer steps away
    assert abs(got[2][1]["actor/importance_weight"] - 1) > 1e-6


def test_collecting_ahead_takes_the_time_of_the_longer_stage(cluster: Any) -> None:
    seconds = {}
    for name, overrides in (("waiting", []), ("ahead", AHEAD)):
        backend = make_backend(config(slow_toy.GRPO, *overrides, *on(cluster)))
        try:
            stages = {"collect": 0.0, "update": 0.0}
            for iteration in (1, 2, 3):
                begin = time.perf_counter()
                rollout = backend.collect(None, iteration)
                middle = time.perf_counter()
                backend.update(BATCHES["grpo"](rollout, backend._algorithm), iteration)
                if iteration > 1:
                    stages["collect"] += middle - begin
                    stages["update"] += time.perf_counter() - middle
            seconds[name] = stages
        finally:
            backend.close()
    # nothing is left to collect when an update has ended
    assert seconds["ahead"]["collect"] < 0.2 * seconds["waiting"]["collect"]


@pytest.mark.parametrize(
    ("overrides", "name", "stage"),
    [(GROUPS, "actor process 0", "collect"), (AHEAD, "rollout process 0", "update")],
    ids=["groups", "ahead"],
)
def test_a_run_goes_on_after_a_loss(cluster: Any, tmp_path: Path, overrides: list[str], name: str, stage: str) -> None:
    def kill(backend: Any, now: str, iteration: int) -> None:
        if (now, iteration) == (stage, 3):
            number = backend.processes()[name]
            in_the_middle(lambda: os.kill(number, signal.SIGKILL), 0.1)

    made, said = train(slow_toy.GRPO, tmp_path / "run", [*overrides, *on(cluster)], kill)
    assert len(made) == 2
    assert any(f"{name} was lost" in line for line in said), said
    rows = rows_of(tmp_path / "run")
    assert [row["iteration"] for row in rows] == [1, 2, 3, 4, 5]
    if overrides is AHEAD:
        # what had been collected ahead was lost with the processes; the run collects with the present weights
        assert [row["rollout/staleness"] for row in rows] == [0, 1, 0, 1, 1]
