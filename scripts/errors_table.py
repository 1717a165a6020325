"""Print docs/errors.md: every error that the packages raise on purpose, with its way out, from the classes' docstrings.

python scripts/errors_table.py > docs/errors.md
"""

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
BASES = {"libero_gym": "LiberoGymError", "vla_policy": "VLAPolicyError", "vla_trainer": "TrainerError"}
"""Package -> the error that all of its others derive from."""
WAY_OUT = "Way out: "
HEAD = """# Errors

Every error that the packages raise on purpose, what it says and the way out. An error's message names the value, the
place and what is allowed. Commands print it as a line and end with exit code 2, or 1 where nothing that you gave is at
fault. The page is made from the classes' docstrings by `python scripts/errors_table.py`; a test compares the two.
[faq.md](faq.md) goes by symptom.
"""


class ErrorClass(NamedTuple):
    name: str
    bases: list[str]
    doc: str

    @property
    def meaning(self) -> str:
        """The docstring without the way out, as a line."""
        return " ".join(self.doc.split(WAY_OUT)[0].split())

    @property
    def way_out(self) -> str:
        """What to do about it, as a line; empty where the docstring does not say."""
        return " ".join(self.doc.partition(WAY_OUT)[2].split())


def error_classes(package: str) -> list[ErrorClass]:
    """Return the errors of a package: its base, and every class that derives from it, in the order of the sources."""
    sources = REPOSITORY / "packages" / package / "src" / package
    classes = []
    for file in sorted(sources.rglob("*.py"), key=lambda path: (path.name != "errors.py", path)):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base) for base in node.bases]
                classes.append(ErrorClass(node.name, bases, ast.get_docstring(node) or ""))
    family = {BASES[package]}
    while found := {error.name for error in classes if family & set(error.bases)} - family:
        family |= found
    return [error for error in classes if error.name in family]


def table(package: str) -> str:
    """Return a package's errors as a Markdown table."""
    rows = ["| error | what it says | way out |", "|---|---|---|"]
    for error in error_classes(package):
        way_out = re.sub(r"docs/((\w+)\.md)", r"[\1](\1)", error.way_out)
        rows.append(f"| `{error.name}` | {error.meaning} | {way_out[:1].upper()}{way_out[1:]} |")
    return "\n".join(rows)


def page() -> str:
    """Return docs/errors.md."""
    parts = [HEAD]
    for package in BASES:
        parts.append(f"## {package}\n\nIn code: `from {package} import errors`.\n\n{table(package)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
