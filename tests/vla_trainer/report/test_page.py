"""The page holds the numbers of metrics.jsonl, needs nothing else, and stays under its limit."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import ablation_cases
import pytest
import report_cases

from vla_trainer.ablation.result import ablation_result
from vla_trainer.errors import ReportError
from vla_trainer.evaluation.sweep.result import PointResult, sweep_result
from vla_trainer.report.folders import read_folders
from vla_trainer.report.page import render

pytest.importorskip("jinja2", reason='pip install "vla-trainer[report]"')
pytest.importorskip("matplotlib", reason='pip install "vla-trainer[report]"')


class Structure(HTMLParser):
    """The elements of a page in order, with attributes and text."""

    VOID = ("meta", "link", "br", "input", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs, of which the first has videos, a guard's sign and a name to be escaped; an ablation; a sweep."""
    root = tmp_path_factory.mktemp("report")
    rates = [0.25, 0.5, 0.1 + 0.2, 0.75, 0.75, 1.0]
    rows = [report_cases.metrics(number, rate) for number, rate in enumerate(rates, 1)]
    rows[1] |= {"actor/clip_fraction": 0.9, "trainer/collapse_signs": 1.0}
    first = report_cases.write_run(root / "<b>&", rows=rows, overrides=["trainer.seed=1"])
    report_cases.write_video(first, "beside/task00_state00.mp4", 3000)
    report_cases.write_video(first, "eval/best_task00_state00_success.mp4", 30_000)
    second = report_cases.write_run(root / "second", overrides=["trainer.seed=2", "actor.lr=0.5"])
    plan = ablation_cases.plan(root, "actor.lr=0.5")
    records = {planned.folder: ablation_cases.record([0.5] * 6) for planned in plan.runs}
    ablation = root / "ablation"
    ablation.mkdir()
    ablation_result(plan, records, {}, versions=["v 1"]).write(ablation / "ablation.json")
    swept = root / "swept"
    swept.mkdir()
    evaluation = ablation_cases.evaluation([True, True, True, False], seed=0)
    points = [PointResult(str(size), {"env.size": size}, evaluation) for size in (1, 2)]
    about = {"recipe": "toy", "policy": "p:q", "weights": "best", "versions": "v 1", "identity": {}}
    sweep_result(points, **about).write(swept / "sweep.json")
    return [first, second, ablation, swept]


@pytest.fixture(scope="module")
def page(folders: list[Path]) -> str:
    return render(read_folders(folders), title=None, max_mb=15)[0]


@pytest.fixture(scope="module")
def structure(page: str) -> Structure:
    return Structure(page)


def test_embedded_numbers_are_those_of_metrics_jsonl(folders: list[Path], structure: Structure) -> None:
    (text,) = structure.texts["script"]
    for run, folder in zip(json.loads(text)["runs"], folders, strict=False):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert run["label"] == folder.name
        assert [row["iteration"] for row in run["rows"]] == [line["iteration"] for line in lines]
        for row, line in zip(run["rows"], lines, strict=True):
            # to the last bit: 0.1 + 0.2 is among them
            assert row["metrics"] == {name: line[name] for name in row["metrics"]}
            assert {"rollout/success_rate", "rollout/reward_mean", "actor/lr"} <= row["metrics"].keys()
        # the mean of the last five, by hand
        last = [line["rollout/success_rate"] for line in lines[-5:]]
        assert run["means"]["rollout/success_rate"]["6"] == pytest.approx(sum(last) / 5)


def test_the_table_of_numbers_has_them_too(page: str) -> None:
    # iteration 6 of `second`: 24 episodes, 3 minutes, 4 of 4, whose interval is [n / (n + z^2), 1] = [51.0%, 100%]
    row = r'<th scope="row">6</th><td>24</td><td>3\.00</td><td>100\.0%</td><td>\[51\.0%, 100\.0%\]</td><td>70\.0%</td>'
    assert re.search(row, page)


def test_nothing_is_fetched_and_nothing_is_run(structure: Structure) -> None:
    policy = next(meta["content"] for meta in structure.of("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
    assert [script["type"] for script in structure.of("script")] == ["application/json"]
    for tag, attributes in structure.elements:
        for name in ("src", "href", "poster", "srcset"):
            value = attributes.get(name) or ""
            assert not value or value.startswith(("data:", "#")), (tag, value)
    assert "@import" not in structure.texts["style"][0]


def test_names_are_escaped(page: str, structure: Structure) -> None:
    assert "<b>" not in page
    assert structure.texts["h1"] == ["Report: <b>&, second, ablation, swept"]
    assert "its <walls> are soft" not in page
    assert "its &lt;walls&gt; are soft" in page


def test_headings_tables_and_charts_can_be_read_without_eyes(structure: Structure) -> None:
    levels = [int(tag[1]) for tag, _ in structure.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert len(structure.of("caption")) == len(structure.of("table")) > 5
    assert {head.get("scope") for head in structure.of("th")} == {"col", "row"}
    charts = [svg for svg in structure.of("svg") if svg.get("role") == "img"]
    # success, reward, KL, learning rate, steps per second; each over three axes
    assert len(charts) == 15
    assert all(svg["aria-label"] for svg in charts)
    assert all(svg.get("aria-hidden") == "true" for svg in structure.of("svg") if svg not in charts)
    assert all(video["aria-label"] for video in structure.of("video"))
    ids = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [str(link["href"])[1:] for link in structure.of("a")]
    targets += [str(part["aria-labelledby"]) for part in structure.of("section")]
    assert set(targets) <= set(ids)


def test_every_part_is_there(page: str, structure: Structure) -> None:
    # the guard's own words about the second iteration
    assert "actor/clip_fraction is 0.9, above 0.5" in page
    # what `second` was told beside its recipe
    assert '<th scope="row"><code>actor.lr</code></th>' in page
    assert "before at the left, after at the right" in page
    assert "actor.lr=0.5" in page
    # the sweep: 3 of 4 at both values
    row = r'<th scope="row">[12]</th><td>3/4</td><td>75\.0%</td><td>\[30\.1%, 95\.4%\]</td>'
    assert len(re.findall(row, page)) == 2


def test_videos_that_do_not_fit_are_named_and_the_limit_holds(folders: list[Path]) -> None:
    contents = read_folders(folders[:1])
    whole, left_out = render(contents, title="T", max_mb=15)
    assert left_out == 0
    # 30 kB of video are 40 kB of text: with 30 kB less than the whole, it does not fit, and the small one does
    limit = (len(whole.encode()) - 30_000) / 1e6
    page, left_out = render(contents, title="T", max_mb=limit)
    assert left_out == 1
    assert len(page.encode()) <= limit * 1e6
    assert "eval/best_task00_state00_success.mp4" in page
    assert len(Structure(page).of("video")) == 1
    with pytest.raises(ReportError, match="without videos"):
        render(contents, title="T", max_mb=0.01)


def test_text_has_enough_contrast(page: str) -> None:
    """WCAG 2.1: 4.5 for text, 3 for lines of charts; in both color schemes."""
    light, dark = re.findall(r":root \{(.*?)\}", page, flags=re.S)[:2]
    for scheme in (light, dark):
        colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", scheme))
        for name in ("text", "quiet", "link"):
            assert contrast(colors[name], colors["page"]) >= 4.5, name
            assert contrast(colors[name], colors["raised"]) >= 4.5, name
        assert contrast(colors["text"], colors["caveat"]) >= 4.5
        for number in range(8):
            assert contrast(colors[f"run-{number}"], colors["page"]) >= 3, number


def contrast(first: str, second: str) -> float:
    """(L1 + 0.05) / (L2 + 0.05) of relative luminances."""
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
