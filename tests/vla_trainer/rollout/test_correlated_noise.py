"""A run whose noise lasts for a chunk: a resume is the same to the last digit, and policies that cannot do it."""

from pathlib import Path

import pytest
import reach_toy
from toy_runs import go_on, rows_of, train

from vla_trainer.errors import PolicyError

CORRELATED = (
    "rollout.chunk_correlation=0.9",
    "policy.factory=vla_trainer.policy:GaussianPolicy",
    "policy.kwargs={seed: 0}",
    "video_cfg.save_video=false",
    "trainer.save_every=2",
)


def test_a_resumed_run_is_the_same_to_the_last_digit(tmp_path: Path) -> None:
    _, whole = train(tmp_path / "whole", reach_toy.PPO_RECIPE, *CORRELATED, "trainer.iterations=4")
    train(tmp_path / "parts", reach_toy.PPO_RECIPE, *CORRELATED, "trainer.iterations=2")
    go_on(tmp_path / "parts" / "run", "trainer.iterations=4")
    assert rows_of(tmp_path / "parts" / "run") == whole
    # what acted is what is scored: each number's own density, whatever the others of its chunk are
    assert whole[0]["actor/initial_ratio_error"] < 1e-5


def test_a_policy_that_cannot_do_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"chunk_correlation=0\.9: act of a TokenPolicy takes no chunk_correlation"):
        train(tmp_path, reach_toy.PPO_RECIPE, "rollout.chunk_correlation=0.9")
