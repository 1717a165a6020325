"""Whole runs on a toy: the folder that they leave, repetition, resume, evaluation."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from vla_trainer import run
from vla_trainer.errors import BackendError, CheckpointError, PolicyError
from vla_trainer.trainer import make_trainer

QUIET = [
    "trainer.logger={console: {enable: false}, tensorboard: {enable: false}}",
    "video_cfg.save_video=false",
]
# more envs than episodes fit, so that some episodes run when an iteration ends
UNEVEN = ["rollout.horizon=7"]


def train(recipe: str, folder: Path, *overrides: str) -> list[dict[str, Any]]:
    spec = run.new_run(recipe, [*overrides, f"output_dir={folder}"])
    go(spec)
    return read(folder)


def go(spec: run.RunSpec) -> list[str]:
    said: list[str] = []
    backend = make_trainer(spec.config)
    try:
        run.run_training(spec, backend, said.append)
    finally:
        backend.close()
    return said


def read(folder: Path, clocks: bool = False) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [
        {key: value for key, value in line.items() if clocks or not key.startswith(("time/", "throughput/"))}
        for line in lines
    ]


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_the_folder_of_a_run(algorithm: str, toy_recipes: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    from moviepy import VideoFileClip
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "run"
    train(toy_recipes[algorithm], folder, "eval.episodes=5", "trainer.iterations=2", "trainer.save_every=1")
    lines = read(folder, clocks=True)
    assert [line["iteration"] for line in lines] == [1, 2]
    wanted = [
        "actor/loss",
        "actor/entropy",
        "actor/grad_norm",
        "actor/lr",
        "actor/approx_kl",
        "actor/clip_fraction",
        "rollout/reward_mean",
        "rollout/reward_std",
        "rollout/episode_length",
        "rollout/success_rate",
        "rollout/useful_step_fraction",
        "env/success_rate",
        "env/step_reward",
        "env/termination_rate",
        "time/rollout",
        "time/update",
        "throughput/env_steps_per_second",
    ]
    assert set(wanted) <= set(lines[0])
    assert ("actor/value_loss" in lines[0]) == (algorithm == "ppo")
    assert "eval/success_rate" in lines[1]

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("rollout/reward_mean")] == [1, 2]
    assert events.Scalars("actor/loss")[1].value == pytest.approx(lines[1]["actor/loss"], rel=1e-5, abs=1e-7)

    videos = [*(folder / "video/train").glob("iteration_000001_*.mp4")]
    assert len(videos) == 1
    failed = sum(not state["success"] for state in json.loads((folder / "eval.json").read_text())["states"])
    videos += (folder / "video/eval").glob("iteration_000002_*.mp4")
    assert 1 + min(failed, 4) <= len(videos) <= 1 + 5
    for video in videos:
        with VideoFileClip(str(video)) as clip:
            assert clip.n_frames > 2

    listed = sorted(path.name for path in (folder / "checkpoints").iterdir())
    assert listed == ["best", "step_000001", "step_000002"]
    assert run.existing_run(folder / "checkpoints/best", []).checkpoint == folder / "checkpoints/step_000002"
    assert (folder / "checkpoints/step_000002/weights.pt").exists()
    result = json.loads((folder / "eval.json").read_text())
    assert result["episodes"] == len(result["states"]) == 5
    assert result["interval"][0] <= result["success_rate"] <= result["interval"][1]
    shown = capsys.readouterr().out
    assert "iteration 2/2" in shown
    assert "success" in shown


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_actions_are_scored_at_the_temperature_that_sampled_them(
    algorithm: str, toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    # one step an iteration, and hardly any movement: a score at another temperature would show as KL
    still = ["algorithm.epochs=1", "actor.global_batch_size=null", "actor.lr=1e-12", "trainer.iterations=4"]
    falling = ["rollout.temperature=0.4", "rollout.temperature_final=0.04"]
    lines = train(toy_recipes[algorithm], tmp_path / "run", *QUIET, *still, *falling)
    assert [line["rollout/temperature"] for line in lines] == pytest.approx([0.4, 0.31, 0.22, 0.13])
    assert [line["actor/approx_kl"] for line in lines] == pytest.approx([0.0] * 4, abs=1e-9)
    entropy = [line["actor/entropy"] for line in lines]
    assert entropy == sorted(entropy, reverse=True)
    assert entropy[3] < 0.95 * entropy[0]


def test_the_same_seed_repeats_and_another_does_not(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    first = train(toy_recipes["ppo"], tmp_path / "1", *QUIET, *UNEVEN)
    assert train(toy_recipes["ppo"], tmp_path / "2", *QUIET, *UNEVEN) == first
    assert train(toy_recipes["ppo"], tmp_path / "3", *QUIET, *UNEVEN, "trainer.seed=1") != first


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_a_resumed_run_is_the_run_that_was_never_interrupted(
    algorithm: str, toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    uneven = UNEVEN if algorithm == "ppo" else []
    whole = train(toy_recipes[algorithm], tmp_path / "whole", *QUIET, *uneven, "trainer.iterations=4")
    folder = tmp_path / "parts"
    train(toy_recipes[algorithm], folder, *QUIET, *uneven, "trainer.iterations=2")
    # what an interrupted iteration has written is replaced
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"iteration": 3, "actor/loss": 99.0}) + "\n")
    said = go(run.resumed_run(folder, None, ["trainer.iterations=4"]))
    assert read(folder) == whole
    assert any("continuing from" in line and "step_000002" in line for line in said)
    assert run.existing_run(folder, []).config.trainer.iterations == 4


def test_a_run_killed_before_its_first_checkpoint_begins_again(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    whole = train(toy_recipes["ppo"], tmp_path / "whole", *QUIET, "trainer.iterations=2")
    folder = tmp_path / "run"
    train(toy_recipes["ppo"], folder, *QUIET, "trainer.iterations=2")
    shutil.rmtree(folder / "checkpoints")
    half = folder / "checkpoints/.step_000002.elsewhere-1"
    half.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        run.existing_run(folder, [])
    said = go(run.resumed_run(folder, None, []))
    assert any("starting again at iteration 1" in line for line in said)
    assert read(folder) == whole


def test_an_older_checkpoint_can_be_resumed_from(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    overrides = [*QUIET, *UNEVEN, "trainer.iterations=4", "trainer.save_every=1", "trainer.best_metric=actor/entropy"]
    whole = train(toy_recipes["ppo"], folder, *overrides)
    checkpoints = folder / "checkpoints"
    # a policy that learns grows sure, so that the first one has the highest entropy
    assert run.existing_run(checkpoints / "best", []).checkpoint == checkpoints / "step_000001"
    newest = checkpoints / "step_000004/trainer_state.pt"
    newest.write_bytes(newest.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"step_000004 is damaged.*--resume .*step_000003$"):
        go(run.resumed_run(folder, None, []))
    assert read(folder) == whole
    (checkpoints / "step_000003/weights.pt").unlink()  # a resume needs only its own file
    said = go(run.resumed_run(checkpoints / "step_000003", None, []))
    assert any("set aside" in line and "step_000004.set_aside" in line for line in said)
    assert read(folder) == whole
    said = go(run.resumed_run(folder, None, []))
    assert any("nothing is left to do" in line for line in said)
    assert read(folder) == whole


def test_only_the_best_and_the_last_checkpoint_are_exported(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    overrides = [*QUIET, *UNEVEN, "trainer.iterations=4", "trainer.save_every=1", "trainer.best_metric=actor/entropy"]
    whole = train(toy_recipes["ppo"], folder, *overrides, "trainer.export=best")
    entropy = [line["actor/entropy"] for line in whole]
    assert entropy[0] > max(entropy[1:])  # the first one is the best, of those before it too
    exported = {path.parent.name for path in folder.glob("checkpoints/step_*/weights.pt")}
    assert exported == {"step_000001", "step_000004"}
    # one that was not exported is gone on from to the last bit
    said = go(run.resumed_run(folder / "checkpoints/step_000002", None, []))
    assert any("continuing from" in line and "step_000002" in line for line in said)
    assert read(folder) == whole
    every = tmp_path / "every"
    train(toy_recipes["ppo"], every, *overrides)
    assert len(list(every.glob("checkpoints/step_*/weights.pt"))) == 4


def test_a_full_disk_ends_the_run_and_a_resume_goes_on(
    toy_recipes: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reach_toy import TokenPolicy

    folder = tmp_path / "run"
    whole = train(toy_recipes["grpo"], tmp_path / "whole", *QUIET, "trainer.save_every=1")
    save_pretrained, saves = TokenPolicy.save_pretrained, []

    def full_at_the_second(policy: TokenPolicy, directory: Path) -> None:
        saves.append(directory)
        if len(saves) == 2:
            raise OSError(28, "No space left on device")
        save_pretrained(policy, directory)

    monkeypatch.setattr(TokenPolicy, "save_pretrained", full_at_the_second)
    with pytest.raises(CheckpointError, match="step_000002: No space left on device; older ones are as they were"):
        train(toy_recipes["grpo"], folder, *QUIET, "trainer.save_every=1")
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["step_000001"]
    go(run.resumed_run(folder, None, []))
    assert read(folder) == whole


def test_only_runs_can_be_resumed_and_none_is_overwritten(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a run"):
        run.resumed_run(tmp_path, None, [])
    folder = tmp_path / "run"
    train(toy_recipes["grpo"], folder, *QUIET, "trainer.iterations=1")
    with pytest.raises(CheckpointError, match="already holds a run"):
        train(toy_recipes["grpo"], folder, *QUIET, "trainer.iterations=1")
    with pytest.raises(CheckpointError, match="is a run of toy_grpo, not of"):
        run.resumed_run(folder, toy_recipes["ppo"], [])


def test_groups_without_a_difference_leave_the_weights_alone(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    # a point that does not move earns 0 in every episode that does not begin at its goal
    still = [*QUIET, "env.speed=0.0", "rollout.episodes=4", "trainer.iterations=1"]
    (line,) = train(toy_recipes["grpo"], tmp_path / "run", *still)
    assert line["rollout/informative_groups"] == 0
    assert line["rollout/batch_fraction"] == 0
    assert line["rollout/useful_step_fraction"] > 0.5
    assert "actor/loss" not in line


@pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
def test_it_learns(algorithm: str, toy_recipes: dict[str, str], tmp_path: Path) -> None:
    sizes = {"ppo": ["rollout.horizon=32"], "grpo": ["rollout.episodes=32"]}[algorithm]
    lines = train(toy_recipes[algorithm], tmp_path / "run", *QUIET, *sizes, "actor.lr=0.01", "trainer.iterations=12")
    returns = [line["rollout/reward_mean"] for line in lines]
    # a random policy gets about 0.1, one that always succeeds about 2
    assert sum(returns[:2]) / 2 < 0.6 < 0.9 < sum(returns[-3:]) / 3


def test_components_that_are_not_there(toy_recipes: dict[str, str]) -> None:
    def make(*overrides: str) -> None:
        make_trainer(run.new_run(toy_recipes["ppo"], list(overrides)).config)

    with pytest.raises(BackendError, match='did you mean "local"'):
        make("cluster.backend=locla")
    with pytest.raises(PolicyError, match="no_such_module"):
        make("policy.factory=no_such_module:Policy")
    with pytest.raises(PolicyError, match="NoPolicy"):
        make("policy.factory=reach_toy:NoPolicy")
    with pytest.raises(PolicyError, match="colour"):
        make("policy.kwargs={colour: red}")
    with pytest.raises(PolicyError, match="builtins:dict"):
        make("policy.factory=builtins:dict", "policy.kwargs={}")
