"""The site of the documentation: strict, without a network, read and searched from a disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest

REPOSITORY = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
in_a_browser = pytest.mark.skipif(chromium.executable() is None, reason="no Chromium; apt-get install chromium")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it: a dead link or anchor, or a page that no menu has, ends it with exit code 1."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    opened = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


def test_a_dead_link_ends_the_build(tmp_path: Path) -> None:
    """In a copy of the two folders that a page and its menu need."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Home\n\n[nowhere](no_such_page.md)\n")
    (tmp_path / "mkdocs.yml").write_text(
        "site_name: some\nstrict: true\ntheme: {name: material, font: false}\nvalidation: {anchors: warn}\n"
    )
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no_such_page.md" in done.stderr


def test_pages_load_nothing_from_a_network_and_lists_are_lists(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        html = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=[\"']?([^\"' >]+)", html)
        loaded += re.findall(r"<link[^>]* rel=[\"']?(?:stylesheet|pre\w+)[^>]* href=[\"']?([^\"' >]+)", html)
        assert [address for address in loaded if address.startswith(("http", "//"))] == [], page.name
        # a list that begins without a blank line before it is a paragraph to Python-Markdown
        assert not re.search(r"<p>[^<]*\n- ", html), page.name


def test_a_link_to_a_name_in_a_source_leads_to_its_line(site: Path) -> None:
    html = (site / "algorithms/grpo.html").read_text()
    ((path, line),) = re.findall(r'href="\.\./(\S+algorithms/grpo\.py\.html)#L-(\d+)"><code>GRPO.batch</code>', html)
    source = (REPOSITORY / "packages/vla_trainer/src/vla_trainer/algorithms/grpo.py").read_text().splitlines()
    assert source[int(line) - 1].startswith("    def batch(")
    assert f'id="L-{line}"' in (site / path).read_text()


@in_a_browser
@pytest.mark.parametrize("page", ["index", "algorithms/ppo", "howto/own_policy", "errors", "reference/vla_trainer"])
def test_a_page_asks_no_network_and_fits_a_phone(browser: chromium.Chromium, site: Path, page: str) -> None:
    browser.open(site / f"{page}.html", 360)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
    asked = [event["request"]["url"] for event in browser.of("Network.requestWillBeSent")]
    assert asked[0].startswith("file:")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert browser.of("Runtime.exceptionThrown") == []


@in_a_browser
def test_search_finds_a_key_from_the_disk(browser: chromium.Chromium, site: Path) -> None:
    browser.open(site / "quickstart.html", 1280)
    browser.evaluate("document.querySelector('.md-search__input').focus()")
    for letter in "group_size":
        browser.press(letter, ord(letter.upper()))
    links: list[str] = []
    until = time.monotonic() + 60
    while not links and time.monotonic() < until:
        time.sleep(0.2)
        links = browser.evaluate("[...document.querySelectorAll('.md-search-result__link')].map(link => link.href)")
    assert any("algorithms/grpo.html" in link for link in links), links
