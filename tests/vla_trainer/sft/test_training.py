"""Supervised fine-tuning as a user starts it: it learns, it is evaluated, and it goes on after a kill."""

import json
import time
from pathlib import Path
from typing import Any

import minari
import numpy as np
import pytest
import torch
import train_process
from gymnasium import spaces
from reach_toy import DIMS, ReachEnv

NAME = "toy/reach-v0"
EPISODES = 40


def demonstrate(env: ReachEnv, seed: int) -> Any:
    """Go straight to the goal, a step at a time."""
    observation, _ = env.reset(seed=seed)
    observations, actions, ended = [observation], [], False
    while not ended:
        point, goal = observation["state"][:2], observation["state"][2:]
        action = np.clip((goal - point) / 0.2, -1, 1).astype(np.float32)  # a move of 1 goes 0.2
        observation, _, success, truncated, _ = env.step(action[None])
        observations.append(observation)
        actions.append(action)
        ended = success or truncated
    steps = len(actions)
    return minari.data_collector.EpisodeBuffer(
        observations={key: [observation[key] for observation in observations] for key in observations[0]},
        actions=np.array(actions),
        rewards=[0.0] * steps,
        terminations=[False] * (steps - 1) + [True],
        truncations=[False] * steps,
    )


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, env = tmp_path_factory.mktemp("minari"), ReachEnv(max_episode_steps=40, size=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder))
        minari.create_dataset_from_buffers(
            NAME,
            [demonstrate(env, 1000 + seed) for seed in range(EPISODES)],
            observation_space=env.observation_space,
            action_space=spaces.Box(-1, 1, (DIMS,), np.float32),
            jpeg_encoding=False,
        )
    return folder


@pytest.fixture
def recipe(demonstrations, toy_recipes, monkeypatch) -> list[str]:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(demonstrations))
    return [toy_recipes["sft"], "env.size=9"]


def rows(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    clocks = ("time/", "throughput/")
    return [{k: v for k, v in json.loads(line).items() if not k.startswith(clocks)} for line in lines]


def state(folder: Path) -> dict[str, Any]:
    newest = sorted((folder / "checkpoints").glob("step_*"))[-1]
    return torch.load(newest / "trainer_state.pt", weights_only=True)


def test_a_policy_learns_what_was_demonstrated(recipe, quick_command, tmp_path):
    result = quick_command("vla-train", *recipe, "output_dir=run", "trainer.iterations=10")
    assert result.returncode == 0, result.stderr
    assert f"{NAME}: {EPISODES} demonstrations of 1 task(s)" in result.stdout
    logged = rows(tmp_path / "run")
    # 9 bins a number and a uniform policy: ln 9 = 2.2 nats before the first step
    assert 1.0 < logged[0]["actor/loss"] < 2.2
    assert logged[-1]["actor/loss"] < 0.5
    policy_steps = int(result.stdout.replace(",", "").split(" steps ")[1].split(" policy steps")[0])
    assert logged[-1]["data/epochs"] == pytest.approx(10 * 30 * 64 / policy_steps)
    # one that moves at random succeeds now and then; the demonstrator always
    assert logged[-1]["eval/success_rate"] > 0.9

    evaluated = quick_command("vla-eval", "run/checkpoints/step_000010", "eval.episodes=20")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((tmp_path / "run/eval.json").read_text())["episodes"] == 20


def test_an_evaluation_needs_no_demonstrations(recipe, quick_command, tmp_path, monkeypatch):
    assert quick_command("vla-train", *recipe, "output_dir=run", "trainer.iterations=1").returncode == 0
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "none"))
    assert quick_command("vla-eval", "run", "eval.episodes=4").returncode == 0
    missing = quick_command("vla-train", "--resume", "run", "trainer.iterations=2")
    assert missing.returncode == 2
    assert missing.stderr.startswith("DatasetError: ")


def test_a_run_that_was_killed_and_resumed_ends_as_one_that_was_not(recipe, tmp_path):
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    unbroken = train_process.start([*recipe, f"output_dir={whole}"], log)
    unbroken.join()
    assert unbroken.exitcode == 0, log.read_text()
    process = train_process.start([*recipe, f"output_dir={killed}"], log)
    for step in (2, 4):
        deadline = time.monotonic() + 60
        while not (killed / f"checkpoints/step_{step:06d}").exists() and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.join()
        process = train_process.start(["--resume", str(killed)], log)
    process.join()
    assert process.exitcode == 0, log.read_text()
    assert rows(killed) == rows(whole)
    weights, expected = state(killed)["policy"], state(whole)["policy"]
    assert all(torch.equal(weights[key], expected[key]) for key in expected)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rollout.horizon=8", "rollout.horizon is not read by sft"),
        ("actor.critic_lr=1e-3", "actor.critic_lr is not read by sft"),
        ("actor.global_batch_size=null", "actor.global_batch_size is missing"),
        ("env.split=train", "env.split is not read by sft"),
        ("algorithm.optimiser_steps=3", 'did you mean "optimizer_steps"'),
        ("algorithm.augmentation.colour=1", 'unknown key "algorithm.augmentation.colour"'),
        ("cluster.backend=ray", 'cluster.backend="ray" is not there for sft'),
        ("algorithm.loss=l1", "a TokenPolicy has no normalize_actions(), regress()"),
        ("algorithm.dataset=toy/other-v0", "there is no such dataset here"),
    ],
)
def test_what_does_not_fit_is_one_line(recipe, quick_command, override, message, tmp_path):
    result = quick_command("vla-train", *recipe, override, "output_dir=run")
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_plan_prints_what_would_be_learned(recipe, quick_command):
    shown = quick_command("vla-train", *recipe, "--plan").stdout
    assert f"demonstrations: {NAME}, all" in shown
    assert "an iteration: 30 optimizer steps of 64 policy steps" in shown
