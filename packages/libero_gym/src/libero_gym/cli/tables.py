"""Tables that fit the terminal; where the output is none, no line is broken, so that a search finds whole names."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Collection, Sequence

import click
from tabulate import tabulate

GAP = 2
"""Spaces between columns."""

COMFORTABLE = 20
"""Characters of a line of a wrapped cell below which the headers of the other columns are broken too."""

NARROWEST = 10
"""Characters of a line of a wrapped cell, in the narrowest terminal too."""


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = (), wrapped: int = 1
) -> None:
    """Print rows below bold headers.

    Args:
        headers: a word or more for each column.
        rows: their cells.
        right: indices of the columns whose cells end at the right.
        wrapped: how many columns, the last ones, share what the others leave of a terminal's width.
    """
    text = tabulate(
        [[click.style(header, bold=True) for header in headers], *rows],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["right" if column in right else "left" for column in range(len(headers))],
        maxcolwidths=_limits(headers, rows, wrapped),
    )
    click.echo(text)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print a value, of a line or more, beside each bold name."""
    indent = max(len(name) for name, _ in facts) + GAP
    for name, value in facts:
        click.echo(click.style(f"{name:{indent}}", bold=True) + hanging(value, indent))


def hanging(text: str, indent: int) -> str:
    """Return a text that begins in column `indent`, broken to the terminal's width; all its lines begin there."""
    lines = text.splitlines() or [""]
    if (columns := _columns()) is not None:
        width = max(NARROWEST, columns - indent)
        lines = [part for line in lines for part in textwrap.wrap(line, width, break_on_hyphens=False)]
    return f"\n{' ' * indent}".join(lines)


def grouped(categories: dict[str, str]) -> str:
    """Return instances, a line for each category."""
    lines: dict[str, list[str]] = {}
    for instance, category in categories.items():
        lines.setdefault(category, []).append(instance)
    return "\n".join(", ".join(instances) for instances in lines.values())


def _limits(headers: Sequence[str], rows: Sequence[Sequence[str]], wrapped: int) -> list[int | None]:
    """Return the greatest width of each column; None for all where nothing has to be broken."""
    columns, count = _columns(), len(headers)
    bodies = [max((len(line) for row in rows for line in row[index].splitlines()), default=0) for index in range(count)]
    widths = [max(len(header), body) for header, body in zip(headers, bodies, strict=True)]
    gaps = GAP * (count - 1)
    if columns is None or wrapped == 0 or sum(widths) + gaps <= columns:
        return [None] * count
    fixed = widths[: count - wrapped]
    if columns - sum(fixed) - gaps < COMFORTABLE * wrapped:
        # break headers between words
        fixed = [max(body, *map(len, header.split())) for header, body in zip(headers, bodies, strict=True)]
        fixed = fixed[: count - wrapped]
    share = max(NARROWEST, (columns - sum(fixed) - gaps) // wrapped)
    return [*fixed, *[share] * wrapped]


def _columns() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
