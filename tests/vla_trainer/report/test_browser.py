"""The page in a browser: no request, no error, no scrolling aside on a phone, all of it by keyboard."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import chromium
import pytest
import report_cases

from vla_trainer.report_command import write_report

pytest.importorskip("jinja2", reason='pip install "vla-trainer[report]"')
pytest.importorskip("matplotlib", reason='pip install "vla-trainer[report]"')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium.executable() is None, reason="no Chromium; apt-get install chromium"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    rows = [report_cases.metrics(number, 0.5, actor_undone_updates=1.0, actor_update_kl=0.5) for number in range(1, 13)]
    folders = [
        report_cases.write_run(root / "a_run_with_a_very_long_name_that_no_narrow_screen_has_room_for", rows=rows),
        report_cases.write_run(root / "b", overrides=["trainer.seed=2"]),
    ]
    report_cases.write_video(folders[0], "eval/best_task00_state00_success.mp4", 300)
    return write_report(folders, print, out=root / "report.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    opened = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [1280, 360])
def test_no_request_no_error_and_nothing_wider_than_the_screen(
    browser: chromium.Chromium, report: Path, width: int
) -> None:
    browser.open(report, width)
    assert browser.evaluate("document.querySelectorAll('.chart svg').length") > 0
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    asked = [event["request"]["url"] for event in browser.of("Network.requestWillBeSent")]
    assert asked[0].startswith("file:")
    assert [url for url in asked[1:] if not url.startswith("data:")] == []
    assert [event["entry"]["text"] for event in browser.of("Log.entryAdded")] == []
    assert browser.of("Runtime.consoleAPICalled") == browser.of("Runtime.exceptionThrown") == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, False), (1280, True)])
def test_axe_finds_nothing(browser: chromium.Chromium, report: Path, width: int, dark: bool) -> None:
    """axe-core checks names, roles, contrast and order, as a screen reader needs them."""
    browser.open(report, width, dark=dark)
    browser.evaluate((files("axe_playwright_python") / "axe.min.js").read_text() + "; 0")
    assert browser.evaluate("axe.version").startswith("4.")
    browser.evaluate("axe.run().then(result => { window.found = result })", wait=True)
    assert browser.evaluate("found.passes.length") > 10
    violations = browser.evaluate("found.violations.map(each => [each.id, each.impact, each.nodes[0].html])")
    assert violations == []


def test_tab_reaches_all_controls_and_keys_work_them(browser: chromium.Chromium, report: Path) -> None:
    browser.open(report, 1280)
    reached = []
    for _ in range(60):
        browser.press("Tab", 9)
        reached.append(browser.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if reached[-1] == "axis-episodes":
            assert shown(browser) == {"episodes"}
            browser.press("ArrowDown", 40)
            assert shown(browser) == {"iterations"}
        if reached[-1] == "show-1" and reached.count("show-1") == 1:  # not after the last element again
            browser.press(" ", 32)
            assert browser.evaluate("getComputedStyle(document.querySelector('.run-1')).display") == "none"
    # the link over all, navigation, both kinds of controls, tables to scroll, details, a video, the config
    assert reached[0] == "A"
    wanted = {"axis-episodes", "show-0", "show-1", "show-intervals", "SUMMARY", "DIV", "VIDEO"}
    assert wanted <= set(reached)


def shown(browser: chromium.Chromium) -> set[str]:
    """The axes whose charts are seen."""
    names = browser.evaluate(
        "[...document.querySelectorAll('.chart')].filter(c => c.offsetHeight > 0).map(c => c.className).join(' ')"
    )
    return {name.removeprefix("over-") for name in names.split() if name.startswith("over-")}
