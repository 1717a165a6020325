"""On the ray backend: imitation of own successes, whose observations stay in Ray's object store and in checkpoints; and
noise that lasts for a chunk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import reach_toy
import slow_toy
from ray_nodes import two_nodes
from ray_runs import on, rows_of, train

from vla_trainer import run
from vla_trainer.trainer import make_trainer

pytestmark = pytest.mark.slow

OWN = [
    "algorithm.self_imitation={memory: 2, share: 0.5}",
]
# on processors, since a GPU has one policy
TWO_LEARN = ["cluster.component_placement={env: 0-1, rollout: 2, actor: '3:0-1'}", "policy.device=cpu"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as made:
        yield made


@pytest.mark.parametrize("placement", [[], TWO_LEARN], ids=["one learns", "two learn"])
def test_it_and_a_resume_are_those_of_one_process(cluster: Any, placement: list[str], tmp_path: Path) -> None:
    train(slow_toy.PPO, tmp_path / "local", [*OWN, "trainer.iterations=4"])
    train(slow_toy.PPO, tmp_path / "ray", on(cluster, *placement, *OWN, "trainer.iterations=3"))
    run.run_supervised(run.resumed_run(tmp_path / "ray", None, ["trainer.iterations=4"]), make_trainer, print)
    expected = rows_of(tmp_path / "local")
    assert sum("actor/imitation_loss" in row for row in expected) > 2
    for mine, theirs in zip(rows_of(tmp_path / "ray"), expected, strict=True):
        assert mine == pytest.approx({key: theirs[key] for key in mine}, abs=1e-4)


def test_noise_of_a_chunk_is_that_of_one_process(cluster: Any, tmp_path: Path) -> None:
    correlated = [
        "rollout.chunk_correlation=0.9",
        "policy.factory=vla_trainer.policy:GaussianPolicy",
        "policy.kwargs={seed: 0}",
        "video_cfg.save_video=false",
    ]
    train(reach_toy.PPO_RECIPE, tmp_path / "local", correlated)
    train(reach_toy.PPO_RECIPE, tmp_path / "ray", on(cluster, *correlated))
    for mine, theirs in zip(rows_of(tmp_path / "ray"), rows_of(tmp_path / "local"), strict=True):
        assert mine == pytest.approx({key: theirs[key] for key in mine}, abs=1e-5)
