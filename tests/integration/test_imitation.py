"""From a demonstration to a policy, as a user does it: `libero-gym demos`, `vla-train tiny_spatial_sft`, `vla-eval`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
NAME = "libero/spatial-test-v0"
RECORD = ["--suite", "spatial", "--task", "0", "--per-task", "1", "--size", "32", "--quality", "fast"]
SHORT = ["env.task=0", "env.image_size=32", "algorithm.optimizer_steps=40", "actor.global_batch_size=16"]
SHORT += ["trainer.iterations=2", "trainer.save_every=1", "env.num_envs=2", "eval.episodes=2"]
SHORT += ["eval.max_episode_steps=24", f"algorithm.dataset={NAME}", "trainer.threads=1"]


def command(name, *arguments, datasets, cwd):
    return subprocess.run(
        [str(BIN / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env={**os.environ, "MINARI_DATASETS_PATH": str(datasets), "LIBERO_GYM_ASSETS": "builtin"},
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of datasets with one demonstration of the expert, by both cameras."""
    folder = tmp_path_factory.mktemp("demonstrations")
    cameras = ["--camera", "agentview", "--camera", "wrist"]
    result = command("libero-gym", "demos", *RECORD, *cameras, "--out", NAME, datasets=folder, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.mark.slow
def test_a_demonstration_is_learned_and_the_policy_is_evaluated_and_fine_tuned(
    recorded, tmp_path, monkeypatch, quick_command
):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(recorded))
    monkeypatch.setenv("LIBERO_GYM_ASSETS", "builtin")
    run = tmp_path / "run"
    result = quick_command("vla-train", "tiny_spatial_sft", *SHORT, f"output_dir={run}")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    # 255 bins: ln 255 = 5.5 nats of a policy that knows nothing
    assert rows[1]["actor/loss"] < rows[0]["actor/loss"] < 5.5
    assert rows[1]["eval/success_rate"] == 0.0  # in 24 steps no bowl is on a plate
    assert {path.name for path in (run / "checkpoints").iterdir()} >= {"step_000001", "step_000002"}
    assert list((run / "video/eval").glob("*.mp4"))
    statistics = json.loads((run / "checkpoints/step_000002/dataset_statistics.json").read_text())
    assert list(statistics) == ["libero_spatial"]

    # what comes next: reinforcement learning from these weights, statistics included
    grpo = ["tiny_spatial_grpo", "env.image_size=32", "env.cameras=[agentview, wrist]", "env.num_envs=2"]
    grpo += [
        "rollout.episodes=4",
        "algorithm.group_size=2",
        "trainer.iterations=1",
        "env.max_episode_steps=16",
        "trainer.threads=1",
    ]
    grpo += [f"policy.checkpoint={run}/checkpoints/step_000002", f"output_dir={tmp_path / 'grpo'}"]
    result = quick_command("vla-train", *grpo)
    assert result.returncode == 0, result.stderr
    kept = json.loads((tmp_path / "grpo/checkpoints/step_000001/dataset_statistics.json").read_text())
    assert kept == statistics


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "overrides", "said"),
    [
        (
            None,
            ["env.id=libero_gym:libero/Goal-v0"],
            'of the environment "libero/Spatial-v0"; env.id is "libero/Goal-v0"',
        ),
        (None, ["env.image_size=48"], "of shape (32, 32, 3); the environment gives (48, 48, 3)"),
        (None, ["env.render_quality=reference"], "render_quality='fast'; the environment has 'reference'"),
        (None, ["env.image_orientation=upright"], "image_orientation='rot180'; the environment has 'upright'"),
        (None, ["env.task=[0, 1]"], "has no demonstration of task 1"),
        ("data/main_data.hdf5", [], "truncated file"),
        ("data/episodes", [], "episode 0"),
    ],
    ids=["environment", "size", "quality", "orientation", "task", "cut off", "episode cut off"],
)
def test_what_does_not_fit_is_one_line(recorded, tmp_path, monkeypatch, quick_command, damage, overrides, said):
    datasets = tmp_path / "datasets"
    shutil.copytree(recorded, datasets)
    if damage is not None:
        path = datasets / NAME / damage
        path = next(path.glob("*.hdf5")) if path.is_dir() else path
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(datasets))
    monkeypatch.setenv("LIBERO_GYM_ASSETS", "builtin")
    result = quick_command("vla-train", "tiny_spatial_sft", *SHORT, *overrides, "output_dir=run")
    assert result.returncode == 2
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("DatasetError: ")
    assert said in last
    assert not (tmp_path / "run").exists()
