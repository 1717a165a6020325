"""What a package declares it imports, and what it imports it declares."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
NAMES = ("libero_gym", "vla_policy", "vla_trainer")
#: Used through another library, which imports it.
INDIRECT = {"tensorboard"}
#: Not declared: a part of Pydantic, or used where a user has it, and named in an error where not.
KNOWN = {"pydantic_core", "huggingface_hub", "lerobot", "vla_eval"}


def imported(package: str) -> set[str]:
    """Top-level modules that a package's files import anywhere."""
    found: set[str] = set()
    for path in (PACKAGES / package / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {package}


def declared(package: str, *, extras: bool) -> set[str]:
    project = tomllib.loads((PACKAGES / package / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *(project.get("optional-dependencies", {}).values() if extras else ())]
    names = {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0] for lines in lists for line in lines}
    return {normalized(name) for name in names} - {normalized(package)}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("package", NAMES)
def test_declared_and_imported_are_the_same(package):
    distributions = {module: {normalized(name) for name in names} for module, names in packages_distributions().items()}
    uses = imported(package)
    provided = set().union(*(distributions.get(module, {module}) for module in uses))
    unused = declared(package, extras=False) - provided - INDIRECT
    assert unused == set(), "a plain installation has it, and nothing imports it"
    known = declared(package, extras=True)
    missing = {module for module in uses if not distributions.get(module, {normalized(module)}) & known}
    assert missing - KNOWN == set(), "imported, and not declared"
