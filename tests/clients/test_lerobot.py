"""LeRobot, in its own environment: its evaluation command, its observations, its dataset format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from client_environments import installed, python, run

HERE = Path(__file__).parent
INSIDE = HERE / "inside_lerobot.py"
TASK, SEED, STEPS = 2, 1000, 140
"""Of libero_spatial; LeRobot's default seed; a time limit that the demonstration needs less than."""


@pytest.fixture(scope="module")
def interpreter() -> Path:
    return installed("lerobot") / "bin" / "python"


def environment(tmp_path: Path) -> dict[str, str]:
    folders = {name: str(tmp_path / name) for name in ("HF_HOME", "HF_LEROBOT_HOME")}
    return {**os.environ, **folders, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(HERE)}


@pytest.mark.slow
def test_observations_actions_initial_states_and_keys(interpreter: Path, tmp_path: Path) -> None:
    checks = ("adapters", "single", "states", "configs")
    python(INSIDE, *checks, env=environment(tmp_path), interpreter=interpreter)


def demonstrated(env_index: int) -> np.ndarray:
    """Actions (T, 7) that solve the task from where LeRobot begins episode `env_index`."""
    from libero_gym.expert.expert import Expert

    env = gymnasium.make("libero_gym:libero/Spatial-v0", task=TASK, cameras=(), max_episode_steps=STEPS)
    env.reset(seed=SEED + env_index, options={"init_state": env_index})
    expert = Expert(env.unwrapped.world, np.random.default_rng(0), noise=0.0)
    actions = []
    for action in expert.actions():
        actions.append(action)
        if env.step(action)[2]:
            env.close()
            return np.array(actions, dtype=np.float32)
    raise AssertionError(f"the expert has not solved it: {expert.notes}")


@pytest.mark.slow
def test_its_evaluation_command_counts_our_successes(interpreter: Path, tmp_path: Path) -> None:
    # environment 0 replays a demonstration, environment 1 keeps still: one of two succeeds, with a return of 1
    actions = np.zeros((2, STEPS, 7), dtype=np.float32)
    solved = demonstrated(0)
    actions[0, : len(solved)] = solved
    np.save(tmp_path / "actions.npy", actions)
    command = [
        str(interpreter.parent / "lerobot-eval"),
        "--env.discover_packages_path=libero_gym.lerobot",
        "--env.type=libero_gym",
        "--env.task=libero_spatial",
        f"--env.task_ids=[{TASK}]",
        f"--env.episode_length={STEPS}",
        *("--env.observation_height=64", "--env.observation_width=64", "--env.render_quality=fast"),
        "--policy.discover_packages_path=lerobot_policy_replay",
        "--policy.type=replay",
        f"--policy.actions={tmp_path / 'actions.npy'}",
        *("--policy.device=cpu", "--policy.push_to_hub=false"),
        *("--eval.batch_size=2", "--eval.n_episodes=2", f"--output_dir={tmp_path / 'out'}"),
    ]
    run(command, environment(tmp_path))
    result = json.loads((tmp_path / "out" / "eval_info.json").read_text())
    metrics = result["per_task"][0]["metrics"]
    assert (result["per_task"][0]["task_group"], result["per_task"][0]["task_id"]) == ("libero_spatial", TASK)
    assert metrics["successes"] == [True, False]
    assert metrics["sum_rewards"] == [1.0, 0.0]
    assert result["overall"]["pc_success"] == 50.0
    videos = [Path(path) for path in metrics["video_paths"]]
    assert [video.suffix for video in videos] == [".mp4", ".mp4"]
    assert all(video.stat().st_size > 1000 for video in videos)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "spatial-v0"
    options = ["--suite", "spatial", "--task", str(TASK), "--per-task", "2", "--size", "64", "--quality", "fast"]
    run([str(Path(sys.executable).with_name("libero-gym")), "demos", *options, "--out", str(folder)], dict(os.environ))
    return folder


@pytest.mark.slow
def test_its_reader_reads_our_exports(recorded: Path, interpreter: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for kind in ("images", "videos"):
        options = ["--lerobot", str(tmp_path / kind), *(["--images"] if kind == "images" else [])]
        command = [str(interpreter), "-m", "libero_gym.cli", "demos", "export", str(recorded), *options]
        assert f"written: {tmp_path / kind} (2 episodes)" in run(command, env)
    python(INSIDE, "dataset", recorded, tmp_path / "images", tmp_path / "videos", env=env, interpreter=interpreter)


@pytest.mark.slow
def test_without_lerobot_the_command_says_what_to_install(recorded: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "libero_gym.cli", "demos", "export", str(recorded)]
    done = subprocess.run([*command, "--lerobot", str(tmp_path / "x")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert 'pip install "lerobot[dataset]>=0.6.1"' in done.stderr
    for options, message in (
        ([], "give one of --hdf5 DIR and --lerobot DIR"),
        (["--hdf5", "x", "--images"], "no effect"),
    ):
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr
