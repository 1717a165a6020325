"""From records to ablation.json, the table and the plot."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ablation_cases import evaluation, plan, record
from PIL import Image
from rich.console import Console
from scipy import stats

from vla_trainer.ablation.plan import AblationPlan
from vla_trainer.ablation.plot import mean_curve, plot_ablation
from vla_trainer.ablation.result import AblationResult, ablation_result
from vla_trainer.ablation.runs import Record
from vla_trainer.ablation.table import markdown, print_ablation
from vla_trainer.errors import ComparisonError, MissingExtraError

GOOD, BAD = [0.1, 0.5, 0.8, 0.9, 0.9, 0.9, 0.9], [0.1] * 7


def seen(successes: int, seed: int) -> Any:
    """Of 10 episodes the first `successes` succeed."""
    return evaluation([number < successes for number in range(10)], seed)


@pytest.fixture
def three(tmp_path: Path) -> tuple[AblationPlan, dict[Path, Record], AblationResult]:
    """Of three points one is better by 2 and 3 of 10 episodes, and one has failed under one seed of two."""
    planned = plan(tmp_path, "actor.lr=1e-3,1e-2")
    records = {
        run.folder: record(rates, seen(count, run.seed))
        # base, 1e-3, 1e-2 under seed 0; base, 1e-3 under seed 1
        for run, rates, count in zip(planned.runs[:5], [BAD, GOOD, BAD, BAD, GOOD], [4, 6, 3, 5, 8], strict=True)
    }
    errors = {planned.runs[5].folder: "exit code 1: TrainingDivergedError: loss | is not finite"}
    return planned, records, ablation_result(planned, records, errors, versions=["v 1"])


def test_numbers_of_points(three: tuple[AblationPlan, dict[Path, Record], AblationResult], tmp_path: Path) -> None:
    planned, records, result = three
    assert (result.metric, result.curve, result.threshold) == ("eval/success_rate", "rollout/success_rate", 0.8)
    base, better, failed = result.points
    assert (base.mean, base.difference) == (pytest.approx(0.45), None)
    assert better.mean == pytest.approx(0.7)
    assert better.difference is not None
    assert better.difference.mean == pytest.approx(0.25)
    expected = stats.ttest_rel([0.6, 0.8], [0.4, 0.5]).confidence_interval(0.95)
    assert better.difference.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    pairs = better.difference.episodes
    assert pairs is not None
    # 4 + 5 with both, 2 + 3 with the point alone, 4 + 2 with neither
    assert (pairs.both, pairs.only_a, pairs.only_b, pairs.neither) == (9, 5, 0, 6)
    assert pairs.p_value == 2 / 2**5
    # means of five: 0.64, 0.8 at iteration 6
    assert [run.threshold.iterations for run in better.runs if run.threshold is not None] == [6, 6]
    assert [run.threshold for run in base.runs] == [None, None]
    assert (base.runs[0].total.iterations, base.runs[0].total.episodes) == (7, 70)  # type: ignore[union-attr]
    # one seed in common: a difference, and no interval over seeds
    assert failed.difference is not None
    assert (failed.difference.mean, failed.difference.seeds) == (pytest.approx(-0.1), 1)
    assert failed.difference.interval is None
    assert [run.state for run in failed.runs] == ["ended", "failed"]
    assert (result.ended, result.failed) == (5, 1)
    result.write(tmp_path / "ablation.json")
    assert AblationResult.read(tmp_path / "ablation.json") == result
    (tmp_path / "ablation.json").write_text("{}")
    with pytest.raises(ComparisonError, match=r"is not an ablation\.json"):
        AblationResult.read(tmp_path / "ablation.json")
    nothing = ablation_result(planned, {}, {}, versions=["v 1", "v 2"])
    assert [run.state for point in nothing.points for run in point.runs] == ["waiting"] * 6
    assert ablation_result(planned, records, {}, versions=[], metric="actor/kl").notices == ["no run has actor/kl"]
    assert nothing.notices == ["several versions had a part: v 1; v 2"]
    assert ablation_result(planned, records, {}, versions=[], metric="rollout/reward_mean").points[
        0
    ].mean == pytest.approx(0.2)


def test_a_run_without_its_evaluation_has_no_pairs(tmp_path: Path) -> None:
    planned = plan(tmp_path, "actor.lr=1e-3", seeds=1)
    records = {run.folder: record(BAD, seen(4, 0)) for run in planned.runs}
    without = records[planned.runs[0].folder]
    records[planned.runs[0].folder] = Record(without.rows, None, ["no pairs of episodes: it is gone"])
    result = ablation_result(planned, records, {}, versions=[])
    assert result.points[1].difference is not None
    assert result.points[1].difference.episodes is None
    assert result.notices == ["no pairs of episodes: it is gone"]
    output = io.StringIO()
    print_ablation(result, Console(file=output, width=80))
    assert "95% seeds" in output.getvalue()
    assert "episodes:" not in output.getvalue().replace("no pairs of episodes:", "")
    assert "95% episodes" not in output.getvalue()


def test_the_markdown_has_a_row_for_every_point(three: tuple[AblationPlan, Any, AblationResult]) -> None:
    lines = markdown(three[2]).splitlines()
    table = [[cell.strip() for cell in line.split(" | ")] for line in lines if line.startswith("|")]
    head, _, base, better, failed = table
    assert {len(cells) for cells in table} == {len(head)}
    assert head[:3] == ["| point", "eval/success_rate", "by seed"]
    assert head[7:11] == [f"{what} to 80.0%" for what in ("iterations", "episodes", "env steps", "minutes")]
    assert base[:4] == ["| base", "45.0%", "40.0%, 50.0%", "-"]
    assert better[:4] == ["| actor.lr=1e-3", "70.0%", "60.0%, 80.0%", "+25.0%"]
    # d = 0.2, 0.3: s / sqrt n = 0.05, t = 12.7062
    assert better[4] == "-38.5%, +88.5%"
    assert better[6:] == ["0.0625", "6", "60", "600", "3.0", "7", "70", "700", "3.5", "|"]
    assert failed[:4] == ["| actor.lr=1e-2", "30.0%", "30.0%, failed", "-10.0%"]
    assert failed[-1] == "1 failed |"
    # what failed is told as the process said it
    assert (
        "- actor.lr=1e-2, seed 1, `actor.lr_0.01/seed_1`: exit code 1: TrainingDivergedError: loss \\| is not finite"
        in (lines)
    )


@pytest.mark.parametrize("width", [80, 200])
def test_what_is_printed_fits_the_terminal(three: tuple[AblationPlan, Any, AblationResult], width: int) -> None:
    output = io.StringIO()
    print_ablation(three[2], Console(file=output, width=width))
    text = output.getvalue()
    table = [line for line in text.splitlines() if line[:1] in "│┃┏└├┡"]
    assert len(table) > 6
    assert max(map(len, table)) <= width
    assert "…" not in text
    (better,) = (line for line in table if "60 / 70" in line)
    assert [cell.strip() for cell in better.strip("│").split("│")] == [
        *("actor.lr=1e-3", "6 / 7", "60 / 70", "600 / 700", "3.0 / 3.5")
    ]
    assert "failed: actor.lr=1e-2, seed 1: exit code 1: TrainingDivergedError: loss | is not finite" in text


def test_curves_of_seeds_are_averaged_where_all_are_known() -> None:
    along, middle, low, high = mean_curve([([0, 10], [0.0, 1.0]), ([5, 20], [0.2, 0.8])])
    assert (along[0], along[-1]) == (5, 10)
    # 0.5 and 0.2 at 5; 1 and 0.2 + 0.6 / 3 = 0.4 at 10
    assert (middle[0], middle[-1]) == (pytest.approx(0.35), pytest.approx(0.7))
    assert (low[0], high[-1]) == (pytest.approx(0.2), pytest.approx(1.0))
    along, middle, *_ = mean_curve([([1, 2, 4], [0.0, 1.0, 3.0])])
    assert list(along) == [1, 2, 4]
    assert np.array_equal(middle, [0.0, 1.0, 3.0])


@pytest.mark.parametrize("grid", [False, True])
def test_a_plot_has_a_panel_for_each_key_and_one_for_the_differences(tmp_path: Path, grid: bool) -> None:
    planned = plan(tmp_path, "actor.lr=1e-3,1e-2", "algorithm.epochs=1", grid=grid)
    places = {run.folder: f"{run.point.slug}/{run.folder.name}" for run in planned.runs}
    records = {
        run.folder: record([rate + number / 50 for rate in GOOD], seen(number, run.seed))
        for number, run in enumerate(planned.runs[:-1])
    }
    result = ablation_result(planned, records, {planned.runs[-1].folder: "exit code 1"}, versions=[])
    file = tmp_path / "ablation.png"
    plot_ablation(result, {places[folder]: found for folder, found in records.items()}, file)
    with Image.open(file) as image:
        # 4.6 inches a panel at 120 dots an inch
        assert image.width == 552 * (2 if grid else 3)
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ablation.png", "toy.yaml"]


def test_a_plot_of_runs_that_are_too_short_and_one_without_matplotlib(
    three: tuple[AblationPlan, dict[Path, Record], AblationResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned, _, result = three
    short = {f"{run.point.slug}/{run.folder.name}": record([0.5, 0.5]) for run in planned.runs}
    plot_ablation(result, short, tmp_path / "short.png")
    assert (tmp_path / "short.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no run is at its end"):
        plot_ablation(result, {}, tmp_path / "none.png")
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r'pip install "vla-trainer\[plot\]"'):
        plot_ablation(result, short, tmp_path / "none.png")
