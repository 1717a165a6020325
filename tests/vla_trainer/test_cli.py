"""The commands as a person runs them: what they print and how they leave."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import forks
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_help_lists_recipes(command: Command) -> None:
    for name in ("vla-train", "vla-eval"):
        done = command(name, "--help")
        assert done.returncode == 0
        assert "tiny_spatial_ppo" in done.stdout
        assert "Example" in done.stdout


def test_checking_every_recipe_needs_no_torch_and_help_no_environment() -> None:
    # what makes --check quick; the command itself is run below
    code = """
import sys
import vla_trainer.cli
from vla_trainer.config import load_config, recipe_names
assert not {"torch", "gymnasium", "numpy", "mujoco", "llvmlite", "ray"} & set(sys.modules)
for name in recipe_names():
    vla_trainer.cli.check_placement(load_config(name))  # imports the environment, whose arguments it checks
print(sorted({"torch", "transformers", "ray"} & set(sys.modules)), len(recipe_names()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, count = done.stdout.rsplit(maxsplit=1)
    assert found == "[]"
    # six suites by two algorithms, and the tiny ones
    assert int(count) >= 14


def test_check(command: Command) -> None:
    done = command("vla-train", "libero_10_grpo_openvlaoft", "--check")
    assert done.returncode == 0
    assert done.stdout == "libero_10_grpo_openvlaoft: ok\n"


def test_plan_shows_what_runs_where(command: Command) -> None:
    pytest.importorskip("libero_gym.errors", reason="the recipe's environment")
    done = command(
        "vla-train",
        "tiny_spatial_ppo",
        "--plan",
        "cluster.gpus_per_node=2",
        "cluster.component_placement={env: 0, 'rollout,actor': 0-1}",
    )
    assert done.returncode == 0
    assert "  node 0  E0 R0 A0  R1 A1\n" in done.stdout
    assert "  hybrid: some devices" in done.stdout
    assert "libero/Spatial-v0" in done.stdout
    assert "not a benchmark result" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny_spatial_po"], 'UnknownRecipeError: unknown recipe "tiny_spatial_po"; did you mean "tiny_spatial_ppo"?'),
        (["tiny_spatial_ppo", "algorithm.gama=1"], 'ConfigError: unknown key "algorithm.gama"; did you mean "gamma"?'),
        pytest.param(
            ["tiny_spatial_ppo", "env.split=trian", "--check"],
            'ConfigError: env.split="trian"; did you mean "train"?',
            marks=pytest.mark.skipif(
                find_spec("libero_gym.errors") is None, reason="the environment says what it takes"
            ),
        ),
        (["tiny_spatial_ppo", "--plan", "plan.times=nowhere.json"], "MeasurementError: nowhere.json: cannot be read"),
        (["tiny_spatial_ppo", "--plan", "cluster.component_placement={env: 5}"], "PlacementError: "),
        (["libero_10_ppo_openvlaoft", "--check", "env.num_envs=9"], "ConfigError: env.num_envs=9"),
        (
            ["libero_10_ppo_openvlaoft", "--check", "env.num_envs=10"],
            "PlacementError: env.num_envs=10 cannot be shared",
        ),
        (["libero_10_ppo_openvlaoft", "--plan", "env.num_envs=10"], "PlacementError: env.num_envs=10 cannot be shared"),
        (["trainer.iterations=1"], "ConfigError: missing RECIPE; allowed: libero_10_grpo_openvlaoft, "),
        (["--resume", "nowhere"], "CheckpointError: nowhere is not a run"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(quick_command: Command, arguments: list[str], message: str) -> None:
    done = quick_command("vla-train", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_recipe_may_come_after_the_keys(quick_command: Command) -> None:
    done = quick_command("vla-train", "env.num_envs=4", "~env.task", "tiny_spatial_ppo", "--check")
    assert (done.returncode, done.stdout) == (0, "tiny_spatial_ppo: ok\n")
    # what is left beside one recipe is no override
    done = quick_command("vla-train", "env.num_envs=4", "tiny_spatial_ppo", "pendulum_ppo", "--check")
    assert done.returncode == 2
    assert done.stderr == 'ConfigError: "pendulum_ppo" is not key=value\n'


def test_a_folder_in_the_place_of_a_recipe(quick_command: Command, tmp_path: Path) -> None:
    (tmp_path / "lr=1e-3").mkdir()
    for folder in (str(tmp_path), "./lr=1e-3"):
        done = quick_command("vla-train", folder)
        assert done.returncode == 2
        message = f"{folder} is a folder, not a recipe; allowed: a recipe's name or a path to a .yaml file"
        assert done.stderr == f"UnknownRecipeError: {message}\n"
    (tmp_path / "run/checkpoints/step_000002").mkdir(parents=True)
    (tmp_path / "run/config.yaml").write_text("")
    for folder in ("run", "run/checkpoints/step_000002"):
        done = quick_command("vla-train", folder)
        assert done.returncode == 2
        message = f"{folder} is a folder, not a recipe; continue the run with --resume {folder}"
        assert done.stderr == f"UnknownRecipeError: {message}\n"


@pytest.mark.parametrize("name", ["vla-train", "vla-eval"])
def test_versions(quick_command: Command, name: str) -> None:
    done = quick_command(name, "--version")
    assert done.returncode == 0
    assert done.stdout.startswith(f"vla-trainer {version('vla-trainer')} (")
    assert f"torch {version('torch')}" in done.stdout


def test_sizes_that_no_machine_has(quick_command: Command) -> None:
    done = quick_command("vla-train", "tiny_spatial_ppo", "--check", "env.num_envs=10000000")
    assert done.returncode == 2
    assert done.stderr.startswith("ConfigError: not enough memory: env.num_envs=10000000 environments need ")
    assert done.stderr.count("\n") == 1
    overrides = ["plan.env_bytes=1", "plan.record_bytes=1", "plan.cores_per_node=2"]
    done = quick_command("vla-train", "tiny_spatial_ppo", "--check", "env.num_envs=100000", *overrides)
    assert (done.returncode, done.stdout) == (0, "tiny_spatial_ppo: ok\n")
    assert done.stderr == "warning: env.num_envs=100000 on 2 cores: 50,000 environments a core\n"


def test_a_terminal_is_told_that_the_first_time_takes_long(toy_recipes: dict[str, str], tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    process = forks.start(
        "vla_trainer.cli:train",
        ["vla-train", toy_recipes["ppo"], "env.id=Nothing-v0"],
        output=tmp_path / "output",
        errors=Path(os.ttyname(end)),
        folder=tmp_path,
    )
    process.join(120)
    os.close(end)
    output = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert process.exitcode == 2
    assert output.splitlines()[0].startswith("making environments and policy; the first time scenes are built")
    assert "NameNotFound: " in output


def test_errors_of_the_environment_and_of_the_policy_are_one_line(
    quick_command: Command, toy_recipes: dict[str, str]
) -> None:
    for overrides, message in (
        (["env.id=Nothing-v0"], "NameNotFound: "),
        (["env.size=3"], "ValueError: size=3; allowed: 8 or more"),
        (["policy.kwargs={critic: false}", "actor.critic_lr=null"], "PolicyError: the policy returns no values"),
    ):
        done = quick_command("vla-train", toy_recipes["ppo"], *overrides)
        assert done.returncode == 2, done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith(message)
        assert "Traceback" not in done.stderr


def test_train_resume_and_evaluate(
    command: Command, quick_command: Command, toy_recipes: dict[str, str], tmp_path: Path
) -> None:
    done = command("vla-train", toy_recipes["ppo"], "trainer.iterations=1", "output_dir=run")
    assert done.returncode == 0, done.stderr
    assert "run folder run" in done.stdout
    assert "iteration 1/1" in done.stdout
    done = quick_command(
        "vla-train",
        toy_recipes["ppo"],
        "--resume",
        "run",
        "trainer.iterations=2",
        "trainer.best_metric=rollout/reward_mean",
        "trainer.logger.console.enable=false",
    )
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "run/metrics.jsonl").read_text().splitlines()) == 2
    done = quick_command("vla-eval", "run", "eval.episodes=4")
    assert done.returncode == 0, done.stderr
    assert " all " in done.stdout
    assert "/4" in done.stdout
    assert "95% interval" in done.stdout
    assert (tmp_path / "run/eval.json").exists()
    assert list((tmp_path / "run/video/eval").glob("*.mp4"))
    done = quick_command("vla-eval", "run/checkpoints/best", "eval.episodes=4", "video_cfg.save_video=false")
    assert done.returncode == 0, done.stderr
    (tmp_path / "run/checkpoints/best").unlink()
    done = quick_command("vla-eval", "run/checkpoints/best", "eval.episodes=4")
    assert done.returncode == 2
    assert "no checkpoint there has a score" in done.stderr
    done = quick_command("vla-eval", toy_recipes["ppo"])
    assert done.returncode == 2
    assert "eval.episodes is missing" in done.stderr


def test_a_check_of_this_machine(quick_command: Command) -> None:
    done = quick_command("vla-train", "tiny_spatial_ppo", "--check", "--here")
    assert done.returncode == 0, done.stdout
    checks = [line.split()[1] for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert checks == ["driver", "gpus", "memory", "disk", "ok"]
    # no disk holds a checkpoint of 10^15 weights
    done = quick_command("vla-train", "tiny_spatial_ppo", "--check", "--here", "plan.parameters=1e15")
    assert (done.returncode, done.stderr) == (1, "1 of 4 checks of this machine failed\n")
    assert "failed  disk" in done.stdout
    done = quick_command("vla-train", "tiny_spatial_ppo", "--here")
    assert (done.returncode, done.stderr) == (2, "ConfigError: --here is read with --check only\n")
