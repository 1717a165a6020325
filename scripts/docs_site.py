"""Let links of docs/ that lead into the repository lead into the site, too: a hook of mkdocs.yml.

A page of docs/ links to README.md, a source or a figure by a relative path, as GitHub reads it. The site holds each
such file: Markdown as a page, everything else as text with numbered lines. A link whose text is a name in backquotes,
as [`PPO.batch`](../packages/.../ppo.py), leads to the line on which that name is defined.
"""

import ast
import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
FOLDER = "repository"
"""Where on the site the files outside docs/ are."""
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
CODE = re.compile(r"^(```.*?^```|    [^\n]*)$", re.MULTILINE | re.DOTALL)


def line_of(file: Path, name: str) -> int | None:
    """Return the line on which a Python file defines a function, a class, a method or a field; None: nowhere."""
    nodes: list[ast.stmt] = ast.parse(file.read_text()).body
    line = None
    for part in name.split("."):
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part:
                line, nodes = node.lineno, node.body
                break
            targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
            if any(isinstance(target, ast.Name) and target.id == part for target in targets):
                line, nodes = node.lineno, []
                break
        else:
            return None
    return line


def source_page(file: Path) -> str:
    """Return a file as HTML with numbered lines, whose anchors are L-1, L-2, ..."""
    try:
        lexer = get_lexer_for_filename(file.name)
    except ClassNotFound:
        lexer = TextLexer()
    style = HtmlFormatter(full=True, linenos="inline", lineanchors="L", title=str(file.relative_to(REPOSITORY)))
    return highlight(file.read_text(), lexer, style)


def in_repository(page: Path, target: str) -> tuple[Path, str] | None:
    """Return the file and the anchor that a link of a page means; None where it leads out, or stays on the page."""
    if "://" in target or target.startswith(("#", "mailto:")):
        return None
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve()
    return (file, anchor) if file.is_relative_to(REPOSITORY) and file.is_file() else None


def site_path(file: Path) -> str:
    """Return where on the site a file of the repository is, as mkdocs names its sources."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS).as_posix()
    path = f"{FOLDER}/{file.relative_to(REPOSITORY).as_posix()}"
    return path if file.suffix in {".md", ".jpg", ".png"} else f"{path}.html"


def links(text: str) -> Iterator[re.Match[str]]:
    """Find the links of a page that stand in no code."""
    code = [match.span() for match in CODE.finditer(text)]
    for match in LINK.finditer(text):
        if not any(start <= match.start() < end for start, end in code):
            yield match


def rewritten(page: Path, text: str) -> str:
    """Return a page's text, its links to other files of the repository as links within the site."""
    here = Path(site_path(page)).parent
    parts, last = [], 0
    for match in links(text):
        found = in_repository(page, match["target"])
        if found is None:
            continue
        file, anchor = found
        name = re.fullmatch(r"`([\w.]+)`", match["text"])
        if name and file.suffix == ".py" and not file.is_relative_to(DOCS) and name[1] != file.name:
            line = line_of(file, name[1])
            if line is None:
                raise PluginError(f"{page.relative_to(REPOSITORY)}: {name[1]} is not defined in {match['target']}")
            anchor = f"L-{line}"
        path = os.path.relpath(site_path(file), here)
        parts += [text[last : match.start("target")], path + (f"#{anchor}" if anchor else "")]
        last = match.end("target")
    return "".join([*parts, text[last:]])


def on_files(files: Files, config: Any) -> Files:
    """Add what pages link to outside docs/, and what those pages link to."""
    waiting = deque(DOCS / file.src_uri for file in files.documentation_pages())
    known = set(waiting)
    while waiting:
        page = waiting.popleft()
        for match in links(page.read_text()):
            found = in_repository(page, match["target"])
            if found is None or found[0] in known:
                continue
            file = found[0]
            known.add(file)
            if file.is_relative_to(DOCS):
                continue
            if file.suffix == ".md":
                content: dict[str, Any] = {"content": rewritten(file, file.read_text())}
                waiting.append(file)
            elif file.suffix in {".jpg", ".png"}:
                content = {"abs_src_path": str(file)}
            else:
                content = {"content": source_page(file)}
            files.append(File.generated(config, site_path(file), **content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of docs/'s own pages; those of others were rewritten when they were added."""
    file = DOCS / page.file.src_uri
    return rewritten(file, markdown) if file.is_file() else markdown
