"""`vla-eval` on a policy whose successes are known: every initial state once, whoever runs it, and counted right."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import known_toy
import pytest
from known_toy import length_of, success_of

from vla_trainer.config.schema import Env
from vla_trainer.evaluation.evaluate import evaluate
from vla_trainer.initial_states import evaluation_states, init_state_counts
from vla_trainer.metrics import wilson_interval
from vla_trainer.rollout.envs import make_envs

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "known.yaml"
    path.write_text(known_toy.RECIPE)
    return str(path)


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "eval.json").read_text())


def test_what_is_known_is_reported_exactly(command: Command, recipe: str, tmp_path: Path) -> None:
    done = command("vla-eval", recipe, "output_dir=out")
    assert done.returncode == 0, done.stderr
    found = result(tmp_path / "out")
    # task k is solved from 5 k of its 50 states: 0 + 5 + ... + 45 = 225 of 500
    assert (found["episodes"], found["successes"], found["success_rate"]) == (500, 225, 0.45)
    assert found["available"] == 500
    assert found["heading"] is None
    assert found["interval"] == list(wilson_interval(225, 500))
    assert [(task["task"], task["successes"], task["episodes"]) for task in found["tasks"]] == [
        (f"task {k}", 5 * k, 50) for k in range(10)
    ]
    for state in found["states"]:
        where = state["task_id"], state["init_state_id"]
        assert state["success"] == success_of(*where, 0)
        assert state["env_steps"] == length_of(*where)
    # 1 + (k + s) % 4 over s = 0..49, k = 0: 12 x (1 + 2 + 3 + 4) + 1 + 2 = 123 steps
    assert found["tasks"][0]["mean_env_steps"] == 123 / 50
    rows = [line.split() for line in done.stdout.splitlines()]
    assert next(row for row in rows if row[1:3] == ["task", "9"])[4:7:2] == ["45/50", "90.0%"]
    assert next(row for row in rows if row[1:2] == ["all"])[3:6:2] == ["225/500", "45.0%"]
    assert "250/500 episodes" in done.stdout
    assert done.stdout.count("/500 episodes, ") == 10


def test_every_state_once_and_the_same_file_however_many_environments(
    quick_command: Command, recipe: str, tmp_path: Path
) -> None:
    found = []
    for num_envs in (1, 3, 8):
        done = quick_command("vla-eval", recipe, f"eval.num_envs={num_envs}", f"output_dir=with_{num_envs}")
        assert done.returncode == 0, done.stderr
        found.append(result(tmp_path / f"with_{num_envs}"))
    pairs = [(state["task_id"], state["init_state_id"]) for state in found[0]["states"]]
    assert len(pairs) == 500
    assert set(pairs) == {(task, state) for task in range(10) for state in range(50)}
    assert found[0] == found[1] == found[2]


def test_a_subset_is_called_one(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    done = quick_command("vla-eval", recipe, "eval.episodes=20", "output_dir=out")
    found = result(tmp_path / "out")
    assert found["heading"] == "not a benchmark result: a subset, 20 of 500 initial states"
    assert found["heading"] in done.stdout
    # the first two init states of each task: none of task 0, both of every other
    assert (found["episodes"], found["successes"]) == (20, 18)
    assert quick_command("vla-eval", recipe, "eval.episodes=501").returncode == 2


def test_progress_counts_every_episode() -> None:
    envs = make_envs(Env(id="toy/KnownVector-v0"), 3)
    initial_states = evaluation_states(init_state_counts(envs), 20)
    calls: list[tuple[int, int, int]] = []
    policy: Any = known_toy.SkilledPolicy(None, None)
    evaluate(policy, envs, initial_states, deterministic=True, on_episode=lambda *counts: calls.append(counts))
    assert [ended for ended, _, _ in calls] == list(range(1, 21))
    assert {total for _, total, _ in calls} == {20}
    assert calls[-1] == (20, 20, 18)


def test_failures_are_recorded_besides_the_first_episodes(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    videos = ["video_cfg={save_video: true, episodes: 2, failures: 3}"]
    done = quick_command("vla-eval", recipe, "output_dir=out", *videos)
    assert done.returncode == 0, done.stderr
    names = [path.name for path in (tmp_path / "out/video/eval").glob("*.mp4")]
    assert len(names) == 5
    # the first two, however they end, so that another evaluation shows the same ones; and three failures
    first = {"untrained_task00_state00_failure.mp4", "untrained_task01_state00_success.mp4"}
    assert first <= set(names)
    assert all("failure" in name for name in set(names) - first)


def test_a_shortened_limit_and_single_tasks_are_noted() -> None:
    from vla_trainer.config.load import load_config

    notices = load_config("tiny_spatial_ppo", ["env.task=3"]).evaluation_notices()  # of at most 64 steps
    assert notices == [
        "tasks: env.task=3, not all of the suite",
        "time limit: 64 steps, from env.max_episode_steps; null is the environment's own",
    ]
    assert load_config("libero_10_ppo_openvlaoft", []).evaluation_notices() == []


def test_ctrl_c_leaves_nothing(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    done = quick_command("vla-eval", recipe, "output_dir=out", "env.interrupt_after=20")
    assert done.returncode == 130
    assert done.stderr == "interrupted: no result is written\n"
    assert not (tmp_path / "out").exists()
