"""The built-in policy and recipe on an environment of Gymnasium's own, as a user starts them."""

from __future__ import annotations

import json
import os
import statistics
import sys
from pathlib import Path

import forks
import pytest

from vla_trainer.policy import GaussianPolicy

BIN = Path(sys.executable).parent


def command(name, *arguments):
    """A process of its own, though torch is imported already."""
    script = str(BIN / name)
    return forks.run(script, [script, *map(str, arguments)], environment={**os.environ, "OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_a_pole_learns_to_stand_on_a_cart(tmp_path, quick_command):
    run = tmp_path / "run"
    result = command(
        "vla-train",
        "pendulum_ppo",
        "env.id=InvertedPendulum-v5",
        "algorithm.gamma=0.99",
        "rollout.horizon=256",
        "trainer.iterations=10",
        "trainer.save_every=5",
        "eval.episodes=10",
        f"output_dir={run}",
    )
    assert result.returncode == 0, result.stderr
    assert "done:" in result.stdout

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(1, 11))
    # 1 for every step until the pole falls: about 7 of them at first, about 100 after 10,000
    returns = [line["rollout/reward_mean"] for line in lines]
    assert statistics.mean(returns[:2]) < 15
    assert statistics.mean(returns[-2:]) > 50
    # and nothing for the step in which it falls
    assert all(line["rollout/episode_length"] == pytest.approx(line["rollout/reward_mean"] + 1) for line in lines)
    assert all(line["env/termination_rate"] == 1 for line in lines)

    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best", "step_000005", "step_000010"}
    assert {"config.yaml", "tensorboard", "eval.json"} <= {path.name for path in run.iterdir()}
    report = json.loads((run / "eval.json").read_text())
    assert (report["episodes"], report["success_rate"]) == (10, None)
    assert report["reward_mean"] > 50

    policy = GaussianPolicy.from_pretrained(run / "checkpoints" / "step_000010")
    # two trunks over 4 features, a mean and a value, and one deviation
    assert sum(weight.numel() for weight in policy.parameters()) == 2 * (4 * 64 + 64 + 64 * 64 + 64 + 64 + 1) + 1
    evaluated = quick_command("vla-eval", run, "eval.episodes=10")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((run / "eval.json").read_text())["reward_mean"] == report["reward_mean"]
