"""Runs of a toy that collapse because somebody goes on with a learning rate a thousand times too large."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_runs
import torch
from ray_nodes import two_nodes
from reach_toy import GRPO_RECIPE, ReachEnv, TokenPolicy

from vla_trainer import checkpoint, run
from vla_trainer.errors import ConfigError, TrainingDivergedError
from vla_trainer.trainer import make_trainer

QUIET = [
    "trainer.logger={console: {enable: false}, tensorboard: {enable: false}}",
    "video_cfg.save_video=false",
    "trainer.best_metric=rollout/reward_mean",
    "trainer.save_every=1",
]
GOOD, LAST = 6, 9
COLLAPSE = [f"trainer.iterations={LAST}", "actor.lr=3.0"]
BACK = [*COLLAPSE, "trainer.on_collapse=rollback", "trainer.rollback_lr_factor=0.001"]


def go(spec: run.RunSpec) -> list[str]:
    said: list[str] = []
    backend = make_trainer(spec.config)
    try:
        run.run_training(spec, backend, said.append)
    finally:
        backend.close()
    return said


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing is wrong with."""
    folder = tmp_path_factory.mktemp("good") / "run"
    spec = run.RunSpec(
        "toy", ray_runs.config(GRPO_RECIPE, *QUIET, f"trainer.iterations={GOOD}", f"output_dir={folder}")
    )
    assert not any("warning: iteration" in line for line in go(spec))
    assert all(row["trainer/collapse_signs"] == 0 for row in ray_runs.rows_of(folder))
    return folder


@pytest.fixture
def copied(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "run", symlinks=True)


def weights(path: Path) -> dict[str, Any]:
    return checkpoint.read_state(path)["policy"]


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_warning_is_printed_once_and_the_run_goes_on(copied: Path) -> None:
    said = [line for line in go(run.resumed_run(copied, None, COLLAPSE)) if "warning: iteration" in line]
    assert len([line for line in said if "actor/approx_kl" in line]) == 1
    assert said[0].startswith(f"warning: iteration {GOOD + 1}: ")
    rows = ray_runs.rows_of(copied)
    assert len(rows) == LAST
    assert rows[GOOD]["trainer/collapse_signs"] >= 1


def test_stop_names_the_best_checkpoint(copied: Path) -> None:
    best = checkpoint.best(copied / "checkpoints", "rollout/reward_mean")
    with pytest.raises(TrainingDivergedError) as caught:
        go(run.resumed_run(copied, None, [*COLLAPSE, "trainer.on_collapse=stop"]))
    assert caught.value.exit_code == 1
    assert f"collapsed in iteration {GOOD + 1}" in str(caught.value)
    assert f"iteration {GOOD} was the last without a sign" in str(caught.value)
    assert f"the best checkpoint is {best}" in str(caught.value)
    # what was measured is logged, and nothing that has collapsed is saved
    assert len(ray_runs.rows_of(copied)) == GOOD + 1
    assert checkpoint.newest(copied) == copied / f"checkpoints/step_{GOOD:06d}"


def test_rollback_goes_on_from_the_best_checkpoint_with_a_smaller_learning_rate(copied: Path) -> None:
    best = checkpoint.best(copied / "checkpoints", "rollout/reward_mean")
    assert best is not None
    said = go(run.resumed_run(copied, None, BACK))
    (line,) = [line for line in said if "rolled back" in line]
    assert f"iteration {GOOD + 1}: rolled back to {best}, learning rates are 0.001" in line
    assert "rollback 1 of 3" in line
    after = copied / f"checkpoints/step_{GOOD + 1:06d}"
    assert same(weights(after), weights(best))
    moments = [checkpoint.read_state(path)["optimizer"]["state"] for path in (after, best)]
    assert moments[0]
    assert all(same(moments[0][number], moments[1][number]) for number in moments[0])
    # its score would be of the weights that were given up
    assert checkpoint.best(copied / "checkpoints", "rollout/reward_mean") != after
    rows = ray_runs.rows_of(copied)
    assert [row["actor/lr"] for row in rows[GOOD:]] == pytest.approx([3.0, 0.003, 0.003])
    assert [row["trainer/collapse_signs"] > 0 for row in rows[GOOD:]] == [True, False, False]


def test_a_rollback_is_resumed_to_the_last_bit(copied: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(copied, tmp_path / "whole", symlinks=True)
    go(run.resumed_run(whole, None, BACK))
    go(run.resumed_run(copied, None, [*BACK, f"trainer.iterations={GOOD + 1}"]))
    said = go(run.resumed_run(copied, None, [f"trainer.iterations={LAST}"]))
    assert not any("rolled back" in line for line in said)
    assert ray_runs.rows_of(copied) == ray_runs.rows_of(whole)
    last = f"checkpoints/step_{LAST:06d}"
    assert same(weights(copied / last), weights(whole / last))
    progress = [checkpoint.read_state(folder / last)["progress"]["collapse"] for folder in (copied, whole)]
    assert progress[0] == progress[1]
    assert progress[0]["lr_scale"] == 0.001


def test_a_run_that_collapses_again_and_again_is_ended(copied: Path) -> None:
    # 3.0 x 0.9 and x 0.81 are too large as well
    again = [*COLLAPSE, "trainer.on_collapse=rollback", "trainer.rollback_lr_factor=0.9", "trainer.max_rollbacks=2"]
    with pytest.raises(TrainingDivergedError, match=r"max_rollbacks=2 are used up; the best checkpoint is .*step_"):
        go(run.resumed_run(copied, None, again))
    rows = ray_runs.rows_of(copied)
    assert [row["actor/lr"] for row in rows[GOOD:]] == pytest.approx([3.0, 2.7, 2.43])


def test_a_run_that_collapses_before_its_first_checkpoint(tmp_path: Path) -> None:
    config = ray_runs.config(GRPO_RECIPE, *QUIET, *BACK, f"output_dir={tmp_path / 'run'}")
    with pytest.raises(TrainingDivergedError, match=r"no checkpoint was written before; set trainer\.save_every"):
        go(run.RunSpec("toy", config))


def test_keys_that_are_not_read() -> None:
    with pytest.raises(ConfigError, match='max_rollbacks is not read by on_collapse="warn"'):
        ray_runs.config(GRPO_RECIPE, "trainer.max_rollbacks=1")
    with pytest.raises(ConfigError, match="on_collapse=rollback needs save_every"):
        ray_runs.config(GRPO_RECIPE, "trainer.on_collapse=rollback")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


def loaded(path: Path) -> dict[str, Any]:
    """Weights of a checkpoint, whether one process wrote it or several."""
    space = ReachEnv()
    policy = TokenPolicy(space.observation_space, space.action_space, critic=False)
    checkpoint.load(path, policy)
    return policy.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("actors", ["3", "3:0-1"], ids=["one actor", "two actors"])
def test_the_ray_backend_rolls_back_and_goes_on_after_a_resume(cluster: Any, tmp_path: Path, actors: str) -> None:
    folder = tmp_path / "run"
    # on processors, since a GPU has one policy
    placement = f"cluster.component_placement={{env: 0-1, rollout: 2, actor: '{actors}'}}"
    placed = ray_runs.on(cluster, placement, "policy.device=cpu")
    first = ray_runs.config(GRPO_RECIPE, *QUIET, *placed, f"trainer.iterations={GOOD}", f"output_dir={folder}")
    go(run.RunSpec("toy", first))
    best = checkpoint.best(folder / "checkpoints", "rollout/reward_mean")
    assert best is not None
    said = go(run.resumed_run(folder, None, [*BACK, f"trainer.iterations={GOOD + 1}"]))
    assert any(f"rolled back to {best}" in line for line in said)
    after = folder / f"checkpoints/step_{GOOD + 1:06d}"
    assert same(loaded(after), loaded(best))
    assert not any("rolled back" in line for line in go(run.resumed_run(folder, None, [f"trainer.iterations={LAST}"])))
    rows = ray_runs.rows_of(folder)
    assert [row["actor/lr"] for row in rows[GOOD:]] == pytest.approx([3.0, 0.003, 0.003])
    assert [row["trainer/collapse_signs"] > 0 for row in rows[GOOD:]] == [True, False, False]


def test_the_command_leaves_with_code_1_and_one_line(
    command: Callable[..., subprocess.CompletedProcess[str]], toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    ran = command(
        "vla-train",
        toy_recipes["grpo"],
        *("actor.lr=3.0", "trainer.on_collapse=stop", "video_cfg.save_video=false"),
        f"output_dir={tmp_path / 'run'}",
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("CollapseError: the run collapsed in iteration 1 (actor/approx_kl")
    assert "\n" not in ran.stderr.strip()
    assert "warning: iteration 1: actor/approx_kl is " in ran.stdout
