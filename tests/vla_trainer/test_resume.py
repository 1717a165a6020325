"""What a run may be resumed under, and what becomes of the episodes that were running."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from vla_trainer import checkpoint, resume, run
from vla_trainer.config.load import load_config
from vla_trainer.errors import CheckpointError
from vla_trainer.trainer import make_trainer

QUIET = ["trainer.logger={console: {enable: false}, tensorboard: {enable: false}}", "video_cfg.save_video=false"]
UNEVEN = ["rollout.horizon=7"]
"""Episodes have eight policy steps or fewer, so that some run when an iteration ends."""


@pytest.fixture(scope="module")
def runs(toy_recipes: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of two iterations by algorithm."""
    made = {}
    for algorithm in ("ppo", "grpo"):
        folder = tmp_path_factory.mktemp("runs") / algorithm
        more = UNEVEN if algorithm == "ppo" else []
        spec = run.new_run(toy_recipes[algorithm], [*QUIET, *more, "trainer.iterations=2", f"output_dir={folder}"])
        run.run_supervised(spec, make_trainer, lambda _: None)
        made[algorithm] = folder
    return made


@pytest.fixture
def copy(runs: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copied(algorithm: str) -> Path:
        return Path(shutil.copytree(runs[algorithm], tmp_path / algorithm))

    return copied


def state_of(folder: Path, iteration: int = 2) -> dict[str, Any]:
    return checkpoint.read_state(folder / f"checkpoints/step_{iteration:06d}")


def iterations(folder: Path) -> list[int]:
    return [json.loads(line)["iteration"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(("algorithm", "num_envs"), [("ppo", 4), ("ppo", 10), ("grpo", 2), ("grpo", 8)])
def test_another_number_of_environments(
    algorithm: str, num_envs: int, copy: Callable[[str], Path], quick_command: Callable[..., Any]
) -> None:
    folder = copy(algorithm)
    before = state_of(folder)
    running = sum(map(bool, before["running"]))
    was = {"ppo": 8, "grpo": 6}[algorithm]
    assert len(before["running"]) == was
    assert (running > 0) == (algorithm == "ppo")
    done = quick_command("vla-train", "--resume", folder, f"env.num_envs={num_envs}", "trainer.iterations=4")
    assert done.returncode == 0, done.stderr
    changed = f"env.num_envs was {was} and is {num_envs}"
    note = f"note: {changed}: the {running} running episodes are dropped, and new ones begin\n"
    assert (note in done.stdout) == (algorithm == "ppo")
    assert iterations(folder) == [1, 2, 3, 4]
    after = state_of(folder, 4)
    assert len(after["running"]) == len(after["begun"]) == num_envs
    if algorithm == "ppo":
        # each stream of starts goes on where it was
        assert all(new >= old for new, old in zip(after["begun"], before["begun"], strict=False))


@pytest.mark.parametrize(
    ("override", "dropped"),
    [
        ("env.max_episode_steps=12", True),
        ("env.speed=0.1", True),
        ("env.num_envs=8", False),
        ("env.size=9", False),
        ("actor.lr=0.001", False),
    ],
)
def test_what_running_episodes_can_be_repeated_in(override: str, dropped: bool, runs: dict[str, Path]) -> None:
    spec = run.resumed_run(runs["ppo"], None, [override])
    assert spec.checkpoint is not None
    said = resume.check(spec.checkpoint, spec.config)
    assert len(said) == dropped
    running, begun = resume.running_episodes(state_of(runs["ppo"]), spec.config)
    assert any(running) != dropped
    assert begun == state_of(runs["ppo"])["begun"]


def test_a_checkpoint_of_before_it_kept_its_config(runs: dict[str, Path]) -> None:
    config = run.resumed_run(runs["ppo"], None, []).config
    state = {key: value for key, value in state_of(runs["ppo"]).items() if key != resume.CONFIG_KEY}
    assert resume.running_episodes(state, config) == (state["running"], state["begun"])
    more = run.resumed_run(runs["ppo"], None, ["env.num_envs=9"]).config
    assert resume.running_episodes(state, more) == ([{}] * 9, [*state["begun"], 0])
    fewer = run.resumed_run(runs["ppo"], None, ["env.num_envs=2"]).config
    assert resume.running_episodes(state, fewer) == ([{}] * 2, state["begun"][:2])


def test_a_run_of_before_env_had_the_environment_s_own_keys(
    copy: Callable[[str], Path], quick_command: Callable[..., Any]
) -> None:
    """All keys were written, null where they were not given, and what had no key stood in `kwargs`."""
    folder = copy("ppo")
    former = {"task": None, "split": None, "image_size": None, "workers": None, "kwargs": {"size": 33}}
    written = yaml.safe_load((folder / "config.yaml").read_text())
    written["env"] |= former
    written["eval"]["kwargs"] = {}
    written["policy"]["path"] = written["policy"].pop("checkpoint")
    (folder / "config.yaml").write_text(yaml.safe_dump(written))
    with pytest.warns(FutureWarning, match=r"env\.kwargs\.size is now env\.size"):
        config = run.resumed_run(folder, None, []).config
    assert config.env.make_kwargs() == {"size": 33}
    state = state_of(folder)
    state[resume.CONFIG_KEY]["env"] |= former
    assert resume.running_episodes(state, config) == (state["running"], state["begun"])
    state[resume.CONFIG_KEY]["env"]["kwargs"] = {"speed": 0.1}
    assert resume.running_episodes(state, config)[0] == [{}] * 8
    done = quick_command("vla-train", "--resume", folder, "trainer.iterations=3")
    assert done.returncode == 0, done.stderr
    assert "dropped" not in done.stdout
    assert iterations(folder) == [1, 2, 3]


def test_a_run_of_another_kind(runs: dict[str, Path], toy_recipes: dict[str, str]) -> None:
    path = runs["ppo"] / "checkpoints/step_000002"
    message = r"is of reinforcement learning, and algorithm\.name=sft .*policy\.checkpoint="
    with pytest.raises(CheckpointError, match=message):
        resume.check(path, load_config(toy_recipes["sft"]))


def test_a_published_model_is_no_checkpoint_of_the_trainer(
    quick_command: Callable[..., Any], toy_recipes: dict[str, str]
) -> None:
    for command in ("vla-train", "vla-eval"):
        done = quick_command(command, toy_recipes["ppo"], "policy.checkpoint=someone/a-model", "eval.episodes=1")
        assert done.returncode == 2
        assert done.stderr.startswith("CheckpointError: policy.checkpoint=someone/a-model is no folder: ")
        assert "policy.kwargs.path" in done.stderr


NOT_STATES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda state: [1, 2],
    "a tensor": lambda state: torch.zeros(3),
    "weights alone": lambda state: state["policy"],
    "no generator": lambda state: {key: value for key, value in state.items() if key != "start_rng"},
    "a text for a number": lambda state: {**state, "iteration": "2"},
    "a text for weights": lambda state: {**state, "policy": "weights"},
    "numbers for episodes": lambda state: {**state, "running": [1, 2, 3, 4]},
    "fewer counts": lambda state: {**state, "begun": [1]},
    "an object": lambda state: Path("code"),
}


@pytest.mark.parametrize("what", NOT_STATES)
def test_a_state_of_something_else(what: str, copy: Callable[[str], Path], quick_command: Callable[..., Any]) -> None:
    folder = copy("ppo")
    file = folder / "checkpoints/step_000002/trainer_state.pt"
    torch.save(NOT_STATES[what](state_of(folder)), file)
    for command, *arguments in (("vla-train", "--resume"), ("vla-eval",)):
        done = quick_command(command, *arguments, folder, "policy.factory=no_such_module:Policy", "eval.episodes=1")
        assert done.returncode == 2
        assert done.stderr.startswith(f"CheckpointError: {file.parent}")
        assert done.stderr.count("\n") == 1
        assert "weights_only" not in done.stderr
        assert "run folder" not in done.stdout
    assert iterations(folder) == [1, 2]


def test_a_damaged_one_is_named_before_anything_is_made(
    copy: Callable[[str], Path], quick_command: Callable[..., Any], toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    folder = copy("ppo")
    file = folder / "checkpoints/step_000002/trainer_state.pt"
    file.write_bytes(file.read_bytes()[:5000])
    for arguments in (["--resume", folder], [toy_recipes["ppo"], f"policy.checkpoint={file.parent}", "output_dir=new"]):
        done = quick_command("vla-train", *arguments, "env.id=Nothing-v0")
        assert done.returncode == 2
        assert done.stderr.startswith(f"CheckpointError: {file.parent} is damaged: trainer_state.pt: ")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_damaged_log_is_kept_and_what_is_missing_is_said(
    copy: Callable[[str], Path], quick_command: Callable[..., Any]
) -> None:
    folder = copy("ppo")
    metrics = folder / "metrics.jsonl"
    damaged = b"\x00" * 20 + metrics.read_bytes()[20:]
    metrics.write_bytes(damaged)
    done = quick_command("vla-train", "--resume", folder, "trainer.iterations=3")
    assert done.returncode == 0, done.stderr
    said = f"metrics.jsonl was damaged at line 1: it is kept as {metrics.name}.damaged; iteration 1 is missing"
    assert said in done.stdout.replace("\n", " ")
    assert iterations(folder) == [2, 3]
    assert (folder / "metrics.jsonl.damaged").read_bytes() == damaged


def test_a_config_that_is_no_text(
    copy: Callable[[str], Path], quick_command: Callable[..., Any], tmp_path: Path
) -> None:
    folder = copy("ppo")
    text = (folder / "config.yaml").read_bytes()
    (folder / "config.yaml").write_bytes(text.replace(b"algorithm:", b"# \xe9t\xe9\nalgorithm:"))
    recipe = tmp_path / "latin.yaml"
    recipe.write_bytes("notice: été\n".encode("latin-1"))
    extending = tmp_path / "extending.yaml"
    extending.write_text("extends: latin.yaml\n")
    for arguments, file, line in (
        (["--resume", folder], folder / "config.yaml", 2),
        ([recipe], recipe, 1),
        ([extending, "--check"], recipe, 1),
    ):
        done = quick_command("vla-train", *arguments)
        assert done.returncode == 2
        assert done.stderr == f"ConfigError: {file} is not UTF-8: byte 0xe9 in line {line}; save it as UTF-8\n"
    done = quick_command("vla-eval", folder)
    assert done.returncode == 2
    assert done.stderr.startswith("ConfigError: ")
