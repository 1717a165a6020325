"""Two policies over the same sweep: pairs by point, what is refused, and where the second one's results stand."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import variant_toy
from variant_toy import STATES, TASKS, success_of

from vla_trainer.evaluation.comparison import mcnemar_exact, newcombe_paired_interval

Command = Callable[..., subprocess.CompletedProcess[str]]

SWEEP = ("--sweep", "env.shift=null,light:1,noise:2")
SHIFTS = (None, "light:1", "noise:2")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "variant.yaml"
    path.write_text(variant_toy.RECIPE)
    return str(path)


@pytest.fixture
def swept(quick_command: Command, recipe: str, tmp_path: Path) -> Path:
    """Two finished sweeps, `better` with skill 5 and `worse` with 3."""
    for name, skill in (("better", 5), ("worse", 3)):
        done = quick_command("vla-eval", recipe, *SWEEP, f"output_dir={name}", f"policy.kwargs.skill={skill}")
        assert done.returncode == 0, done.stderr
    return tmp_path


def cells(shift: str | None) -> list[int]:
    """Both, only A, only B, neither: what the better one solves holds what the worse one does."""
    better, worse = (
        sum(success_of(task, state, skill, shift) for task in range(TASKS) for state in range(STATES))
        for skill in (5, 3)
    )
    return [worse, better - worse, 0, TASKS * STATES - better]


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_pairs_by_point_and_in_all(quick_command: Command, swept: Path) -> None:
    done = quick_command("vla-eval", "better/sweep.json", "--compare", "worse/sweep.json")
    assert done.returncode == 0, done.stderr
    found = read(swept / "better/sweep_comparison.json")
    # skill 5: 5 + 7 + 8 (of 9), 3 + 5 + 7 and 0 (of -1) + 1 + 3; skill 3: 3 + 5 + 7, 1 + 3 + 5 and 0 + 0 (of -1) + 1
    assert [cells(shift) for shift in SHIFTS] == [[15, 5, 0, 4], [9, 6, 0, 9], [1, 3, 0, 20]]
    for shift, point in zip(SHIFTS, found["points"], strict=True):
        pairs = point["comparison"]["all"]
        both, only_a, only_b, neither = cells(shift)
        assert [pairs[cell] for cell in ("both", "only_a", "only_b", "neither")] == [both, only_a, only_b, neither]
        assert pairs["p_value"] == mcnemar_exact(only_a, only_b)
        assert pairs["difference_interval"] == list(newcombe_paired_interval(both, only_a, only_b, neither))
        assert len(point["comparison"]["tasks"]) == TASKS
        variants = {state.get("variant") for state in point["comparison"]["states"]}
        assert variants == ({None} if shift is None else {f"{shift}:even", f"{shift}:odd"})
    # 14 episodes in all that only A solves: p = 2 / 2^14
    total = found["all"]
    assert [total[cell] for cell in ("episodes", "both", "only_a", "only_b", "neither")] == [72, 25, 14, 0, 33]
    assert total["p_value"] == 2 / 2**14
    assert total["difference"] == pytest.approx(14 / 72)
    lines = [line.split() for line in done.stdout.splitlines()]
    # 6 of 24 more with A, p = 2 / 2^6; p of all is 2 / 2^14
    assert next(line for line in lines if line[1:2] == ["light:1"])[3:8:2] == ["6", "0", "+25.0%"]
    assert next(line for line in lines if line[1:2] == ["light:1"])[-2] == "0.0312"
    assert next(line for line in lines if line[1:2] == ["all"])[3:14:2][:2] == ["14", "0"]
    assert next(line for line in lines if line[1:2] == ["all"])[-2] == "0.000122"
    assert max(len(line) for line in done.stdout.splitlines() if line[:1] in ("\u2502", "\u2503")) <= 80
    # the other way round, and with the points in another order
    tree = read(swept / "worse/sweep.json")
    tree["points"].reverse()
    (swept / "worse/turned.json").write_text(json.dumps(tree))
    done = quick_command("vla-eval", "worse/turned.json", "--compare", "better/sweep.json")
    assert done.returncode == 0, done.stderr
    turned = read(swept / "worse/sweep_comparison.json")
    assert [turned["all"][cell] for cell in ("both", "only_a", "only_b", "neither")] == [25, 0, 14, 33]
    assert [point["name"] for point in turned["points"]] == ["noise:2", "light:1", "null"]


def test_the_whole_is_what_scipy_says_of_it(quick_command: Command, swept: Path) -> None:
    from scipy.stats import binomtest

    tree = read(swept / "worse/sweep.json")
    # two episodes that only the worse one solves
    for state in tree["points"][0]["evaluation"]["states"][-2:]:
        assert not state["success"]
        state["success"] = True
    better = read(swept / "better/sweep.json")["points"][0]["evaluation"]["states"]
    only_b = sum(not state["success"] for state in better[-2:])
    (swept / "worse/changed.json").write_text(json.dumps(tree))
    done = quick_command("vla-eval", "better/sweep.json", "--compare", "worse/changed.json")
    assert done.returncode == 0, done.stderr
    total = read(swept / "better/sweep_comparison.json")["all"]
    assert (total["only_a"], total["only_b"]) == (14 - (2 - only_b), only_b)
    expected = binomtest(total["only_b"], total["only_a"] + total["only_b"], 0.5).pvalue
    assert total["p_value"] == pytest.approx(expected, rel=1e-9)


def test_other_points_and_episodes_are_refused(quick_command: Command, recipe: str, swept: Path) -> None:
    def message(*arguments: str) -> str:
        return refused(quick_command("vla-eval", *arguments))

    def changed(change: Callable[[dict[str, Any]], None]) -> str:
        tree = read(swept / "worse/sweep.json")
        change(tree)
        (swept / "changed.json").write_text(json.dumps(tree))
        return message("better/sweep.json", "--compare", "changed.json")

    text = changed(lambda tree: tree["points"].pop())
    assert text.startswith('ComparisonError: not the same values: {"env.shift": "noise:2"} is of better/sweep.json and')
    first = "1 of the 24 of better/sweep.json at light:1 are not among the 24 of changed.json at light:1, e.g. task "
    text = changed(lambda tree: tree["points"][1]["evaluation"]["states"][4].update(variant="light:9"))
    assert f"{first}1, init state 1, seed 4, variant light:1:odd" in text
    text = changed(lambda tree: tree["points"][1]["evaluation"]["states"][4].update(init_state_id=7))
    assert f"{first}1, init state 1, seed 4" in text
    text = changed(lambda tree: tree["points"][1]["evaluation"]["states"][4].update(success=None))
    assert text.startswith("ComparisonError: changed.json at light:1: the environment does not report success")
    text = changed(lambda tree: tree["points"][1]["evaluation"].update(env_id="Other-v0"))
    assert "env.id is toy/VariantVector-v0 for better/sweep.json and Other-v0 for changed.json" in text
    # what configs show is refused before anything is run
    text = message(recipe, *SWEEP, "--compare", "worse/sweep.json", "eval.episodes=5")
    assert text.startswith(f"ComparisonError: not the same episodes: eval.episodes is 5 for {recipe} and 24 for worse")
    text = message(recipe, "--sweep", "env.shift=null", "--compare", "worse/sweep.json")
    assert text.startswith('ComparisonError: not the same values: {"env.shift": "light:1"} is of worse/sweep.json')
    assert not (swept / "logs").exists()
    assert message("better/sweep.json", "--compare", recipe).startswith("ConfigError: --sweep is missing: ")
    text = message("better/sweep.json", "--compare", "worse/sweep.json", *SWEEP)
    assert text.startswith("ConfigError: env.shift=null,light:1,noise:2 is not read: both are results already")
    assert message("better/sweep.json", *SWEEP).startswith("ConfigError: better/sweep.json is a result already")
    (swept / "eval.json").write_text("{}")
    assert message("better/sweep.json", "--compare", "eval.json").startswith(
        "ComparisonError: eval.json is not a sweep"
    )


def test_other_asset_sets_are_noted(quick_command: Command, recipe: str, swept: Path) -> None:
    done = quick_command("vla-eval", recipe, *SWEEP, "output_dir=other", "env.quality=fast")
    assert done.returncode == 0, done.stderr
    done = quick_command("vla-eval", "worse/sweep.json", "--compare", "other/sweep.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("note: not equal: asset set: cubes-reference and cubes-fast") == 1


def test_what_is_no_result_is_swept_once(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    for name, skill in (("first", 5), ("second", 3)):
        overrides = [f"output_dir={name}", f"policy.kwargs.skill={skill}"]
        assert quick_command("vla-train", recipe, *overrides).returncode == 0
    made = variant_toy.WaveringPolicy.made
    done = quick_command("vla-eval", "first", *SWEEP, "--compare", "second")
    assert done.returncode == 0, done.stderr
    assert variant_toy.WaveringPolicy.made == made + 2
    found = read(tmp_path / "first/sweep_comparison.json")
    assert [found["all"][cell] for cell in ("both", "only_a", "only_b", "neither")] == [25, 14, 0, 33]
    assert (tmp_path / "first/sweep.json").exists()
    assert not (tmp_path / "second/sweep.json").exists()  # it may be another user's
    assert len(list((tmp_path / "first").glob("compared_*/sweep.json"))) == 1
    done = quick_command("vla-eval", "first", *SWEEP, "--compare", "second")
    assert done.returncode == 0, done.stderr
    assert variant_toy.WaveringPolicy.made == made + 2
    # what its own folder has is read from there
    for path in (tmp_path / "first").glob("compared_*/*"):
        path.unlink()
    assert quick_command("vla-eval", "second", *SWEEP).returncode == 0
    assert quick_command("vla-eval", "first", *SWEEP, "--compare", "second").returncode == 0
    assert variant_toy.WaveringPolicy.made == made + 3
    # a recipe against a file, the overrides holding for the recipe
    overrides = ["output_dir=out", "policy.kwargs.skill=4"]
    done = quick_command("vla-eval", recipe, *SWEEP, "--compare", "second/sweep.json", *overrides)
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out/sweep_comparison.json")["all"]["only_b"] == 0
