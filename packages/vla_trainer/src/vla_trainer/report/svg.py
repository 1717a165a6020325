"""Matplotlib's SVG as a part of a page: colors that follow the page's scheme, classes, nothing that is not needed."""

import re
from collections.abc import Mapping
from html import escape

TEXT, GRID = "#010101", "#020202"
"""Colors that stand for the page's own."""
RUNS = 8
"""Different colors of runs; the ninth has the first's again, and other dashes."""


def run_color(number: int) -> str:
    """Return the color that stands for that of a run."""
    return f"#f0000{number % RUNS}"


_COLORS = {TEXT: "currentColor", GRID: "var(--grid)"} | {run_color(n): f"var(--run-{n})" for n in range(RUNS)}


def embedded(svg: str, description: str, classes: Mapping[str, str]) -> str:
    """Return a chart as an element of a page.

    Args:
        svg: a file as Matplotlib writes it with `svg.fonttype` none.
        description: what a screen reader says in its place.
        classes: by id of a group in the file, the classes that it gets; an id may stand there more than once.
    """
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    for placeholder, color in _COLORS.items():
        text = text.replace(placeholder, color)
    # the page's font
    text = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font-size: \1", text)
    text = re.sub(r"; font-family: [^;\"]+", "", text)
    text = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", text)
    for name, names in classes.items():
        text = text.replace(f'id="{name}"', f'class="{names}"')
    # ids of groups are the same in every chart of a page
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    head = re.search(r'viewBox="[^"]*"', text)
    assert head is not None
    body = text[text.index(">") + 1 :].replace("xlink:href", "href")
    body = re.sub(r"\n\s*", "\n", body)
    return f'<svg {head[0]} role="img" aria-label="{escape(description)}">{body}'
