"""Two policies on the same episodes: the table, the test and the interval against independent sources."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import known_toy
import pytest

from vla_trainer.evaluation.comparison import mcnemar_exact, newcombe_paired_interval

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("recipe") / "known.yaml"
    path.write_text(known_toy.RECIPE)
    return str(path)


@pytest.mark.parametrize("only", [(0, 0), (1, 0), (0, 5), (12, 2), (2, 12), (7, 7), (30, 31), (200, 260), (0, 500)])
def test_mcnemar_is_the_binomial_test(only: tuple[int, int]) -> None:
    from scipy.stats import binomtest

    expected = binomtest(only[0], sum(only), 0.5).pvalue if sum(only) else 1.0
    assert mcnemar_exact(*only) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_by_hand() -> None:
    # 12 against 2: 2 (C(14,0) + C(14,1) + C(14,2)) / 2^14 = 2 (1 + 14 + 91) / 16384
    assert mcnemar_exact(12, 2) == 212 / 16384


def test_the_paired_interval_by_hand() -> None:
    # both 36, only A 12, only B 2, neither 0 of 50. pA = .96, pB = .76; Wilson: (.86544, .98896), (.62586, .85703).
    # The margin of A's failures is 2, covariance 36 x 0 - 12 x 2 = -24 is negative and not corrected:
    # phi = -24 / sqrt(48 x 2 x 38 x 12) = -.11471
    # below: sqrt(.09456^2 + 2 x .11471 x .09456 x .09703 + .09703^2) = .14304 -> .2 - .1430 = .0570
    # above: sqrt(.02896^2 + 2 x .11471 x .02896 x .13414 + .13414^2) = .14041 -> .2 + .1404 = .3404
    low, high = newcombe_paired_interval(36, 12, 2, 0)
    assert low == pytest.approx(0.0569, abs=1e-4)
    assert high == pytest.approx(0.3404, abs=1e-4)


def test_the_paired_interval_at_the_ends() -> None:
    low, high = newcombe_paired_interval(0, 0, 0, 10)
    # both rates 0 of 10: phi = 0; down = 0, up = z^2 / (n + z^2) = 3.8415 / 13.8415 = .27753
    assert (low, high) == (pytest.approx(-0.27753, abs=1e-4), pytest.approx(0.27753, abs=1e-4))
    assert newcombe_paired_interval(0, 0, 0, 0) == (-1, 1)
    low, high = newcombe_paired_interval(5, 9, 3, 8)
    mirrored = newcombe_paired_interval(5, 3, 9, 8)
    assert mirrored == (pytest.approx(-high), pytest.approx(-low))


def test_the_paired_interval_covers_the_difference() -> None:
    # 2000 draws of 60 pairs with P = (both .5, only A .2, only B .1, neither .2): the difference is .1
    import numpy as np

    draws = np.random.default_rng(0).multinomial(60, [0.5, 0.2, 0.1, 0.2], size=2000)
    ends = [newcombe_paired_interval(*map(int, draw)) for draw in draws]
    assert 0.93 < np.mean([low <= 0.1 <= high for low, high in ends]) < 0.98


def test_two_policies_on_all_states(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    better = tmp_path / "better.yaml"
    better.write_text(known_toy.RECIPE.replace("skill: 0", "skill: 2"))
    done = quick_command("vla-eval", str(better), "--compare", recipe, "output_dir=out")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out/comparison.json").read_text())
    every = found["all"]
    # two more states of each task are solved by the better one, none by the other alone
    assert [every[cell] for cell in ("both", "only_a", "only_b", "neither")] == [225, 20, 0, 255]
    assert every["difference"] == pytest.approx(0.04)
    assert every["p_value"] == 2 / 2**20
    assert [task["only_a"] for task in found["tasks"]] == [2] * 10
    assert "p = 1.91e-06" in done.stdout
    assert "A - B: +4.0%" in done.stdout
    # against what was written, and the other way round; nothing is run
    done = quick_command("vla-eval", recipe, "output_dir=other")
    assert done.returncode == 0, done.stderr
    done = quick_command("vla-eval", "other/eval.json", "--compare", "out/eval.json")
    assert done.returncode == 0, done.stderr
    turned = json.loads((tmp_path / "other/comparison.json").read_text())
    assert [turned["all"][cell] for cell in ("both", "only_a", "only_b", "neither")] == [225, 0, 20, 255]


def test_other_episodes_are_an_error(quick_command: Command, recipe: str, tmp_path: Path) -> None:
    assert quick_command("vla-eval", recipe, "output_dir=some", "eval.episodes=20").returncode == 0
    assert quick_command("vla-eval", recipe, "output_dir=more", "eval.episodes=30").returncode == 0

    def refused(*arguments: str) -> str:
        done = quick_command("vla-eval", *arguments)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        return done.stderr

    message = "ComparisonError: not the same episodes: eval.episodes is"
    assert refused("some/eval.json", "--compare", "more/eval.json").startswith(message)
    assert refused(recipe, "--compare", "some/eval.json").startswith(message)
    assert refused("nothing.json", "--compare", "some/eval.json").startswith("ComparisonError: nothing.json is not an")
    assert refused("some/eval.json").startswith("ConfigError: some/eval.json is a result already")
    assert refused("some/eval.json", "a=1", "--compare", "some/eval.json").startswith("ConfigError: a=1 is not read")

    def change(**changes: Any) -> None:
        tree = json.loads((tmp_path / "some/eval.json").read_text())
        tree["states"][7].update(changes)
        (tmp_path / "changed.json").write_text(json.dumps(tree))

    for changes in ({"seed": 99}, {"init_state_id": 49}, {"task_id": 3}):
        change(**changes)
        message = refused("some/eval.json", "--compare", "changed.json")
        assert (
            "1 of the 20 of some/eval.json are not among the 20 of changed.json, e.g. task 7, init state 0" in message
        )
    change(success=None)
    assert "does not report success" in refused("some/eval.json", "--compare", "changed.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Invalid JSON"),
        (b'{"heading": null, "episodes": 3', "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "an object"),
        (b"{}", "Field required"),
        (b"[" * 5000, "Invalid JSON"),
    ],
)
def test_a_damaged_result_is_named(content: bytes, message: str, tmp_path: Path, quick_command: Command) -> None:
    file = tmp_path / "eval.json"
    file.write_bytes(content)
    done = quick_command("vla-eval", file, "--compare", file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"ComparisonError: {file} is not an eval.json: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("value", ['"much"', "null", "[1]"])
def test_a_result_with_a_value_of_another_type_is_named(
    value: str, recipe: str, tmp_path: Path, quick_command: Command
) -> None:
    assert quick_command("vla-eval", recipe, "output_dir=run").returncode == 0
    file = tmp_path / "run/eval.json"
    tree = json.loads(file.read_text())
    tree["reward_mean"] = json.loads(value)
    file.write_text(json.dumps(tree))
    done = quick_command("vla-eval", file, "--compare", file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"ComparisonError: {file} is not an eval.json: reward_mean: ")


def test_an_evaluation_that_cannot_be_written_is_not_begun(recipe: str, tmp_path: Path, quick_command: Command) -> None:
    (tmp_path / "file").write_text("mine")
    done = quick_command("vla-eval", recipe, "output_dir=file/run", "env.id=Nothing-v0")
    assert done.returncode == 2
    assert done.stderr.startswith("RunFolderError: file/run cannot be made: file is a file, not a folder")
    done = quick_command("vla-eval", recipe, "output_dir=run", "env.id=Nothing-v0")
    assert done.returncode == 2
    assert not (tmp_path / "run").exists()
