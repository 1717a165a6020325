"""The how-to pages, followed with fewer steps: their files, their commands, one after the other."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from doc_blocks import command, titled

pytestmark = pytest.mark.slow

Command = Callable[..., "subprocess.CompletedProcess[str]"]
SMALL = (
    *("trainer.threads=1", "algorithm.loader_threads=1", "eval.num_envs=2", "eval.episodes=2"),
    *("eval.max_episode_steps=16", "video_cfg.save_video=false"),
)
"""What makes a run of the tiny recipes a matter of seconds."""


@pytest.fixture
def follow(quick_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command of a page, with more overrides, in this process."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(page: str, beginning: str, *more: str) -> subprocess.CompletedProcess[str]:
        words = [word.replace("$PWD", str(tmp_path)) for word in command(page, beginning)]
        if words[0] == "libero-gym":
            from libero_gym.cli import app

            monkeypatch.chdir(tmp_path)
            result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return subprocess.CompletedProcess(words, 0, result.output, "")
        done = quick_command(*words, *more)
        assert done.returncode == 0, done.stderr
        return done

    return run


def save(folder: Path, *pages: str) -> None:
    for file, text in titled(*pages).items():
        (folder / file).write_text(text)


def test_the_quick_start(follow: Command, tmp_path: Path) -> None:
    page = "quickstart.md"
    recorded = follow(page, "libero-gym demos")
    assert "1 of 1" in recorded.stdout
    follow(page, "vla-train tiny_spatial_sft", "algorithm.optimizer_steps=2", *SMALL)
    evaluated = follow(page, "vla-eval first", *(word for word in SMALL if not word.startswith("algorithm")))
    assert "95% interval" in evaluated.stdout
    assert json.loads((tmp_path / "first/eval.json").read_text())["episodes"] == 2
    follow(page, "vla-report first")
    assert (tmp_path / "first/report.html").stat().st_size > 10_000


def test_fine_tune_and_train_on_your_own_demonstrations(follow: Command, tmp_path: Path) -> None:
    page = "howto/fine_tune.md"
    follow(page, "libero-gym demos --suite")
    assert "libero/first-v0" in follow(page, "libero-gym demos info").stdout
    assert "1" in follow(page, "libero-gym demos replay").stdout
    follow(page, "vla-train tiny_spatial_sft", "algorithm.optimizer_steps=2", "trainer.save_every=1", *SMALL)
    small = [word for word in SMALL if "loader" not in word]
    fewer = [
        "env.num_envs=2",
        "rollout.episodes=8",
        "env.max_episode_steps=16",
        "trainer.iterations=2",
        "actor.lr_warmup_iterations=0",
    ]
    follow(page, "vla-train tiny_spatial_grpo_from_sft", *fewer, "trainer.save_every=1", *small)
    compared = follow(page, "vla-eval rl --compare sft", *small)
    assert "McNemar" in compared.stdout
    follow(page, "vla-train --resume rl", "trainer.iterations=3")
    assert len((tmp_path / "rl/metrics.jsonl").read_text().splitlines()) == 3


def test_demonstrations_of_another_program_train_a_policy(
    follow: Command, quick_command: Command, tmp_path: Path
) -> None:
    save(tmp_path, "howto/fine_tune.md")
    exec(compile((tmp_path / "record.py").read_text(), "record.py", "exec"), {})
    more = ["algorithm.optimizer_steps=2", "trainer.iterations=1", "actor.lr_warmup_iterations=0", *SMALL]
    done = quick_command(
        "vla-train", "tiny_spatial_sft", "env.task=3", "algorithm.dataset=mine/bowl-v0", "output_dir=sft", *more
    )
    assert done.returncode == 0, done.stderr
    assert "mine/bowl-v0: 1 demonstrations of 1 task(s), 40 steps" in done.stdout


def test_a_checkpoint_in_the_published_layout_is_evaluated(
    follow: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "howto/evaluate.md")
    monkeypatch.chdir(tmp_path)
    exec(compile((tmp_path / "tiny.py").read_text(), "tiny.py", "exec"), {})
    recipe = "vla-eval libero_spatial_grpo_openvlaoft cluster.backend=local policy.kwargs.path=tiny"
    follow("howto/evaluate.md", recipe, "env.workers=1")
    assert json.loads((tmp_path / "tiny_eval/eval.json").read_text())["episodes"] == 2


def test_your_own_environment_and_policy(follow: Command, tmp_path: Path) -> None:
    """Twenty iterations take the recipe from some 15% of successes to all: half of that is enough for a test."""
    save(tmp_path, "howto/own_environment.md", "howto/own_policy.md")
    follow("howto/own_environment.md", "vla-train reach.yaml --check")
    follow("howto/own_environment.md", "vla-train reach.yaml env.size=0.3", "trainer.iterations=12", "eval.episodes=10")
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["rollout/success_rate"] > rows[0]["rollout/success_rate"] + 0.3
    follow("howto/own_environment.md", "vla-eval run", "eval.episodes=10")
    shutil.rmtree(tmp_path / "run")
    page = "howto/own_policy.md"
    follow(page, "vla-train reach.yaml policy.factory", "trainer.iterations=2", "eval.episodes=5")
    first = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])
    # the same distribution samples and scores; sums in another order leave rounding
    assert first["actor/initial_ratio_error"] < 1e-4


def test_your_own_algorithm(follow: Command, tmp_path: Path) -> None:
    page = "howto/own_algorithm.md"
    save(tmp_path, "howto/own_environment.md", page)
    follow(page, "vla-train group.yaml --check")
    follow(page, "vla-train group.yaml env.size", "trainer.iterations=8", "eval.episodes=5")
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 8
    assert rows[-1]["rollout/success_rate"] > rows[0]["rollout/success_rate"]
    assert "name: better_half:BetterHalf" in (tmp_path / "run/config.yaml").read_text()
