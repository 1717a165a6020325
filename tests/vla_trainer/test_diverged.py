"""`vla-train` on training that goes wrong: one line, exit code, and what was good before is kept.

Each fault ended "done", exit 0, with weights that were all NaN and good checkpoints removed.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import fault_toy  # noqa: F401  # registers its environment
import pytest
import torch

Command = Callable[..., CompletedProcess[str]]

COMMON = [
    "trainer.save_every=1",
    "trainer.keep_checkpoints=2",
    "trainer.best_metric=rollout/reward_mean",
    "video_cfg.save_video=false",
    "output_dir=run",
]
FAULTY = "env.id=fault_toy:toy/FaultyReach-v0"
WHERE = r" in env \d+, episode \d+ \(seed \d+\), environment step 4; "


def checkpoints(folder: Path) -> dict[str, bytes]:
    """Names, and what is in each."""
    return {path.name: (path / "trainer_state.pt").read_bytes() for path in (folder / "checkpoints").glob("step_*")}


def one_line(done: CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "done:" not in done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line]
    return line


def good_run(command: Command, recipe: str, folder: Path, *overrides: str) -> dict[str, bytes]:
    """Three iterations before anything goes wrong."""
    done = command("vla-train", recipe, *COMMON, *overrides, "trainer.iterations=3")
    assert done.returncode == 0, done.stderr
    before = checkpoints(folder)
    assert {"step_000002", "step_000003"} <= set(before)
    return before


@pytest.mark.parametrize(
    ("algorithm", "fault", "code", "said"),
    [
        (
            "ppo",
            [FAULTY, "env.reward=nan", "env.every=7"],
            2,
            r"EnvError: the reward is nan" + WHERE + "rewards must be finite",
        ),
        (
            "ppo",
            [FAULTY, "env.state=nan", "env.every=7"],
            2,
            r'EnvError: observation\["state"\]\[1\] is nan' + WHERE + "observations must be finite",
        ),
        (
            "grpo",
            [FAULTY, "env.reward=inf", "env.every=7"],
            2,
            r"EnvError: the reward is inf" + WHERE + "rewards must be finite",
        ),
        # each reward is finite, and the return of PPO, which is float32, is not: advantages are NaN
        (
            "ppo",
            [FAULTY, "env.reward=3e38", "env.every=7", "algorithm.huber_delta=null"],
            1,
            r"TrainingDivergedError: 5 optimizer steps in a row were skipped \(actor.max_skipped_steps=5\); of the "
            r"last one grad_norm is nan, loss is nan, value_loss is inf; no checkpoint was written",
        ),
        (
            "grpo",
            ["actor.lr=1e30"],
            1,
            r"TrainingDivergedError: the weights after the update are not finite: [\w.]+; no checkpoint was written",
        ),
    ],
    ids=["reward", "observation", "infinite reward", "infinite return", "learning rate"],
)
def test_a_fault_ends_the_run(
    algorithm: str, fault: list[str], code: int, said: str, toy_recipes: dict[str, str], quick_command: Command,
    tmp_path: Path,
) -> None:  # fmt: skip
    done = quick_command("vla-train", toy_recipes[algorithm], *COMMON, *fault)
    assert re.fullmatch(said, one_line(done, code))
    assert not checkpoints(tmp_path / "run")


def test_a_learning_rate_that_breaks_the_weights_leaves_the_checkpoints(
    toy_recipes: dict[str, str], quick_command: Command, tmp_path: Path
) -> None:
    before = good_run(quick_command, toy_recipes["ppo"], tmp_path / "run")
    best = (tmp_path / "run/checkpoints/best").readlink()
    rows = (tmp_path / "run/metrics.jsonl").read_text()
    done = quick_command(
        "vla-train", "--resume", "run", "actor.lr=1e30", "actor.critic_lr=1e30", "trainer.iterations=9"
    )
    line = one_line(done, 1)
    assert line.startswith("TrainingDivergedError: ")
    assert line.endswith("; the last checkpoint is run/checkpoints/step_000003")
    assert checkpoints(tmp_path / "run") == before
    assert (tmp_path / "run/checkpoints/best").readlink() == best
    assert (tmp_path / "run/metrics.jsonl").read_text() == rows


def test_gradients_that_are_not_finite_are_skipped_said_and_counted(
    toy_recipes: dict[str, str], quick_command: Command, tmp_path: Path
) -> None:
    # 16 x 8 policy steps in steps of 64, of which each has two micro-batches, 4 times: 16 calls an iteration; from the
    # 45th on, in the third iteration, gradients are NaN: steps 7 and 8 of it
    recipe = [toy_recipes["ppo"], *COMMON, "policy.factory=fault_toy:UndefinedPolicy", "policy.kwargs={after: 44}"]
    done = quick_command("vla-train", *recipe, "trainer.iterations=3")
    assert done.returncode == 0, done.stderr
    assert "note: iteration 3: 2 of 8 optimizer steps skipped" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [row["actor/skipped_steps"] for row in rows] == [0, 0, 2]
    assert [row["actor/optimizer_steps"] for row in rows] == [8, 8, 6]
    assert all(row["actor/grad_norm"] is not None for row in rows)
    # over iterations: 2 and then 3 more are 5 in a row
    further = ["trainer.iterations=4", "output_dir=other"]
    done = quick_command("vla-train", *recipe[:-1], "policy.kwargs={after: 44}", *further)
    assert re.fullmatch(
        r"TrainingDivergedError: 5 optimizer steps in a row were skipped .*; of the last one grad_norm is nan; "
        r"the last checkpoint is other/checkpoints/step_000003",
        one_line(done, 1),
    )
    state = torch.load(tmp_path / "other/checkpoints/step_000003/trainer_state.pt", weights_only=True)
    assert all(weight.isfinite().all() for weight in state["policy"].values())


def test_log_probs_100_nats_low_are_learned_from(
    toy_recipes: dict[str, str], quick_command: Command, tmp_path: Path
) -> None:
    overrides = ["policy.factory=fault_toy:LowPolicy", "algorithm.dual_clip=null", "trainer.iterations=2"]
    done = quick_command("vla-train", toy_recipes["ppo"], *COMMON, *overrides)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert all(row["actor/skipped_steps"] == 0 for row in rows)
    assert all(row["actor/grad_norm"] < float("inf") for row in rows)


def test_an_evaluation_of_weights_that_are_not_finite_is_an_error(
    toy_recipes: dict[str, str], quick_command: Command, tmp_path: Path
) -> None:
    good_run(quick_command, toy_recipes["ppo"], tmp_path / "run")
    # as an earlier version of this package has left them
    path = tmp_path / "run/checkpoints/step_000003/trainer_state.pt"
    state = torch.load(path, weights_only=True)
    state["policy"]["head.weight"][:] = torch.nan
    torch.save(state, path)
    for command in (["vla-eval", "run", "eval.episodes=4"], ["vla-train", "--resume", "run", "trainer.iterations=4"]):
        said = one_line(quick_command(*command), 2)
        assert said == "CheckpointError: run/checkpoints/step_000003 holds weights that are not finite: head.weight"
    assert not (tmp_path / "run/eval.json").exists()


def test_iterations_without_variance_are_said(
    toy_recipes: dict[str, str], quick_command: Command, tmp_path: Path
) -> None:
    # the point never moves, and every episode of every group returns 0
    done = quick_command("vla-train", toy_recipes["grpo"], *COMMON, FAULTY, "trainer.iterations=4")
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if "has variance" in line]
    assert [line.partition(" no group")[0] for line in said] == [
        "note: iteration 1:",
        "note: iteration 2: as in the 1 before,",
        "note: iteration 4: as in the 3 before,",
    ]
    assert "raise algorithm.group_size (now 4), rollout.temperature (1) or rollout.resample_groups (0)" in said[0]
    # one that learns says nothing
    done = quick_command("vla-train", toy_recipes["grpo"], *COMMON[:-1], "trainer.iterations=2", "output_dir=other")
    assert "has variance" not in done.stdout
