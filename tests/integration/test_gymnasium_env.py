"""The built-in policy and recipe on an environment of Gymnasium's own, as a user starts them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from vla_trainer.policy import GaussianPolicy

BIN = Path(sys.executable).parent


def command(name, *arguments):
    return subprocess.run(
        [str(BIN / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_a_pendulum_learns_to_stand(tmp_path):
    run = tmp_path / "run"
    short = ["trainer.iterations=12", "trainer.save_every=6", "eval.episodes=10", f"output_dir={run}"]
    result = command("vla-train", "pendulum_ppo", *short)
    assert result.returncode == 0, result.stderr
    assert "done:" in result.stdout

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == list(range(1, 13))
    returns = [line["rollout/reward_mean"] for line in lines]
    # A random policy gets about -1200, one that stands about -150; twelve iterations are half of the recipe's.
    assert statistics.mean(returns[:2]) < -1000
    assert statistics.mean(returns[-2:]) > -700
    # 200 steps a truncated episode, and none that ends by itself
    assert all(line["rollout/episode_length"] == 200 for line in lines)
    assert all(line["env/termination_rate"] == 0 for line in lines)

    assert {path.name for path in (run / "checkpoints").iterdir()} == {"step_000006", "step_000012"}
    assert {"config.yaml", "tensorboard", "eval.json"} <= {path.name for path in run.iterdir()}
    report = json.loads((run / "eval.json").read_text())
    assert (report["episodes"], report["success_rate"]) == (10, None)
    assert report["reward_mean"] > -700

    policy = GaussianPolicy.from_pretrained(run / "checkpoints" / "step_000012")
    assert sum(weight.numel() for weight in policy.parameters()) == 2 * (3 * 64 + 64 + 64 * 64 + 64 + 64 + 1) + 1
    evaluated = command("vla-eval", run, "eval.episodes=10")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((run / "eval.json").read_text())["reward_mean"] == pytest.approx(report["reward_mean"], rel=1e-3)
