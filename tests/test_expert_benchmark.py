"""What `benchmarks/expert.py` makes of episodes: rows, totals, and what is left to play."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def benchmark(import_benchmark):
    return import_benchmark("expert")


def episode(state, solved=True, steps=100, expert="a", notes=()):
    unmet = [] if solved else ["on(bowl, plate)"]
    row = {"state": state, "solved": solved, "steps": steps, "seconds": 2.0, "notes": list(notes)}
    return {**row, "unmet": unmet, "expert": expert}


def test_a_row_counts_and_averages_the_solved(benchmark):
    row = benchmark.row(
        "do it", [episode(5, False, 300, notes=["no way"]), episode(0, steps=90), episode(3, steps=110)]
    )
    assert (row["tried"], row["solved"], row["steps"], row["seconds"]) == (3, 2, 100.0, 2.0)
    assert row["failures"] == [{"state": 5, "unmet": ["on(bowl, plate)"], "notes": ["no way"]}]
    assert [each["state"] for each in row["episodes"]] == [0, 3, 5]


def test_what_is_measured_is_not_played_again(benchmark):
    episodes = [episode(0), episode(5, expert="b")]
    assert benchmark.left(episodes, [0, 5, 10]) == [10]
    later = benchmark.merged(episodes, [episode(0, False, expert="b"), episode(2)])
    assert [(each["state"], each["solved"]) for each in later] == [(0, False), (2, True), (5, True)]


def test_states_are_chosen(benchmark):
    assert benchmark.chosen_states("0:50:20", 5) == [0, 20, 40]
    assert benchmark.chosen_states("3,7", 5) == [3, 7]
    assert benchmark.chosen_states(None, 5) == [0, 10, 20, 30, 40]
    for wrong in ("50", "60:70:2", "x"):
        with pytest.raises(ValueError, match=r"50|60|x"):
            benchmark.chosen_states(wrong, 5)


def test_tables_of_two_sets(benchmark, tmp_path):
    good = benchmark.row("open it", [episode(0), episode(5)])
    bad = benchmark.row("close it", [episode(0), episode(5, False, notes=["planned anew", "out of time"])])
    figures = {"builtin-2": {"libero_90": {"10": bad, "2": good}}, "official": {"libero_90": {"2": bad}}}
    assert benchmark.totals(figures) == {"libero_90": {"builtin-2": (3, 4), "official": (1, 2)}}
    page = benchmark.markdown(figures).splitlines()
    assert page[2] == "| libero_90 | 3 of 4: 75% | 1 of 2: 50% |"
    assert page[-2:] == ["| 2 | open it | 2/2 | 1/2 | 100 |", "| 10 | close it | 1/2 |  | 100 |"]
    assert benchmark.reason(bad) == "5: on(bowl, plate); out of time"
    benchmark.write_json(tmp_path / "figures.json", figures)
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    assert len(list(tmp_path.iterdir())) == 1


def test_the_summary_makes_the_same_tables_without_episodes(benchmark):
    figures = {"builtin-2": {"libero_90": {"2": benchmark.row("open it", [episode(0), episode(5, False)])}}}
    summary = benchmark.summary(figures)
    assert "episodes" not in summary["builtin-2"]["libero_90"]["2"]
    assert "episodes" in figures["builtin-2"]["libero_90"]["2"]
    assert benchmark.markdown(summary) == benchmark.markdown(figures)
