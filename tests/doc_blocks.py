"""The code blocks of the documentation: where they stand, what they are saved as, and why one is not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAGES = sorted(
    file for pattern in ("README.md", "docs/**/*.md", "packages/*/README.md") for file in REPOSITORY.glob(pattern)
)
FENCE = re.compile(
    r"(?:^[ \t]*<!-- not run(?P<here> here)?: (?P<reason>.+?) -->\n)?"
    r"^(?P<indent>[ \t]*)```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<text>.*?)^(?P=indent)```[ \t]*$",
    re.DOTALL | re.MULTILINE,
)
RUN = ("python", "bash", "console")
"""Languages of blocks that are run, or that say why not."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    """Of its fence, from 1."""
    language: str
    title: str | None
    """The file that a reader saves it as."""
    reason: str | None
    """Why it is not run."""
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"

    def commands(self) -> Iterator[list[str]]:
        """The words of each command of a shell's block, without comments and `uv run`; its variables have values."""
        variables: dict[str, str] = {}
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            words = shlex.split(line, comments=True)
            if len(words) == 1 and (assigned := re.fullmatch(r"([A-Z]+)=(.*)", words[0])):
                variables[f"${assigned[1]}"] = assigned[2]
                continue
            words = words[2:] if words[:2] == ["uv", "run"] else words
            words = [part for word in words for part in (variables[word].split() if word in variables else [word])]
            if words:
                yield words


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    found = []
    for match in FENCE.finditer(text):
        indent = match["indent"]
        lines = [line.removeprefix(indent) for line in match["text"].splitlines(keepends=True)]
        title = re.search(r'title="([^"]+)"', match["options"])
        line = text[: match.start("indent")].count("\n") + 1
        found.append(Block(page, line, match["language"], title and title[1], match["reason"], "".join(lines)))
    return found


def titled(*pages: str) -> dict[str, str]:
    """The files that readers of some pages, as `howto/own_policy.md`, save."""
    return {block.title: block.text for page in pages for block in blocks(REPOSITORY / "docs" / page) if block.title}


def command(page: str, beginning: str) -> list[str]:
    """The words of the one command of a page that begins so."""
    found = [
        words
        for block in blocks(REPOSITORY / "docs" / page)
        if block.language in ("bash", "console")
        for words in block.commands()
        if " ".join(words).startswith(beginning)
    ]
    assert len(found) == 1, (page, beginning, found)
    return found[0]
