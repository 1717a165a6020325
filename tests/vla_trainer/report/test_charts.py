"""Charts show the numbers that they are given, in colors of the page."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import report_cases

from vla_trainer.report.charts import chart
from vla_trainer.report.curves import series_of

pytest.importorskip("matplotlib", reason='pip install "vla-trainer[report]"')
SUCCESS = "rollout/success_rate"
RATES = [0.25, 0.5, 0.5, 0.75, 0.75, 1.0]


def places(svg: str, names: str) -> list[list[tuple[float, float]]]:
    """The points of the paths of groups with these classes."""
    found = re.findall(rf'<g class="{names}">\s*<path d="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)] for path in found]


def test_lines_are_where_the_numbers_are(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run"))
    svg = chart(SUCCESS, "episodes", series_of([run], SUCCESS))
    values, means = places(svg, "run-0")
    assert len(values) == 6
    (x0, y0), (x5, y5) = values[0], values[-1]
    for (x, y), episodes, rate in zip(values, [4, 8, 12, 16, 20, 24], RATES, strict=True):
        assert (x - x0) / (x5 - x0) == pytest.approx((episodes - 4) / 20, abs=1e-4)
        assert (y - y0) / (y5 - y0) == pytest.approx((rate - 0.25) / 0.75, abs=1e-4)
    # means over 5: 0.55 after 20 episodes, 0.7 after 24
    assert [x for x, _ in means] == pytest.approx([values[4][0], values[5][0]], abs=1e-3)
    assert [(y - y0) / (y5 - y0) for _, y in means] == pytest.approx([0.3 / 0.75, 0.45 / 0.75], abs=1e-4)
    assert 'class="run-0 interval"' in svg


def test_a_chart_is_an_element_that_says_what_it_shows(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / 'a "quoted" <run>'))
    svg = chart(SUCCESS, "iterations", series_of([run], SUCCESS))
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert 'a "quoted" <run>: 25.0% at first, 100.0% at the end, 70.0% on average' in root.attrib["aria-label"]
    assert "currentColor" in svg
    assert "var(--run-0)" in svg
    # all stand-ins are replaced, and what is left of colors is none
    assert set(re.findall(r"#[0-9a-f]{6}", svg)) == set()
    ids = re.findall(r' id="([^"]*)"', svg)
    assert set(ids) == set(re.findall(r'#([\w-]+)[")]', svg))


def test_two_charts_have_no_id_in_common(tmp_path: Path) -> None:
    run = report_cases.read_run(report_cases.write_run(tmp_path / "run"))
    first, second = (
        set(re.findall(r' id="([^"]*)"', chart(SUCCESS, axis, series_of([run], SUCCESS))))
        for axis in ("episodes", "minutes")
    )
    assert first
    assert not first & second
