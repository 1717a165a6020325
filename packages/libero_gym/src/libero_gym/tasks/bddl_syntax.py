"""The syntax of BDDL: words and parentheses, each with its place in the text.

    text --TOKENS--> words, ( and ) --read_expression--> one Group, which holds Words and Groups

Comments reach from a semicolon to the end of the line. Nesting is read without recursion, so that a text of a million
parentheses is an error like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from libero_gym.errors import BddlError, shown

_TOKENS = re.compile(r";[^\n]*|[()]|[^\s();]+")
#: Groups within groups; LIBERO's files have five.
MAX_DEPTH = 50


@dataclass(frozen=True)
class Word:
    """A word, with the line and the column of its first character, from 1."""

    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Group:
    """What stands between two parentheses, with the place of the opening one."""

    items: tuple[Word | Group, ...]
    line: int
    column: int

    @property
    def head(self) -> str:
        """The first word; empty where there is none."""
        return self.items[0].text if self.items and isinstance(self.items[0], Word) else ""

    @property
    def rest(self) -> tuple[Word | Group, ...]:
        """All but the first item."""
        return self.items[1:]


Item = Word | Group


def read_expression(text: str, file: str) -> Group:
    """Read the one group that a text is.

    Args:
        text: the text.
        file: its name, for errors.

    Raises:
        BddlError: it is not one group, or a parenthesis has no partner.
    """
    # The groups that are open: the place of the parenthesis, and what they hold.
    opened: list[tuple[int, int, list[Item]]] = []
    whole: Group | None = None
    for kind, line, column in _tokens(text):
        if whole is not None:
            raise BddlError.at(file, line, column, f"{shown(kind)} after the end of (define ...)")
        if kind == "(":
            if len(opened) >= MAX_DEPTH:
                raise BddlError.at(file, line, column, f"more than {MAX_DEPTH} parentheses within each other")
            opened.append((line, column, []))
        elif not opened:
            raise BddlError.at(file, line, column, f"{shown(kind)} where (define ...) is expected to begin")
        elif kind == ")":
            first_line, first_column, items = opened.pop()
            group = Group(tuple(items), first_line, first_column)
            if opened:
                opened[-1][2].append(group)
            else:
                whole = group
        else:
            opened[-1][2].append(Word(kind, line, column))
    if opened:
        line, column, _ = opened[-1]
        raise BddlError.at(file, line, column, "this parenthesis is not closed")
    if whole is None:
        raise BddlError.at(file, 1, 1, "the text is empty; expected (define ...)")
    return whole


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield words and parentheses with their lines and columns."""
    for number, line in enumerate(text.split("\n"), start=1):
        for match in _TOKENS.finditer(line):
            if not match.group().startswith(";"):
                yield match.group(), number, match.start() + 1
