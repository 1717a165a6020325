"""`libero-gym shifts`: its table, its sheets, and what the expert solves."""

from __future__ import annotations

import json

import pytest
from PIL import Image


def test_it_lists_axes_and_swaps(run):
    done = run("shifts")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ("camera", "1-5", "task_swap", "30 degrees", 'shift="camera:2"'))
    listed = json.loads(run("shifts", "--json").stdout)
    assert len(listed) == 11


def test_it_shows_variants(run, tmp_path):
    out = tmp_path / "sheet.png"
    arguments = ["--suite", "spatial", "--task", "0", "--axis", "camera", "--axis", "task_swap", "--level", "1"]
    done = run("shifts", "show", *arguments, "--variants", "2", "--size", "32", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "4 variants" in done.stdout
    # two columns of 32 pixels, with margins of 6
    assert Image.open(out).width == 2 * 32 + 3 * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "--out", "a.png"], "--suite is missing"),
        (["show", "--suite", "spatial", "--out", "a.gif"], "--out a.gif ends in '.gif'"),
        (["show", "--suite", "spatial", "--axis", "lyout", "--out", "a.png"], "did you mean 'layout'?"),
        (["check", "--suite", "spatial", "--level", "6"], "--level"),
        (["--json", "check", "--suite", "spatial"], "--json before 'check' has no effect"),
        (["check", "--suite", "10", "--task", "8", "--axis", "position_swap"], "no two of its objects"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, arguments, message):
    done = run("shifts", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_expert_solves_variants(run):
    arguments = ["--suite", "spatial", "--task", "0", "--axis", "robot", "--axis", "layout", "--level", "5"]
    done = run("shifts", "check", *arguments, "--variants", "1", "--json")
    rows = json.loads(done.stdout)
    assert [row["shift"] for row in rows] == ["robot:5", "layout:5"]
    assert [(row["solved"], row["tried"]) for row in rows] == [(1, 1), (1, 1)]
    assert done.returncode == 0
