"""The table of axes: complete, and the docs have it."""

from __future__ import annotations

from pathlib import Path

from libero_gym.shifts.catalog import CATALOG
from libero_gym.shifts.request import AXES, SWAPS, parse_shift

REPOSITORY = Path(__file__).resolve().parents[3]


def test_it_has_every_axis_and_swap_in_their_order():
    assert [axis.name for axis in CATALOG] == [*AXES, *SWAPS]
    for axis in CATALOG:
        parse_shift(f"{axis.name}:{axis.levels}", "here")


def test_the_docs_have_the_table():
    text = (REPOSITORY / "docs/shifts.md").read_text()
    for axis in CATALOG:
        assert f"| `{axis.name}` | {axis.changes} | {axis.most} |" in text
