"""`vla-train` and `vla-eval` with the real environment and the real policy, as a user starts them.

A whole run is a new process once; its evaluation is a process of its own that has imported torch already, and the rest
calls the same functions in this process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import forks
import imageio.v3 as iio
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from libero_gym.assets.builtin import VERSION
from libero_gym.assets.official import package_folder

BUILTIN = f"builtin-{VERSION}"

BIN = Path(sys.executable).parent
SHORT = ["trainer.iterations=2", "trainer.save_every=1", "env.max_episode_steps=16", "env.num_envs=4"]
SIZES = {"ppo": ["rollout.horizon=4"], "grpo": ["rollout.episodes=8", "algorithm.group_size=4"]}


def command(name, *arguments):
    return subprocess.run(
        [str(BIN / name), *map(str, arguments)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def forked(name, *arguments):
    """A process of its own, too, but with torch and the policy imported."""
    script = str(BIN / name)
    return forks.run(script, [script, *map(str, arguments)], preload=[*forks.POLICY, *forks.ENVIRONMENT])


@pytest.mark.parametrize("recipe", ["tiny_spatial_ppo_from_sft", "tiny_spatial_grpo_from_sft"])
def test_more_episodes_than_states_are_refused_before_anything_is_learned(recipe, tmp_path, quick_command):
    run = tmp_path / "run"
    result = quick_command("vla-train", recipe, "env.task=3", "env.assets=builtin", f"output_dir={run}")
    assert result.returncode == 2
    # the recipe's, of ten tasks; one has 50 published states
    assert "ConfigError: eval.episodes=500: there are 50 initial states" in result.stderr
    assert not run.exists()


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_a_run_leaves_everything_that_the_readme_says(algorithm, tmp_path, quick_command):
    run_command = command if algorithm == "ppo" else quick_command
    run = tmp_path / "run"
    recipe = f"tiny_spatial_{algorithm}"
    result = run_command("vla-train", recipe, *SHORT, *SIZES[algorithm], f"output_dir={run}", "env.assets=builtin")
    assert result.returncode == 0, result.stderr
    assert "not a benchmark result" in result.stdout
    assert f"asset set: {BUILTIN}" in result.stdout

    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [1, 2]
    # 4 envs x 4 policy steps x 8 steps in PPO, and 8 episodes x 16 steps in GRPO, are the same 128 steps; a progress in
    # [0, 1) a step gives returns in [0, 16).
    assert all(0.0 < line["rollout/reward_mean"] < 16.0 for line in lines)
    assert all(line["rollout/episode_length"] == 16.0 for line in lines)
    assert all(line["rollout/useful_step_fraction"] == 1.0 for line in lines)
    assert all(line["actor/loss"] != 0.0 for line in lines)

    events = EventAccumulator(str(next((run / "tensorboard").iterdir())))
    events.Reload()
    assert [event.step for event in events.Scalars("rollout/reward_mean")] == [1, 2]

    video = iio.imread(next((run / "video" / "train").glob("*.mp4")))
    assert len(video) >= 3  # the start and two policy steps
    assert video.std() > 10

    assert {path.name for path in (run / "checkpoints").iterdir()} == {"step_000001", "step_000002"}
    evaluate = forked if algorithm == "ppo" else quick_command
    evaluated = evaluate("vla-eval", run, "eval.episodes=2", "env.max_episode_steps=16")
    assert evaluated.returncode == 0, evaluated.stderr
    report = json.loads((run / "eval.json").read_text())
    assert (report["episodes"], report["assets"], report["split"]) == (2, BUILTIN, "eval")
    assert report["heading"].startswith(f"not a benchmark result: the built-in asset set '{BUILTIN}'")
    assert evaluated.stdout.count("not a benchmark result: the built-in") == 1
    trained = json.loads((run / "checkpoints" / "step_000002" / "provenance.json").read_text())
    assert (trained["env_id"], trained["assets"]) == ("libero/Spatial-v0", BUILTIN)
    assert [state["init_state_id"] for state in report["states"]] == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_every_option_at_once(algorithm, tmp_path, quick_command):
    options = [
        "rollout.pipeline_stage_num=2",
        "policy.lora.rank=4",
        "policy.precision=bf16",
        "policy.gradient_checkpointing=true",
        "algorithm.kl_coef=0.1",
        "algorithm.logprob_type=action_level",
        "algorithm.entropy_type=chunk_level",
        "algorithm.aggregate=episode-mean",
        "actor.lr_schedule=cosine",
        "actor.lr_warmup_iterations=1",
        "actor.micro_batch_size=12",
    ]
    options += {
        "ppo": ["algorithm.critic_warmup_iterations=1", "algorithm.reward_type=action_level"],
        "grpo": ["rollout.resample_groups=1", "algorithm.keep_mean_return=[0,16]"],
    }[algorithm]
    run = tmp_path / "run"
    recipe = f"tiny_spatial_{algorithm}"
    result = quick_command(
        "vla-train", recipe, *SHORT, *SIZES[algorithm], *options, f"output_dir={run}", "env.assets=builtin"
    )
    assert result.returncode == 0, result.stderr
    first, second = (json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines())
    # a warm-up of one iteration: half of 3e-4; then the cosine begins at 1
    assert (first["actor/lr"], second["actor/lr"]) == (1.5e-4, 3e-4)
    assert first["actor/kl"] < 1e-3  # the reference is the policy that the run began with
    assert first["rollout/useful_step_fraction"] == 1.0
    if algorithm == "ppo":
        assert second["actor/kl"] < 1e-3  # the actor has not moved yet


@pytest.mark.slow
def test_training_on_libero_s_original_scenes(official_assets, tmp_path, quick_command):
    named = official_assets == package_folder()
    result = quick_command(
        "vla-train",
        "tiny_spatial_ppo",
        *SHORT[1:],
        *SIZES["ppo"],
        "trainer.iterations=1",
        f"output_dir={tmp_path / 'run'}",
        f"env.assets={'official' if named else official_assets}",
    )
    assert result.returncode == 0, result.stderr
    assert f"asset set: {'official' if named else 'folder-'}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny_spatial_pppo"], "did you mean .*tiny_spatial_ppo"),
        (["tiny_spatial_ppo", "actor.learning_rate=1"], "actor.learning_rate"),
        (["tiny_spatial_ppo", "algorithm.group_size=4"], "algorithm.group_size"),
        (["tiny_spatial_ppo", "env.id=libero/Spatal-v0"], "Spatial"),
        (["tiny_spatial_ppo", "env.task=77"], r"unknown task 77 .*allowed: 0\.\.9"),
        (["tiny_spatial_ppo", "env.split=training"], "env.split"),
        (["tiny_spatial_ppo", "env.assets=/no/such/folder"], "'/no/such/folder' is not a folder"),
        (["tiny_spatial_ppo", "policy.factory=vla_policy:Nothing"], "Nothing"),
        (["--resume", "/no/such/run"], "is not a run"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, quick_command):
    # the two that get furthest, as a process too
    run_command = forked if arguments[-1] in ("env.task=77", "policy.factory=vla_policy:Nothing") else quick_command
    result = run_command("vla-train", *arguments, *(["trainer.iterations=1"] if "--resume" not in arguments else []))
    assert result.returncode == 2
    # The environment may have said before which asset set it uses.
    lines = [line for line in result.stderr.strip().splitlines() if "built-in asset set" not in line]
    assert len(lines) == 1, result.stderr
    assert re.search(message, lines[0]), lines[0]
    assert re.match(r"\w+Error: |\w+NotFound: ", lines[0]), lines[0]
    assert "Traceback" not in result.stderr + result.stdout
