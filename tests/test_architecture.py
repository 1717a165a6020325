"""The boundaries between the three packages, from the imports in their source and from what a process loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"

#: Package -> top-level modules that none of its files may import, not even inside a function.
FORBIDDEN = {
    "libero_gym": {"torch", "transformers", "timm", "vla_policy", "vla_trainer"},
    "vla_policy": {"mujoco", "robosuite", "libero", "libero_gym", "vla_trainer"},
    "vla_trainer": {"mujoco", "robosuite", "libero", "libero_gym", "vla_policy", "transformers", "timm"},
}


def imports(path: Path) -> set[str]:
    """Top-level modules that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_file_imports_what_its_package_must_not_know(package):
    files = list((PACKAGES / package / "src").rglob("*.py"))
    assert len(files) > 10  # the folder is where this test looks for it
    broken = {str(path.relative_to(PACKAGES)): imports(path) & FORBIDDEN[package] for path in files}
    assert {path: names for path, names in broken.items() if names} == {}


def test_the_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from torch.nn import Linear\n    import mujoco.egl as egl\n")
    assert imports(path) == {"torch", "mujoco"}


@pytest.mark.parametrize(
    ("package", "loaded"),
    [("libero_gym.env", "torch"), ("vla_policy", "mujoco"), ("vla_trainer.trainer", "mujoco")],
)
def test_a_process_that_imports_a_package_does_not_load_the_others(package, loaded):
    forbidden = sorted(
        FORBIDDEN[package.split(".")[0]] & {"torch", "mujoco", "libero_gym", "vla_policy", "vla_trainer"}
    )
    code = f"import sys, {package}; print([name for name in sys.modules if name.split('.')[0] in {forbidden}])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]", f"{package} loads {loaded} or a package it must not know"


def test_modules_are_short_and_no_dumping_grounds():
    for path in PACKAGES.rglob("src/**/*.py"):
        assert len(path.read_text().splitlines()) <= 400, path
        assert path.stem not in {"utils", "util", "helpers", "common", "misc", "core", "base"}, path
